"""States of a conversation: closed, escalated, and who takes part."""

from sealdesk.migrations import sqlfile

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """What a conversation can be besides locked."""
    sqlfile.run("13_states.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
