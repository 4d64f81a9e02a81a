"""Admins who act at once, and invitations that nobody accepted."""

from sealdesk.migrations import sqlfile

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """What one begins outlives no ousting."""
    sqlfile.run("14_admins.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
