"""Pushback: when the sequencer can't keep up, posting stops with 503 instead of piling up what no checkpoint covers (ledger.md 4.2)."""

import time
from datetime import timedelta
from uuid import UUID

from sealdesk.core import clock
from sealdesk.core.db import LOST, Database
from sealdesk.core.errors import Overloaded

MOST_WAITING = 10_000
MOST_AGE = timedelta(seconds=30)
LOOK_EVERY = 1.0


class Backlog:
    """What this process knows of the queue, at most a second old: the queue is asked for once a second, not once a post."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked = float("-inf")
        self._full: frozenset[UUID] = frozenset()
        self._all = False

    async def demand_room(self, org: UUID) -> None:
        """Raise `Overloaded` (503) while more than 10,000 entries wait, or the organisation's oldest has waited for more than 30 s.

        A log that stands still holds up no other organisation.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            await self._look()
        if self._all or org in self._full:
            raise Overloaded(
                "The desk is catching up with its record and takes nothing new for a moment. Nothing was lost; try again.",
                headers={"Retry-After": "5"},
            )

    async def _look(self) -> None:
        pool = await self._database.pool("desk_gate")
        try:
            rows = await pool.fetch("select org_id, waiting, oldest from ledger.backlog($1)", MOST_WAITING + 1)
        except LOST:
            return  # whoever asks is about to be told so
        self._full = frozenset(row["org_id"] for row in rows if clock.now() - row["oldest"] > MOST_AGE)
        self._all = sum(row["waiting"] for row in rows if row["org_id"] not in self._full) > MOST_WAITING
