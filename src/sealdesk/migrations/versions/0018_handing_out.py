"""Bundles are handed out by what is erased then."""

from sealdesk.migrations import sqlfile

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Whether something was erased since, and whose turn it is."""
    sqlfile.run("27_handing_out.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
