"""What a person does to their own account ends with its session."""

from sealdesk.migrations import sqlfile

revision = "0020"
down_revision = "0018"


def upgrade() -> None:
    """Own acts that hold their session, and addresses that are settled in one order."""
    sqlfile.run("29_own_acts.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
