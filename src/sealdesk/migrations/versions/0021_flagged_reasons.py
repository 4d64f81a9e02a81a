"""The reason of a change can be flagged."""

from sealdesk.migrations import sqlfile

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """What a flag may be about."""
    sqlfile.run("30_flagged_reasons.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
