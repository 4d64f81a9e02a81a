"""What happened to a person before anybody was signed in, or in another organisation: onto the record of each, and a notice to the person.

A row leaves in the transaction that records it and queues its notice, so killing the worker neither loses nor doubles one.
"""

import asyncio
import json
from datetime import datetime
from functools import partial

import structlog

from sealdesk.access.actor import system
from sealdesk.access.permissions import Permission
from sealdesk.core.db import Row
from sealdesk.core.errors import Refusal
from sealdesk.core.rounds import rounds
from sealdesk.ledger.events import Event, Stream
from sealdesk.people import events, outbox
from sealdesk.people.outbox import Mail
from sealdesk.unit import Desk

EVERY = 0.5
MOST = 200

log = structlog.get_logger("security")


async def settle(desk: Desk) -> int:
    """Record and tell what waits; gives how many rows there were."""
    rows = await (await desk.database.pool("desk_worker")).fetch("select * from sec.happenings($1)", MOST)
    for row in rows:
        try:
            await _settle(desk, row)
        except Refusal as error:
            # One organisation's trouble holds up no other.
            log.warning("happening.waits", org=str(row["org_id"]), reason=str(error))
    return len(rows)


async def run(desk: Desk, stop: asyncio.Event) -> None:
    """Settle again and again until `stop`."""
    await rounds("happenings", partial(settle, desk), EVERY, stop)


async def _settle(desk: Desk, row: Row) -> None:
    async with desk.change(system(row["org_id"])) as change:
        change.demand(Permission.HAPPENING_RECORD)
        if not await change.value("select sec.settle_happening($1)", row["happening_id"]):
            change.nothing()  # another worker was first
            return
        if row["recorded"]:
            change.nothing()
        else:
            await change.lock(Stream("user", row["member_id"]))
            change.record(_event(row))
        if row["email"]:
            await outbox.queue(change, desk.sealer, Mail(row["email"], f"{row['type']}/{row['detail']}", _said(row)))


def _said(row: Row) -> dict[str, str]:
    at: datetime = row["at"]
    return {"at": f"{at.day} {at:%B %Y, %H:%M} UTC", **json.loads(row["about"])}


def _event(row: Row) -> Event:
    match row["type"]:
        case "session.revoked":
            return events.session_revoked(row["member_id"], row["detail"])
        case "device.added":
            return events.device_added(row["member_id"], row["detail"])
        case _:
            return events.credential_changed(row["member_id"], row["detail"])
