"""Counts of windows in the database: the same for every web process, exact, and kept over a restart."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b

from sealdesk.core import clock
from sealdesk.core.db import ABSENT, Database
from sealdesk.core.errors import Overloaded
from sealdesk.core.gather import Gatherer
from sealdesk.core.valkey import ValkeyAway, ValkeyCounts

KEPT = 1.0
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Hit:
    """One more of `name`, in a window of `seconds` that opens with its first."""

    name: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are with this one, and when the window ends."""

    number: int
    until: datetime


class Memory:
    """What was refused a moment ago, and until when: whoever comes again within a second is refused without asking the database.

    It lets nobody in, so counts stay exact as to who was; it may refuse for a second longer where another process began a count anew.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Count, object]] = {}

    def keep(self, name: str, count: Count, about: object = None) -> None:
        """Remember that `name` is full, and what else a refusal has to tell."""
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[name] = time.monotonic() + KEPT, count, about

    def find(self, name: str) -> tuple[Count, object] | None:
        """What was kept, if it still is so."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        gone, count, about = kept
        if gone <= time.monotonic() or count.until <= clock.now():
            del self._kept[name]
            return None
        return count, about

    def drop(self, names: Sequence[str]) -> None:
        """Forget them."""
        for name in names:
            self._kept.pop(name, None)


class Counters:
    """Adds up in `sec.counter`; concurrent hits go in one statement, and each still learns its own place in the count.

    `durable` hits are on the disk when they are answered; the others are committed without waiting for it, so that only a crash of the
    database server itself (not of ours) can lose the last fraction of a second of them. With `valkey` set, those others are counted
    there, and in the database while it is away: a window then may let in what each of the two allows, and never more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._durable = Gatherer(partial(self._hit, durable=True))
        self._quick = Gatherer(partial(self._hit, durable=False))
        self._looks = Gatherer(self._counts)
        self.full = Memory()
        self.valkey: ValkeyCounts | None = None

    async def hit(self, *hits: Hit, durable: bool = False) -> list[Count]:
        """Count all of `hits`; gives one count each, in order. Raises `Overloaded` where the database is away: never open."""
        return await (self._durable if durable else self._quick)(hits)

    async def counts(self, *names: str) -> dict[str, Count]:
        """The open windows among `names`."""
        return await self._looks(names)

    async def forget(self, *names: str) -> None:
        """Begin these counts anew."""
        try:
            pool = await self._database.pool("desk_gate")
            await pool.execute("select sec.forget_counts($1)", [key_of(name) for name in names])
        except ABSENT as error:
            raise _away() from error
        finally:
            self.full.drop(names)  # what was counted meanwhile is of before

    async def _counts(self, asked: Sequence[tuple[str, ...]]) -> list[dict[str, Count]]:
        keys = {key_of(name) for names in asked for name in names}
        try:
            rows = await (await self._database.pool("desk_gate")).fetch("select * from sec.counts($1)", list(keys))
        except ABSENT as error:
            raise _away() from error
        found = {row["key"]: Count(row["count"], row["until"]) for row in rows}
        return [{name: found[key_of(name)] for name in names if key_of(name) in found} for names in asked]

    async def _hit(self, asked: Sequence[tuple[Hit, ...]], *, durable: bool) -> list[list[Count]]:
        amounts: dict[bytes, int] = {}
        seconds: dict[bytes, int] = {}
        for hit in (hit for hits in asked for hit in hits):
            key = key_of(hit.name)
            amounts[key] = amounts.get(key, 0) + 1
            seconds[key] = hit.seconds
        found = await self._added(amounts, seconds, durable=durable)
        # Who came first has the lower number: the batch was added as a whole.
        ends = {key: until for key, (_, until) in found.items()}
        numbers = {key: number - amounts[key] for key, (number, _) in found.items()}
        answers: list[list[Count]] = []
        for hits in asked:
            answer: list[Count] = []
            for hit in hits:
                key = key_of(hit.name)
                numbers[key] += 1
                answer.append(Count(numbers[key], ends[key]))
            answers.append(answer)
        return answers

    async def _added(
        self, amounts: dict[bytes, int], seconds: dict[bytes, int], *, durable: bool
    ) -> dict[bytes, tuple[int, datetime]]:
        keys, most, spans = list(amounts), list(amounts.values()), list(seconds.values())
        if self.valkey is not None and not durable:
            with suppress(ValkeyAway):
                return dict(zip(keys, await self.valkey.hit(keys, most, spans), strict=True))
        try:
            pool = await self._database.pool("desk_gate")
            rows = await pool.fetch("select * from sec.hit($1, $2, $3, $4)", keys, most, spans, durable)
        except ABSENT as error:
            raise _away() from error
        return {row["key"]: (row["count"], row["until"]) for row in rows}


def key_of(name: str) -> bytes:
    """16 bytes that stand for a name: neither addresses nor accounts are stored."""
    return blake2b(name.encode(), digest_size=16, person=b"sealdesk-count").digest()


def _away() -> Overloaded:
    return Overloaded("The database can't be reached right now. Nothing was changed.", headers={"Retry-After": "2"})
