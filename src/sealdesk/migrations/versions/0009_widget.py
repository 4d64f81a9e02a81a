"""The widget and its visitors."""

from sealdesk.migrations import sqlfile

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Whoever comes by another site."""
    sqlfile.run("18_widget.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
