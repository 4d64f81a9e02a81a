"""Redaction, erasure and legal holds."""

from sealdesk.migrations import sqlfile

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """What is not to be read any more, and what stops its erasure."""
    sqlfile.run("15_redaction.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
