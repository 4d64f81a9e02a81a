"""Followers: a name, a saved position (log index) and one method. Position and effect are saved in one transaction."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sealdesk.core.db import Connection, Queries
from sealdesk.ledger.read import ENTRY_COLUMNS, Stored

BATCH = 200
_STRETCH = """from ledger.leaf l join ledger.entry e using (org_id, qid)
where l.org_id = $1 and l.idx >= $2 and l.idx < $3 and e.type = any ($4) order by l.idx"""


class Follower(Protocol):
    """Derives something from entries, in log order, once each.

    `handle` runs inside the transaction that saves the position: after a crash the entry comes again and nothing of the first try is left.
    """

    name: str
    types: frozenset[str]

    async def handle(self, connection: Connection, org: UUID, entry: Stored) -> None:
        """Do what follows from `entry` (only of `types`)."""
        ...


@dataclass(frozen=True, slots=True)
class Behind:
    """A log that a follower has not read to its head."""

    org: UUID
    position: int
    size: int


async def behind(connection: Queries, name: str) -> list[Behind]:
    """The organisations' logs in which `name` has entries to read; call outside any organisation's context."""
    rows = await connection.fetch(
        "select h.org_id, coalesce(f.position, 0) as position, h.size from ledger.head h"
        " left join ledger.follower f on f.org_id = h.org_id and f.name = $1 where h.size > coalesce(f.position, 0)",
        name,
    )
    return [Behind(row["org_id"], row["position"], row["size"]) for row in rows]


async def step(connection: Connection, follower: Follower, log: Behind) -> int:
    """Read one batch inside the caller's transaction and context; gives the new position."""
    upto = min(log.size, log.position + BATCH)
    async for entry in _entries(connection, log.org, log.position, upto, follower.types):
        await follower.handle(connection, log.org, entry)
    await connection.execute(
        "insert into ledger.follower (org_id, name, position) values ($1, $2, $3)"
        " on conflict (org_id, name) do update set position = excluded.position where ledger.follower.position = $4",
        log.org,
        follower.name,
        upto,
        log.position,
    )
    return upto


async def _entries(
    connection: Connection, org: UUID, start: int, end: int, types: frozenset[str]
) -> AsyncGenerator[Stored]:
    rows = await connection.fetch(
        f"select {ENTRY_COLUMNS} {_STRETCH}",
        org,
        start,
        end,
        list(types),
    )
    for row in rows:
        yield Stored.of(row)
