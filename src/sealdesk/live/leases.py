"""How many sockets are open, over all processes: a lease in the database for each, renewed while its process lives."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from sealdesk.core.counters import key_of
from sealdesk.core.db import ABSENT, Database
from sealdesk.core.errors import Overloaded, TooManySockets
from sealdesk.core.ids import new_id
from sealdesk.live.policy import Bounds
from sealdesk.web.limits import address_bucket

LIFE: Final = timedelta(seconds=60)
RENEW_EVERY: Final = 20.0
_SENTENCE: Final = {
    "member": "You have {} live connections already. Close one; pages go on without.",
    "address": "There are {} live connections from here already. Pages go on without.",
}
log = structlog.get_logger("live")


class Leases:
    """The leases of one process. Those of a process that was killed run out after `life`; until then they count."""

    def __init__(self, database: Database, bounds: Bounds, life: timedelta = LIFE) -> None:
        self._database = database
        self._bounds = bounds
        self._life = life
        self._held: set[UUID] = set()

    @asynccontextmanager
    async def counted(self, address: str) -> AsyncGenerator[UUID]:
        """Count a socket by its address for as long as the block lasts. Raises `TooManySockets`."""
        lease = new_id()
        self._held.add(lease)
        try:
            await self._take(lease, "address", address_bucket(address), self._bounds.of_address)
            yield lease
        finally:
            self._held.discard(lease)
            await self._call("select sec.drop_live_leases($1)", [lease])

    async def count_member(self, lease: UUID, member: UUID) -> None:
        """Count it by its member too, once that is known. Raises `TooManySockets`."""
        await self._take(lease, "member", str(member), self._bounds.of_member)

    async def renew(self) -> None:
        """Keep what is open counted."""
        if self._held:
            await self._call("select sec.renew_live_leases($1, $2)", list(self._held), self._life)

    async def _take(self, lease: UUID, kind: str, name: str, most: int) -> None:
        try:
            gate = await self._database.pool("desk_gate")
            key = key_of(f"live/{kind}/{name}")
            full = await gate.fetchval("select sec.take_live_lease($1, $2, $3, $4)", lease, [key], [most], self._life)
        except ABSENT as error:
            raise Overloaded("The database can't be reached right now.", headers={"Retry-After": "2"}) from error
        if full:
            raise TooManySockets(_SENTENCE[kind].format(most), seconds=int(RENEW_EVERY))

    async def _call(self, query: str, *arguments: object) -> None:
        try:
            await (await self._database.pool("desk_gate")).execute(query, *arguments)
        except ABSENT as error:
            log.warning("leases.interrupted", reason=type(error).__name__)
