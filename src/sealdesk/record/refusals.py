"""Refusals on record: the first of a kind at once, then one counted entry a minute, so that a flood can't fill the ledger.

The answer goes out first; then `Notes` appends a row to a spool, what comes at once in one transaction, and the worker counts rows into
entries. A row leaves the spool in the transaction that records it, so killing the worker loses none. Where strangers come from more
addresses than anybody would read through, those share an entry that names no address: many of them can't fill the ledger either.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog

from sealdesk.access.actor import NOBODY, Holder, Traced, system
from sealdesk.access.permissions import Permission
from sealdesk.core.db import ABSENT, Row
from sealdesk.core.errors import Refusal, Tried
from sealdesk.core.gather import Gatherer
from sealdesk.core.rounds import rounds
from sealdesk.ledger.events import Stream
from sealdesk.record import events
from sealdesk.unit import Desk

T = TypeVar("T")
R = TypeVar("R")
EVERY = 1.0
MOST = 200
MOST_PROBES = 2000
PAUSE = 0.05
MOST_ADDRESSES = 20
"""Of so many address buckets at once the same refusal is told one by one."""
_SETTLE = """
select sum(s.count)::bigint as count, min(s.first_at) as first_at, max(s.last_at) as last_at, (array_agg(s.bucket))[1] as bucket
  from unnest($1::text[], $2::bigint[]) due(key, upto), lateral sec.settle_refusals(due.key, due.upto) s"""
_TRACE = """
select asked.number, t.* from unnest($1::uuid[], $2::text[], $3::text[]) with ordinality asked(person, account, address, number),
  lateral sec.trace(asked.person, asked.account, asked.address) t order by asked.number, t.org_id"""

_OF_TRIES = {"signed-out": "wrong-password", "too-many-requests": "soft-lock"}
"""What a refusal is called on record where it was a try at an account: not every 401 is a wrong password."""
_TYPES = {400: "probe", 401: "auth.failed", 403: "authz.denied", 404: "probe", 429: "rate.limited"}
log = structlog.get_logger("security")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was refused: the request's id, SHA-256 of the token it showed, its route, the ids it asked for, and its address."""

    request: UUID
    session: bytes | None
    route: str
    targets: tuple[UUID, ...]
    address: str


class Notes:
    """Puts the refusals of one web process on record, those that come at once together."""

    def __init__(self, desk: Desk) -> None:
        self._database = desk.database
        self._rows = Gatherer(self._add)
        self._traces = Gatherer(self._trace)

    async def note(self, asked: Asked, refusal: Refusal) -> None:
        """Put one refusal on record. Only 401, 403, 429, and 400 and 404 to who asked for an id are."""
        kind = _TYPES.get(refusal.status)
        if kind is None or (kind == "probe" and not asked.targets):
            return
        called = _OF_TRIES.get(refusal.slug, refusal.slug) if refusal.tried else refusal.slug
        targets = list(asked.targets)
        person = refusal.tried.person if refusal.tried else None
        slug = called.replace("-", "_")
        row = (asked.session, kind, slug, asked.route, targets, asked.address, asked.request, person)
        try:
            await _together(self._rows, self._add, row)
        except ABSENT as error:
            # The person has the answer; what is lost is the entry, and the log says so.
            log.warning("refusal.not_recorded", reason=type(error).__name__, kind=refusal.slug, route=asked.route)

    async def trace(self, tried: Tried, address: str) -> Traced:
        """What is written of a try at an account, from an address: neither of the two."""
        return await _together(self._traces, self._trace, (tried.person, tried.account, address))

    async def _add(self, rows: Sequence[tuple[object, ...]]) -> list[None]:
        pool = await self._database.pool("desk_gate")
        await pool.executemany("select sec.note_refusal($1, $2, $3, $4, $5, $6, $7, $8)", rows)
        if len(rows) > 1:
            # Nobody waits for this: in a flood the disk is asked for few commits of many rows.
            await asyncio.sleep(PAUSE)
        return [None] * len(rows)

    async def _trace(self, asked: Sequence[tuple[UUID | None, str, str]]) -> list[Traced]:
        pool = await self._database.pool("desk_gate")
        found: dict[int, Traced] = {}
        for row in await pool.fetch(_TRACE, *(list(column) for column in zip(*asked, strict=True))):
            found.setdefault(row["number"], Traced(row["account"], row["address"], row["org_id"], row["member_id"]))
        return [found[number] for number in range(1, len(asked) + 1)]


async def _together(gathered: Gatherer[T, R], work: Callable[[Sequence[T]], Awaitable[Sequence[R]]], item: T) -> R:
    """The outcome of `work` for the item; one for which it fails takes no other with it."""
    try:
        return await gathered(item)
    except ABSENT:
        return (await work([item]))[0]


async def whose(desk: Desk, token_hash: bytes) -> Holder | None:
    """The member that a token was made for, though it may be dead."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.whose($1)", token_hash)
    return Holder(row["org_id"], row["member_id"], row["live"]) if row else None


async def settle(desk: Desk) -> int:
    """Count what is due into entries; gives how many were looked at, less than `MOST` where nothing is left."""
    pool = await desk.database.pool("desk_worker")
    for probe in await pool.fetch("select * from sec.classify_probes($1)", MOST_PROBES):
        _tell(probe)
    due = await pool.fetch("select * from sec.due_refusals($1)", MOST)
    for rows in _shared(due):
        await _record(desk, rows)
    return len(due)


def _shared(due: Sequence[Row]) -> list[list[Row]]:
    """What goes into one entry each: a row of its own, but for the same refusal of strangers from more than `MOST_ADDRESSES`."""
    strangers: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in due:
        if row["org_id"] is None:
            strangers[row["type"], row["kind"], row["route"]].append(row)
    crowds = [rows for rows in strangers.values() if len(rows) > MOST_ADDRESSES]
    crowded = {row["key"] for rows in crowds for row in rows}
    return [*crowds, *([row] for row in due if row["key"] not in crowded)]


def _tell(probe: Row) -> None:
    log.warning(
        "suspicious_activity",
        owasp="malicious_direct_reference",
        kind="foreign-id",
        request_id=str(probe["request_id"]),
        route=probe["route"],
        org=str(probe["org_id"]) if probe["org_id"] else None,
        member=str(probe["member_id"]) if probe["member_id"] else None,
    )


async def _record(desk: Desk, rows: Sequence[Row]) -> None:
    first = rows[0]
    org = first["org_id"] or NOBODY
    stream = Stream("user", first["member_id"]) if first["member_id"] else Stream("log", org)
    async with desk.change(system(org)) as change:
        change.demand(Permission.REFUSAL_RECORD)
        gone = await change.row(_SETTLE, [row["key"] for row in rows], [row["upto"] for row in rows])
        if gone is None or not gone["count"]:
            change.nothing()
            return
        await change.lock(stream)
        bucket = gone["bucket"] if len(rows) == 1 else None
        span = gone["count"], gone["first_at"], gone["last_at"]
        where = events.Where(first["route"], first["thread"], bucket)
        change.record(events.refused(stream, first["type"], first["kind"], where, *span))


async def run(desk: Desk, stop: asyncio.Event) -> None:
    """Settle every second until `stop`, and at once where more is waiting."""
    await rounds("refusals", partial(settle, desk), EVERY, stop, most=MOST)
