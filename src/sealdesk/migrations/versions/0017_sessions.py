"""What governs ends with its session."""

from sealdesk.migrations import sqlfile

revision = "0017"
down_revision = "0015"


def upgrade() -> None:
    """Sessions that are held, and invitations that are."""
    sqlfile.run("26_sessions.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
