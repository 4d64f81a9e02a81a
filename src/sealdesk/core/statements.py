"""Statements that are the same for every table."""

from functools import cache


@cache
def insertion(table: str, names: tuple[str, ...]) -> str:
    """An INSERT of one row of an organisation: `$1` is its id, the columns `names` follow."""
    marks = ", ".join(f"${number}" for number in range(2, len(names) + 2))
    return f"insert into {table} (org_id, {', '.join(names)}) values ($1, {marks})"  # noqa: S608 - names come from code
