"""Before an API token ends, its owner is told in time to put another in its place (ASVS 6.4.5): twice, or once in a short life.

That a reminder was given stands with the token from the transaction that queues its mail on: killing the worker neither loses nor
doubles one.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from sealdesk.access.actor import system
from sealdesk.access.permissions import Permission
from sealdesk.core.rounds import rounds
from sealdesk.people import outbox
from sealdesk.people.outbox import Mail
from sealdesk.unit import Desk

EARLY = timedelta(days=14)
LATE = timedelta(days=3)
"""How long before the end; half of its life before the end, where that is shorter."""
EVERY = 60.0
MOST = 200

log = structlog.get_logger("security")


async def settle(desk: Desk) -> int:
    """Queue the mails that are due; gives how many."""
    pool = await desk.database.pool("desk_worker")
    rows = await pool.fetch("select * from sec.tokens_to_remind($1, $2, $3)", EARLY, LATE, MOST)
    return sum([await _remind(desk, row["org_id"], row["session_id"]) for row in rows])


async def run(desk: Desk, stop: asyncio.Event) -> None:
    """Remind every minute until `stop`, and at once where more is waiting."""
    await rounds("reminders", partial(settle, desk), EVERY, stop, most=MOST)


async def _remind(desk: Desk, org: UUID, token: UUID) -> bool:
    async with desk.change(system(org)) as change:
        change.demand(Permission.HAPPENING_RECORD)
        change.nothing()  # a mail about what is on record already
        row = await change.row("select * from sec.remind($1, $2, $3)", token, EARLY, LATE)
        if row is None:
            return False  # ended meanwhile, or another worker was first
        until: datetime = row["until"].astimezone(UTC)
        day = f"{until.day} {until:%B} {until.year}"
        data = {"token": row["label"], "hint": row["hint"], "organisation": row["org_name"], "day": day}
        data |= {"until": f"{day}, {until:%H:%M} UTC", "path": "/account/tokens"}
        await outbox.queue(change, desk.sealer, Mail(row["email"], "token.ends", data))
    return True
