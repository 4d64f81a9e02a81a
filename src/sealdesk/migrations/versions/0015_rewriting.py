"""Keys of what was erased leave the files of the database."""

from sealdesk.migrations import sqlfile

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """What was deleted, and the function that writes the table of keys anew."""
    sqlfile.run("24_rewriting.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
