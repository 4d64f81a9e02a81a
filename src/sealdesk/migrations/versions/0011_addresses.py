"""Who an address is: norms that are exact, and visitors under what is no address."""

from alembic import op

from sealdesk.migrations import moved_addresses, sqlfile

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """The functions and the rule first, then what stands is moved, and judged by the rule."""
    sqlfile.run("20_addresses.sql")
    moved_addresses.move(op.get_bind())
    op.execute("alter table sec.person validate constraint person_kind")


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
