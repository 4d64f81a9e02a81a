"""Access: attempts at accounts, reminders, sessions that are held back, and the way back for whoever lost every factor."""

from sealdesk.migrations import sqlfile

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What people and access need beyond signing in."""
    sqlfile.run("12_access.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
