"""Bells: from one process to the others, over PostgreSQL, without a word of whose they are."""

import asyncio
import time
from base64 import b64decode
from collections.abc import AsyncIterator
from functools import partial
from uuid import uuid4

import pytest

from sealdesk.core.bells import CHANNEL, SAID, Bells
from sealdesk.core.words import FRESH, Words
from world import World

SECRET = b"s" * 32


class Two:
    """Two processes' bells, and a third party that listens to the channel."""

    def __init__(self, here: Bells, there: Bells, overheard: list[str]) -> None:
        self.here, self.there, self.overheard = here, there, overheard


@pytest.fixture
async def two(world: World) -> AsyncIterator[Two]:
    connect = partial(world.desk.database.connect, "desk_gate")
    here, there, overheard = Bells(SECRET, connect), Bells(SECRET, connect), list[str]()
    eavesdropper = await world.desk.database.connect("desk_requester")

    def overhear(_: object, __: int, ___: str, payload: object) -> None:
        overheard.append(str(payload))

    await eavesdropper.add_listener(CHANNEL, overhear)
    running = [asyncio.create_task(each.run()) for each in (here, there)]
    for one, other in ((here, there), (there, here)):
        await reach(one, other)
    await asyncio.sleep(0.2)
    overheard.clear()
    yield Two(here, there, overheard)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await eavesdropper.close()


async def reach(one: Bells, other: Bells) -> None:
    """Until what the one rings is heard by the other, twice: the first may have been its connecting."""
    org, thread = uuid4(), uuid4()
    with other.listening(org, [("thread", thread)]) as event:
        in_a_row = 0
        for _ in range(200):
            one.ring(org, [("thread", thread)])
            in_a_row = in_a_row + 1 if await heard(event, 0.1) else 0
            event.clear()
            if in_a_row == 3:
                return
    raise AssertionError("the bells do not reach each other")


async def heard(event: asyncio.Event, seconds: float = 5) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def test_it_works(two: Two) -> None:
    """Here at once, there a moment later; only who listens to that place."""
    org, thread = uuid4(), uuid4()
    with (
        two.here.listening(org, [("thread", thread)]) as here,
        two.there.listening(org, [("thread", thread)]) as there,
        two.there.listening(org, [("ticket", thread)]) as internal,
        two.there.listening(uuid4(), [("thread", thread)]) as elsewhere,
    ):
        two.here.ring(org, [("thread", thread)])
        assert here.is_set()
        assert await heard(there)
        assert not await heard(internal, 0.2)
        assert not elsewhere.is_set()


async def test_a_name_tells_nothing(two: Two) -> None:
    """T03: whoever listens with free SQL hears hashes, the same for nobody else's secret, and no id of anybody."""
    org, thread = uuid4(), uuid4()
    with two.there.listening(org, [("thread", thread)]) as there:
        two.here.ring(org, [("thread", thread)])
        assert await heard(there)
    await asyncio.sleep(0.1)
    assert len(two.overheard) == 1
    assert len(two.overheard[0]) == 32
    for each in (org, thread):
        assert each.hex[:8] not in two.overheard[0]
    other = Bells(b"t" * 32, two.here._connect)
    assert other._name(org, ("thread", thread)) != two.overheard[0]


async def test_many_bells_fit_into_few_notices(two: Two) -> None:
    """PostgreSQL takes 8,000 bytes at once; what rings in between is told together."""
    org, threads = uuid4(), [uuid4() for _ in range(500)]
    with two.there.listening(org, [("thread", threads[-1])]) as there:
        two.here.ring(org, [("thread", each) for each in threads])
        assert await heard(there)
    await asyncio.sleep(0.2)
    assert sum(len(text.split(",")) for text in two.overheard) == 500
    assert len(two.overheard) == 3


async def test_a_connection_that_ends_is_made_again(two: Two, world: World) -> None:
    """Whoever waited looks once more: what rang meanwhile was heard by nobody."""
    org, thread = uuid4(), uuid4()
    superuser = await world.superuser()
    with two.there.listening(org, [("thread", thread)]) as there:
        await superuser.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'desk_gate'")
        assert await heard(there, 10)
        there.clear()
        await asyncio.sleep(1.5)
        two.here.ring(org, [("thread", thread)])
        assert await heard(there)
    await superuser.close()


async def test_words_are_heard_by_processes_alone(two: Two, world: World) -> None:
    """Whoever listens to the channel learns nothing; what they write, or repeat, is not heard."""
    heard_there, overheard = list[bytes](), list[str]()
    two.there.hear_word = heard_there.append
    listener = await world.desk.database.connect("desk_requester")

    def overhear(_: object, __: int, ___: str, payload: object) -> None:
        overheard.append(str(payload))

    await listener.add_listener(SAID, overhear)
    two.here.say(b"a word about somebody")
    for _ in range(100):
        if heard_there and overheard:
            break
        await asyncio.sleep(0.05)
    assert heard_there == [b"a word about somebody"]
    assert "somebody" not in str(b64decode(overheard[0]))
    forged = Words(b"x" * 32).seal(b"forged")
    for text in (overheard[0], forged, "", "no base64", overheard[0][:-8] + "AAAAAAA="):
        await listener.execute("select pg_notify($1, $2)", SAID, text)
    two.here.say(b"the next")
    for _ in range(100):
        if len(heard_there) > 1:
            break
        await asyncio.sleep(0.05)
    assert heard_there == [b"a word about somebody", b"the next"]
    await listener.close()


def test_an_old_word_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    words, others = Words(SECRET), Words(SECRET)
    old = words.seal(b"then")
    later = time.time() + FRESH + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert others.open(old) is None
    assert Words(SECRET).open(words.seal(b"now")) == b"now"


def test_one_s_own_word_is_not_heard() -> None:
    """Whoever repeats it makes nobody hear themselves in another process."""
    words, others = Words(SECRET), Words(SECRET)
    said = words.seal(b"here I am")
    assert words.open(said) is None
    assert others.open(said) == b"here I am"
    assert others.open(said) is None
