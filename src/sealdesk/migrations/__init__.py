"""The schema's history. SQL that is more than a query lives in `sql/`, with a comment that says why."""

from typing import Final

NEWEST: Final = "0021"
"""The revision that this release's code expects: Alembic knows it too, but costs each process a second to import."""
