"""Followers: what is derived from the record, entry by entry, in the order of the log.

What a follower does about an entry and that it has read it are one transaction: after a crash at any point the entry comes again and
nothing of the first try is left, or it is done and never comes again. A follower that acts on an entry leaves the rest of the stretch to
the next transaction, so that no transaction acts twice and locks in two orders. After each stretch comes the next organisation, those that
have something new among them, and the next follower; one in which a follower stumbles rests for a while: it holds up no other.
"""

import asyncio
import time
from typing import Final, Protocol
from uuid import UUID

import structlog

from sealdesk.access.actor import system
from sealdesk.access.permissions import Permission
from sealdesk.core.db import ABSENT
from sealdesk.core.errors import Overloaded
from sealdesk.ledger import tail
from sealdesk.ledger.read import Stored
from sealdesk.unit import Change, Desk

FOLLOW_EVERY: Final = 0.25
REST: Final = 30.0
"""Seconds before a follower tries again in an organisation where it stumbled."""
STRETCH: Final = 200
"""Entries that one transaction reads at most."""
STRETCH_BYTES: Final = 64 * 1024
"""Content after which a transaction reads no further entry: what it has read is read again when the worker dies, and others wait for it."""

log = structlog.get_logger("worker")


class Follower(Protocol):
    """Derives something from entries, in log order, once each. `permission` is what it does it by; its name is the actor of its entries."""

    name: str
    permission: Permission
    types: frozenset[str]

    async def handle(self, change: Change, entry: Stored) -> bool:
        """Do what follows from `entry` (only of `types`); whether that left an entry."""
        ...


class Following:
    """Brings followers to the head of each log, again and again."""

    def __init__(self, desk: Desk, followers: tuple[Follower, ...]) -> None:
        self._desk = desk
        self._followers = followers
        self._resting: dict[tuple[str, UUID], float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop`."""
        while not stop.is_set():
            more = False
            for follower in self._followers:
                try:
                    more |= await self.turn(follower, stop)
                except (*ABSENT, Overloaded) as error:
                    log.warning("follower.interrupted", follower=follower.name, reason=str(error))
            if more:
                continue
            try:
                await asyncio.wait_for(stop.wait(), FOLLOW_EVERY)
            except TimeoutError:
                continue

    async def catch_up(self, follower: Follower) -> None:
        """Let one follower read all it has not read yet."""
        while await self.turn(follower):
            pass

    async def turn(self, follower: Follower, stop: asyncio.Event | None = None) -> bool:
        """Let one follower read a stretch of each log in which there is something new; whether there was more anywhere."""
        pool, more = await self._desk.database.pool("desk_worker"), False
        for org in await tail.behind(pool, follower.name):
            if stop and stop.is_set():
                return False
            if self._rests(follower, org):
                continue
            try:
                more |= await advance(self._desk, follower, org)
            except (*ABSENT, Overloaded):
                raise
            except Exception:
                log.exception("follower.stumbled", follower=follower.name, org=str(org))
                self._resting[follower.name, org] = time.monotonic() + REST
        return more

    def _rests(self, follower: Follower, org: UUID) -> bool:
        return self._resting.get((follower.name, org), 0.0) > time.monotonic()


async def advance(desk: Desk, follower: Follower, org: UUID) -> bool:
    """Read one stretch of a log, up to the first entry that is acted on or fills it; whether there is more."""
    async with desk.change(system(org, follower.name)) as change:
        change.demand(follower.permission)
        place = await change.ledger(tail.place, follower.name)
        upto, acted, read = min(place.size, place.position + STRETCH), False, 0
        for entry in await change.ledger(tail.stretch, place.position, upto, follower.types):
            acted, read = await follower.handle(change, entry), read + entry.content_bytes
            if acted or read >= STRETCH_BYTES:
                assert entry.index is not None
                upto = entry.index + 1
                break
        if not acted:
            change.nothing()
        if upto > place.position:
            await change.ledger(tail.move, follower.name, upto)
    return upto < place.size
