"""Bundles by what holds when they are handed out."""

from sealdesk.migrations import sqlfile

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """The reach of bundles, and what was redacted since."""
    sqlfile.run("23_bundles.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
