"""Live sockets, and how far somebody has read."""

from sealdesk.migrations import sqlfile

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Tickets, leases and read marks; nothing of the record changes."""
    sqlfile.run("17_live.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
