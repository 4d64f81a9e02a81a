"""Bells and words over Valkey (or Redis), which takes them off the database of a desk with many web processes.

What goes over it is what goes over PostgreSQL: names that are hashes, and sealed words. Whoever else may publish there can have a
process look in vain, and nothing more: it asks the database what went on, and who may know.
"""

import asyncio
import secrets
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import structlog
from valkey.exceptions import ValkeyError

from sealdesk.core.bells import AGAIN_AFTER, LONGEST_WORD, MOST_AT_ONCE, MOST_SAID, Bells
from sealdesk.core.valkey import PATIENCE, client_of, prefix_of

PING_EVERY: Final = 0.5
SILENCE: Final = 2.0
"""Seconds without a word from the server, not even an answer to a ping, after which it is taken not to be there."""
LOOKS: Final = 2
"""So often everybody looks when it goes: at once, and when the others have been told that nothing is heard here."""

log = structlog.get_logger("valkey")


class ValkeyBells:
    """The way over the server at `url` for the bells of one process of the desk `name`."""

    def __init__(self, url: str, name: str, bells: Bells) -> None:
        self._bells = bells
        self._listener, self._speaker = client_of(url, silence=SILENCE), client_of(url)
        self._rings, self._words = prefix_of(name) + b"bells", prefix_of(name) + b"said"
        self._own = secrets.token_hex(8)
        self._there = False
        self._to_tell = set[str]()
        self._to_say = list[str]()
        self._rung = asyncio.Event()

    def take(self, names: Iterable[str], said: Iterable[str]) -> bool:
        """Pass these on soon; False while the server is not heard, or is too slow."""
        if not self._there or len(self._to_say) >= MOST_SAID:
            return False
        self._to_tell.update(names)
        self._to_say += said
        self._rung.set()
        return True

    async def run(self) -> None:
        """Speak and listen until cancelled; while the server is away, the database's way is told to everybody."""
        away = 0
        try:
            while True:
                error = await self._exchange()
                if self._there or not away:
                    log.warning("valkey.away", reason=type(error).__name__, part="bells")
                away = 1 if self._there else away + 1
                self._there = False
                self._give_back()
                self._bells.tell_deaf()
                if away <= LOOKS:
                    self._bells.wake_all()
                await asyncio.sleep(AGAIN_AFTER)
        finally:
            self._there = False
            for client in (self._listener, self._speaker):
                await client.aclose()

    def _give_back(self) -> None:
        names, said = self._taken()
        self._bells.by_database(names, said)

    def _taken(self) -> tuple[set[str], list[str]]:
        names, said = self._to_tell, self._to_say
        self._to_tell, self._to_say = set[str](), list[str]()
        return names, said

    async def _exchange(self) -> BaseException | None:
        """Speak and listen until one of both goes wrong; gives how."""
        listening: Any = self._listener.pubsub()
        tasks = [asyncio.create_task(work) for work in (self._hear(listening), self._ping(listening), self._speak())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().exception()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=AGAIN_AFTER)
            with suppress(ValkeyError, OSError):
                await listening.aclose()

    async def _hear(self, listening: Any) -> None:
        channels = 2
        await listening.subscribe(self._rings, self._words)
        while True:
            match await listening.get_message(timeout=None):
                case {"type": "subscribe"}:
                    channels -= 1
                    if not channels:
                        self._there = True
                        log.info("valkey.there", part="bells")
                        self._bells.wake_all()  # what rang while nobody listened
                case {"type": "message", "channel": channel, "data": bytes() as data}:
                    self._heard(channel == self._rings, data)
                case _:
                    pass

    def _heard(self, rung: bool, data: bytes) -> None:  # noqa: FBT001 - one call
        if len(data) > LONGEST_WORD:
            return
        text = data.decode("ascii", "replace")
        if not rung:
            self._bells.hear_sealed(text)
            return
        sender, _, names = text.partition(":")
        if sender != self._own:
            self._bells.hear(names)

    async def _ping(self, listening: Any) -> None:
        while True:
            await asyncio.sleep(PING_EVERY)
            await listening.ping()

    async def _speak(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            names, said = self._taken()
            try:
                async with asyncio.timeout(2 * PATIENCE):
                    await self._publish(sorted(names), said)
            except BaseException:
                self._bells.by_database(names, said)
                raise

    async def _publish(self, names: list[str], said: list[str]) -> None:
        pipeline: Any
        async with self._speaker.pipeline(transaction=False) as pipeline:
            for start in range(0, len(names), MOST_AT_ONCE):
                text = ",".join(names[start : start + MOST_AT_ONCE])
                pipeline.publish(self._rings, f"{self._own}:{text}")
            for word in said:
                pipeline.publish(self._words, word)
            await pipeline.execute()
