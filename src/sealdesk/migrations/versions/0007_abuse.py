"""Lexicons, flags, and the conversation of a refusal."""

from sealdesk.migrations import sqlfile

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """What is looked for and what was found."""
    sqlfile.run("16_abuse.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
