"""Refusals on record: the first of a kind at once, then one counted entry a minute, so that a flood can't fill the ledger.

The answer goes out first; then `note` appends a row to a spool, and the worker counts rows into entries. A row leaves the spool in the
transaction that records it, so killing the worker loses none.
"""

import asyncio
from uuid import UUID

import structlog

from sealdesk.access.actor import NOBODY, system
from sealdesk.access.permissions import Permission
from sealdesk.core.db import ABSENT
from sealdesk.core.errors import Refusal
from sealdesk.ledger.events import Stream
from sealdesk.record import events
from sealdesk.unit import Desk

EVERY = 1.0
MOST = 200

_TYPES = {401: "auth.failed", 403: "authz.denied", 404: "probe", 429: "rate.limited"}
log = structlog.get_logger("security")


async def note(
    desk: Desk, session: bytes | None, refusal: Refusal, route: str, target: UUID | None, address: str
) -> None:
    """Put one refusal on record, in a transaction of its own. Only 401, 403, 404 on an id, and 429 are."""
    kind = _TYPES.get(refusal.status)
    if kind is None or (kind == "probe" and target is None):
        return
    try:
        pool = await desk.database.pool("desk_gate")
        await pool.execute(
            "select sec.note_refusal($1, $2, $3, $4, $5, $6)",
            session,
            kind,
            refusal.slug.replace("-", "_"),
            route,
            target,
            address,
        )
    except ABSENT as error:
        # The person has the answer; what is lost is the entry, and the log says so.
        log.warning("refusal.not_recorded", reason=type(error).__name__, kind=refusal.slug, route=route)


async def settle(desk: Desk) -> int:
    """Count what is due into entries; gives how many were recorded."""
    pool = await desk.database.pool("desk_worker")
    await pool.execute("select sec.classify_probes($1)", MOST)
    due = await pool.fetch("select * from sec.due_refusals($1)", MOST)
    for row in due:
        org = row["org_id"] or NOBODY
        stream = Stream("user", row["member_id"]) if row["member_id"] else Stream("log", NOBODY)
        async with desk.change(system(org)) as change:
            change.demand(Permission.REFUSAL_RECORD)
            gone = await change.row("select * from sec.settle_refusals($1, $2)", row["key"], row["upto"])
            if gone is None or not gone["count"]:
                change.nothing()
                continue
            await change.lock(stream)
            change.record(
                events.refused(
                    stream,
                    row["type"],
                    row["kind"],
                    row["route"],
                    row["bucket"],
                    gone["count"],
                    gone["first_at"],
                    gone["last_at"],
                )
            )
    return len(due)


async def run(desk: Desk, stop: asyncio.Event) -> None:
    """Settle every second until `stop`."""
    while not stop.is_set():
        try:
            await settle(desk)
        except (*ABSENT, Refusal) as error:
            log.warning("refusals.interrupted", reason=str(error))
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            continue
