"""Waiting for news: at once with a bell, bounded without, and nothing for who may not look any more."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from uuid import UUID

import pytest

from sealdesk.access.actor import Actor
from sealdesk.core.bells import Bells
from sealdesk.core.errors import OutsideReach, SignedOut
from sealdesk.people import commands as people
from sealdesk.threads import queries, states, waiting
from sealdesk.threads.queries import Cursor, Timeline
from sealdesk.unit import Desk
from threads.test_states import opened, post
from world import World


@pytest.fixture(name="thread")
async def with_bells(world: World) -> AsyncIterator[UUID]:
    """A conversation of a desk whose bells ring."""
    world.desk.bells = Bells(b"s" * 32, partial(world.desk.database.connect, "desk_gate"))
    ringing = asyncio.create_task(world.desk.bells.run())
    yield await opened(world)
    ringing.cancel()
    await asyncio.gather(ringing, return_exceptions=True)


async def end(world: World, actor: Actor, thread: UUID) -> Cursor:
    async with world.desk.read(actor) as work:
        return (await queries.timeline(work, thread, Cursor())).cursor


async def wait(desk: Desk, actor: Actor, thread: UUID, after: Cursor, seconds: float) -> tuple[int, float]:
    """How much came, and after how long; nobody looks unless a bell rings."""

    async def look() -> Timeline:
        async with desk.read(actor) as work:
            return await queries.timeline(work, thread, after)

    began = time.monotonic()
    seen = await waiting.until_news(desk, actor, thread, seconds, look, lambda found: bool(found.items), look_every=60)
    return len(seen.items), time.monotonic() - began


async def meanwhile(first: Awaitable[tuple[int, float]], act: Awaitable[object]) -> tuple[int, float]:
    """Begin to wait, then act."""
    task = asyncio.ensure_future(first)
    await asyncio.sleep(0.2)
    await act
    return await task


async def test_a_message_is_there_at_once(world: World, thread: UUID) -> None:
    """By the gathered way and by the plain one, to whoever wrote and to the other side."""
    for reader, writer in ((world.acme.requester, world.acme.agent), (world.acme.agent, world.acme.requester)):
        after = await end(world, reader, thread)
        came, took = await meanwhile(
            wait(world.desk, reader, thread, after, 20), post(world, writer, thread, str(reader.role))
        )
        assert came == 1
        assert took < 20
    after = await end(world, world.acme.agent, thread)
    locking = states.change_state(world.desk, world.acme.admin, thread, "lock", "other", "enough")
    came, took = await meanwhile(wait(world.desk, world.acme.agent, thread, after, 20), locking)
    assert came == 1
    assert took < 20


async def test_without_news_the_wait_is_bounded(world: World, thread: UUID) -> None:
    after = await end(world, world.acme.agent, thread)
    came, took = await wait(world.desk, world.acme.agent, thread, after, 0.5)
    assert came == 0
    assert took >= 0.5
    assert (await wait(world.desk, world.acme.agent, thread, after, 0))[0] == 0


async def test_a_note_rings_for_staff_alone(world: World, thread: UUID) -> None:
    """Not even the time of a bell tells of internal work."""
    requester, agent = world.acme.requester, world.acme.agent
    after, own = await end(world, agent, thread), await end(world, requester, thread)
    looked = list[float]()

    async def look() -> bool:
        looked.append(time.monotonic())
        return False

    theirs = asyncio.ensure_future(waiting.until_news(world.desk, requester, thread, 1.5, look, bool, look_every=60))
    noting = post(world, world.acme.admin, thread, "between us", "internal")
    came, _ = await meanwhile(wait(world.desk, agent, thread, after, 20), noting)
    assert came == 1
    assert not await theirs
    assert not [each for each in looked if 0.15 < each - looked[0] < 1.4]  # at the beginning and at the end
    assert await end(world, requester, thread) == own


async def test_who_may_not_look_any_more_is_told(world: World, thread: UUID) -> None:
    """The question is asked anew with each bell: signed out is 401, out of reach 404."""
    after = await end(world, world.acme.requester, thread)
    leaving = states.change_participant(
        world.desk, world.acme.agent, thread, world.acme.requester.member, "wrong person", present=False
    )
    with pytest.raises(OutsideReach):
        await meanwhile(wait(world.desk, world.acme.requester, thread, after, 20), leaving)
    after = await end(world, world.acme.agent, thread)

    async def sign_out_and_ring() -> None:
        await people.sign_out(world.desk, world.acme.agent)
        await post(world, world.acme.admin, thread, "after that")

    with pytest.raises(SignedOut):
        await meanwhile(wait(world.desk, world.acme.agent, thread, after, 20), sign_out_and_ring())


async def test_those_who_wait_are_bounded(world: World, thread: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """One session more than it may gets its answer at once; afterwards it may again."""
    monkeypatch.setattr(waiting, "MOST_OF_ONE", 2)
    after = await end(world, world.acme.agent, thread)
    times = await asyncio.gather(*(wait(world.desk, world.acme.agent, thread, after, 1) for _ in range(3)))
    assert sorted(took >= 1 for _, took in times) == [False, True, True]
    assert (await wait(world.desk, world.acme.agent, thread, after, 1))[1] >= 1


async def test_an_ending_process_answers_who_waits(world: World, thread: UUID) -> None:
    assert world.desk.bells is not None
    after = await end(world, world.acme.agent, thread)
    task = asyncio.ensure_future(wait(world.desk, world.acme.agent, thread, after, 20))
    await asyncio.sleep(0.2)
    world.desk.bells.close()
    assert (await task)[1] < 20
