"""Identity: factors, devices, links, mail, shared counters, and the life of sessions and members."""

from sealdesk.migrations import sqlfile

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """What signing in, staying signed in and inviting others need."""
    sqlfile.run("11_identity.sql")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
