"""How far followers have read the logs, and what comes next. Position and effect are saved in one transaction (`sealdesk.following`)."""

from dataclasses import dataclass
from uuid import UUID

from sealdesk.core.db import Connection, Queries
from sealdesk.ledger.read import ENTRY_COLUMNS, Stored

_STRETCH = """from ledger.leaf l join ledger.entry e using (org_id, qid)
where l.org_id = $1 and l.idx >= $2 and l.idx < $3 and e.type = any ($4) order by l.idx"""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a follower has come in a log (the index it reads next), and how long that log is."""

    position: int
    size: int


async def behind(connection: Queries, name: str) -> list[UUID]:
    """The organisations in whose logs `name` has entries to read; call outside any organisation's context."""
    rows = await connection.fetch(
        "select h.org_id from ledger.head h left join ledger.follower f on f.org_id = h.org_id and f.name = $1"
        " where h.size > coalesce(f.position, 0) order by h.org_id",
        name,
    )
    return [row["org_id"] for row in rows]


async def place(connection: Connection, org: UUID, name: str) -> Place:
    """Where `name` is, which nobody else moves until the transaction ends: two workers take turns."""
    begun = "insert into ledger.follower (org_id, name) values ($1, $2) on conflict do nothing"
    await connection.execute(begun, org, name)
    row = await connection.fetchrow(
        "select f.position, (select h.size from ledger.head h where h.org_id = $1) as size"
        " from ledger.follower f where f.org_id = $1 and f.name = $2 for update of f",
        org,
        name,
    )
    assert row is not None
    return Place(row["position"], row["size"] or 0)


async def stretch(connection: Connection, org: UUID, start: int, end: int, types: frozenset[str]) -> list[Stored]:
    """The entries of some types from index `start` until before `end`, in order."""
    query = f"select {ENTRY_COLUMNS} {_STRETCH}"
    return [Stored.of(row) for row in await connection.fetch(query, org, start, end, list(types))]


async def move(connection: Connection, org: UUID, name: str, position: int) -> None:
    """Note that `name` has read all before `position`."""
    await connection.execute(
        "update ledger.follower set position = $3 where org_id = $1 and name = $2", org, name, position
    )
