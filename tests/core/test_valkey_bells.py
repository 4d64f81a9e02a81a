"""Bells over a real Valkey server: they arrive while it is there, while it is not, and when it is back; others are not believed."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from valkey.asyncio import Valkey

from core.test_bells import SECRET, heard, reach
from sealdesk.core.bells import CHANNEL, SAID, Bells
from sealdesk.core.valkey import prefix_of
from sealdesk.core.valkey_bells import SILENCE, ValkeyBells
from valkeyserver import Server
from world import World

NAME = "desk.test"


class Two:
    """Two processes' bells, and what goes over the database."""

    def __init__(self, here: Bells, there: Bells, by_database: list[str]) -> None:
        self.here, self.there, self.by_database = here, there, by_database

    async def arrives(self, seconds: float = 5, *, back: bool = False) -> bool:
        """Whether what is rung here is heard there, or the other way round."""
        one, other = (self.there, self.here) if back else (self.here, self.there)
        org, thread = uuid4(), uuid4()
        with other.listening(org, [("thread", thread)]) as event:
            one.ring(org, [("thread", thread)])
            return await heard(event, seconds)

    async def went_by_database(self) -> bool:
        """Whether something was overheard there, in a moment at the latest."""
        for _ in range(100):
            if self.by_database:
                return True
            await asyncio.sleep(0.02)
        return False

    async def settled(self) -> None:
        """Until bells arrive by Valkey alone, both ways and again and again: one may have been its connecting."""
        in_a_row = 0
        for _ in range(300):
            self.by_database.clear()
            arrived = await self.arrives(0.3) and await self.arrives(0.3, back=True)
            await asyncio.sleep(0.03)
            in_a_row = in_a_row + 1 if arrived and not self.by_database else 0
            if in_a_row == 3:
                return
        raise AssertionError("bells do not arrive, or not by Valkey alone")


@pytest.fixture
async def two(world: World, server: Server) -> AsyncIterator[Two]:
    await server.there()
    connect = partial(world.desk.database.connect, "desk_gate")
    bells = [Bells(SECRET, connect) for _ in range(2)]
    overheard, eavesdropper = list[str](), await world.desk.database.connect("desk_requester")

    def overhear(_: object, __: int, ___: str, payload: object) -> None:
        overheard.append(str(payload))

    for channel in (CHANNEL, SAID):
        await eavesdropper.add_listener(channel, overhear)
    running = [asyncio.create_task(each.run()) for each in bells]
    for one, other in (bells, bells[::-1]):
        await reach(one, other)  # by the database
    for each in bells:
        each.way = way = ValkeyBells(server.url, NAME, each)
        running.append(asyncio.create_task(way.run()))
    made = Two(bells[0], bells[1], overheard)
    await made.settled()
    yield made
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await eavesdropper.close()


async def test_it_works(two: Two) -> None:
    """Over Valkey alone: each place for itself, here at once; and words."""
    two.by_database.clear()
    org, thread = uuid4(), uuid4()
    said = list[bytes]()
    two.there.hear_word = said.append
    with (
        two.here.listening(org, [("thread", thread)]) as here,
        two.there.listening(org, [("thread", thread)]) as there,
        two.there.listening(org, [("ticket", thread)]) as internal,
    ):
        two.here.ring(org, [("thread", thread)])
        assert here.is_set()
        here.clear()
        assert await heard(there)
        two.here.say(b"a word")
        assert not await heard(internal, 0.3)
        assert not here.is_set(), "one's own bell comes back to nobody"
    assert said == [b"a word"]
    assert two.by_database == []


@pytest.mark.parametrize("how", ["killed", "silent"])
async def test_no_bell_waits_for_a_server_that_is_away(two: Two, server: Server, how: str) -> None:
    """Each of them arrives: while it goes, by the database while it is away, and when it is back."""
    if how == "killed":
        server.end(signal.SIGKILL)
        began = time.monotonic()
        assert all([await two.arrives(2) for _ in range(50)])
        assert await two.went_by_database()
        server.start()
        await server.there()
    else:
        with server.silent():
            began = time.monotonic()
            assert all([await two.arrives(SILENCE + 1) for _ in range(50)])
            assert await two.went_by_database()
    assert time.monotonic() - began < 20
    assert all([await two.arrives(2) for _ in range(50)])
    await two.settled()


async def test_one_that_does_not_hear_is_told_by_the_database(two: Two, server: Server) -> None:
    """What the others publish reaches nobody who was cut off, so they are told; until then whoever was cut off looks by themselves."""
    client = Valkey.from_url(server.url)
    org, thread = uuid4(), uuid4()
    with two.there.listening(org, [("thread", thread)]) as looked:
        two.there.tell_deaf()
        await asyncio.sleep(0.2)
        two.by_database.clear()
        assert await two.arrives()
        assert await two.went_by_database()
        assert not looked.is_set()
        await client.client_kill_filter(_type="pubsub")
        assert await heard(looked, 1)
    await client.aclose()
    assert all([await two.arrives(2) for _ in range(30)])


async def test_one_that_never_reaches_it_is_told_by_the_database(two: Two, world: World) -> None:
    third = Bells(SECRET, partial(world.desk.database.connect, "desk_gate"))
    third.way = way = ValkeyBells("valkey://127.0.0.1:1", NAME, third)
    running = [asyncio.create_task(work) for work in (third.run(), way.run())]
    await reach(two.here, third)
    await reach(third, two.here)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_whoever_else_speaks_there_is_not_believed(two: Two, server: Server) -> None:
    """T17: what they overhear names nobody; what they make up or repeat is no word, and at most has somebody look."""
    client, heard_there, words = Valkey.from_url(server.url), list[bytes](), list[bytes]()
    two.there.hear_word = heard_there.append
    rings, said = (prefix_of(NAME) + kind for kind in (b"bells", b"said"))
    async with client.pubsub() as spying:
        await spying.subscribe(rings, said)
        org, thread = uuid4(), uuid4()
        two.here.ring(org, [("thread", thread)])
        two.here.say(b"a word about somebody")
        while len(words) < 2:
            message: Any = await spying.get_message(ignore_subscribe_messages=True, timeout=5)
            words += [bytes(message["data"])] if message else []
        overheard = b" ".join(words)
        for each in (org, thread):
            assert each.hex[:8].encode() not in overheard
        assert b"somebody" not in overheard
        for text in (*words, b"", b"\xff\xfe", b":", b"," * 7000, b"x" * 100_000, b"forged:" + b"0" * 32):
            await client.publish(rings, text)
            await client.publish(said, text)
    assert await two.arrives()
    assert heard_there == [b"a word about somebody"]
    await client.aclose()


async def test_two_desks_on_one_server_do_not_hear_each_other(two: Two, server: Server, world: World) -> None:
    other = Bells(SECRET, partial(world.desk.database.connect, "desk_gate"))
    way = ValkeyBells(server.url, "other.test", other)
    other.way = way
    running = asyncio.create_task(way.run())
    org, thread = uuid4(), uuid4()
    with other.listening(org, [("thread", thread)]) as event:
        assert await heard(event), "when it connects, everybody looks"
        event.clear()
        two.here.ring(org, [("thread", thread)])
        assert not await heard(event, 0.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
