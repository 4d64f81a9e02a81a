"""The spine: context, people, conversations, ledger."""

from sealdesk.migrations import sqlfile

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Schema, tables, triggers, functions, policies, grants and the lint."""
    for name in (
        "02_schemas.sql",
        "03_context.sql",
        "04_tables.sql",
        "05_append_only.sql",
        "06_doors.sql",
        "07_policies.sql",
        "08_grants.sql",
        "09_lint.sql",
        "10_gather.sql",
    ):
        sqlfile.run(name)


def downgrade() -> None:
    """There is no way back: a record is not unmade."""
    raise RuntimeError("a ledger has no downgrade; restore a backup into a new epoch instead")
