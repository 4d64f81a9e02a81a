"""Switching the widget off and ending keys, whoever is on the way in."""

from sealdesk.migrations import sqlfile

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Arrivals, and the lock that whoever ends them takes."""
    sqlfile.run("21_switching.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
