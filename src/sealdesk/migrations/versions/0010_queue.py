"""Who waits for an answer, and since when."""

from sealdesk.migrations import sqlfile

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """The line of those who wait."""
    sqlfile.run("19_queue.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
