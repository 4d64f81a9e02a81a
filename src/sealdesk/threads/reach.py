"""Whether those who wait or watch still may: asked of the database for all of a process at once, again and again.

Nothing has to tell us that a session ended or that somebody was taken out of a conversation, so nothing that could be lost is waited for.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from sealdesk.access.actor import actor_of
from sealdesk.access.permissions import Permission
from sealdesk.core.db import ABSENT, Database
from sealdesk.core.guests import Guests, Stay

EVERY: Final = 0.4
"""Seconds: with the question itself well within the second in which a revocation has to be felt."""
log = structlog.get_logger("reach")


async def run(database: Database, guests: Guests) -> None:
    """Look until cancelled."""
    while True:
        await asyncio.sleep(EVERY)
        try:
            await look(database, guests)
        except ABSENT as error:
            # Nobody is sent away because the database is: what they ask for then is refused by itself.
            log.warning("reach.interrupted", reason=type(error).__name__)


async def look(database: Database, guests: Guests) -> None:
    """Tell everybody whose stay is over."""
    if stays := guests.stays():
        guests.lose(await over(database, stays))


async def over(database: Database, stays: Sequence[Stay]) -> list[Stay]:
    """Those that are over: the session has ended or may read no more, or the conversation is out of its reach."""
    gate = await database.pool("desk_gate")
    sessions, threads = [stay[0] for stay in stays], [stay[1] for stay in stays]
    reached = {row["live_reach"] for row in await gate.fetch("select * from sec.live_reach($1, $2)", sessions, threads)}
    alive = {
        row["hash"]
        for row in await gate.fetch("select * from sec.peek($1)", list(set(sessions)))
        if actor_of(row).may(Permission.THREAD_READ)
    }
    return [stay for place, stay in enumerate(stays, 1) if place not in reached or stay[0] not in alive]
