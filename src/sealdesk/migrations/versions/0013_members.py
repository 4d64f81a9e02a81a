"""Members by the page."""

from sealdesk.migrations import sqlfile

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """The order of members."""
    sqlfile.run("22_members.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
