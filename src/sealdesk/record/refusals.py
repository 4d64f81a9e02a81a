"""Refusals on record: the first of a kind at once, then one counted entry a minute, so that a flood can't fill the ledger.

The answer goes out first; then `note` appends a row to a spool, and the worker counts rows into entries. A row leaves the spool in the
transaction that records it, so killing the worker loses none.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import structlog

from sealdesk.access.actor import NOBODY, Holder, Traced, system
from sealdesk.access.permissions import Permission
from sealdesk.core.db import ABSENT, Row
from sealdesk.core.errors import Refusal, Tried
from sealdesk.ledger.events import Stream
from sealdesk.record import events
from sealdesk.unit import Desk

EVERY = 1.0
MOST = 200
MOST_PROBES = 2000

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


async def note(desk: Desk, asked: Asked, refusal: Refusal) -> None:
    """Put one refusal on record, in a transaction of its own. Only 401, 403, 429, and 400 and 404 to who asked for an id are."""
    kind = _TYPES.get(refusal.status)
    if kind is None or (kind == "probe" and not asked.targets):
        return
    try:
        pool = await desk.database.pool("desk_gate")
        await pool.execute(
            "select sec.note_refusal($1, $2, $3, $4, $5, $6, $7, $8)",
            asked.session,
            kind,
            (_OF_TRIES.get(refusal.slug, refusal.slug) if refusal.tried else refusal.slug).replace("-", "_"),
            asked.route,
            list(asked.targets) if kind == "probe" else [],
            asked.address,
            asked.request,
            refusal.tried.person if refusal.tried else None,
        )
    except ABSENT as error:
        # The person has the answer; what is lost is the entry, and the log says so.
        log.warning("refusal.not_recorded", reason=type(error).__name__, kind=refusal.slug, route=asked.route)


async def whose(desk: Desk, token_hash: bytes) -> Holder | None:
    """The member that a token was made for, though it may be dead."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.whose($1)", token_hash)
    return Holder(row["org_id"], row["member_id"], row["live"]) if row else None


async def trace(desk: Desk, tried: Tried, address: str) -> Traced:
    """What is written of a try at an account, from an address: neither of the two."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.trace($1, $2, $3) limit 1", tried.person, tried.account, address)
    assert row is not None
    return Traced(row["account"], row["address"], row["org_id"], row["member_id"])


async def settle(desk: Desk) -> int:
    """Count what is due into entries; gives how many were looked at, less than `MOST` where nothing is left."""
    pool = await desk.database.pool("desk_worker")
    for probe in await pool.fetch("select * from sec.classify_probes($1)", MOST_PROBES):
        _tell(probe)
    due = await pool.fetch("select * from sec.due_refusals($1)", MOST)
    for row in due:
        await _record(desk, row)
    return len(due)


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


async def _record(desk: Desk, row: Row) -> None:
    stream = Stream("user", row["member_id"]) if row["member_id"] else Stream("log", row["org_id"] or NOBODY)
    async with desk.change(system(row["org_id"] or NOBODY)) as change:
        change.demand(Permission.REFUSAL_RECORD)
        gone = await change.row("select * from sec.settle_refusals($1, $2)", row["key"], row["upto"])
        if gone is None or not gone["count"]:
            change.nothing()
            return
        await change.lock(stream)
        change.record(
            events.refused(
                stream,
                row["type"],
                row["kind"],
                row["route"],
                gone["bucket"],
                gone["count"],
                gone["first_at"],
                gone["last_at"],
            )
        )


async def run(desk: Desk, stop: asyncio.Event) -> None:
    """Settle every second until `stop`, and at once where more is waiting."""
    while not stop.is_set():
        try:
            if await settle(desk) == MOST:
                continue
        except (*ABSENT, Refusal) as error:
            log.warning("refusals.interrupted", reason=str(error))
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            continue
