"""T14: a lock or an escalation without trace, or a lock that does not hold.

State, reason and entry are one transaction (`tests/threads/test_states.py`); here messages race locks, by every channel.
"""

import asyncio
import random
from collections import Counter
from itertools import count as counting
from uuid import UUID

import pytest

from counts import count
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.ids import new_id
from sealdesk.ledger.events import Event
from sealdesk.threads import events, states
from sealdesk.threads.events import Origin
from sealdesk.threads.model import Draft, Thread, ThreadLocked
from threads.test_states import do, entries, opened, post
from world import World

RACES = count(25, 1000)
SEALED_EVERY = 50  # races: what nobody seals, the desk refuses to add to after a while
_numbers = counting()


async def attempt(world: World, by: Actor, thread: UUID, visibility: str, after: float) -> str:
    """Post a moment later; what came of it."""
    await asyncio.sleep(after)
    try:
        await post(world, by, thread, f"message {next(_numbers)}", visibility)
    except ThreadLocked:
        return "locked"
    return "posted"


async def race(world: World, thread: UUID, chance: random.Random) -> list[str]:
    """A lock among public messages and notes, gathered and not, by all who may write."""
    agent, admin, requester = world.acme.agent, world.acme.admin, world.acme.requester
    writers = [
        (requester, "public"),
        (agent, "public"),
        (agent, "internal"),
        (admin, "internal"),
        (requester, "public"),
    ]

    async def lock() -> str:
        await asyncio.sleep(chance.random() / 100)
        await do(world, thread, "lock", admin)
        return "lock"

    attempts = [attempt(world, by, thread, visibility, chance.random() / 100) for by, visibility in writers]
    return list(await asyncio.gather(*attempts, lock()))


def written_after_lock(streams: list[list[dict[str, object]]]) -> list[object]:
    """Messages with a time after a lock that stood, in either stream."""
    happened = sorted((str(each["at"]), str(each["type"])) for stream in streams for each in stream)
    locked, found = False, list[object]()
    for at, type_ in happened:
        if type_ in ("thread.locked", "thread.unlocked"):
            locked = type_ == "thread.locked"
        elif locked and type_ == "message.posted":
            found.append(at)
    return found


async def test_no_message_passes_a_lock(world: World) -> None:
    """Every message stands before the lock in the record, or was refused; as many stand there as were acknowledged."""
    chance, thread, posted, told = random.Random(14), await opened(world), 1, Counter[str]()
    for number in range(RACES):
        outcomes = await race(world, thread, chance)
        told.update(outcomes)
        posted += outcomes.count("posted")
        if number % SEALED_EVERY == SEALED_EVERY - 1:
            await world.seal()
        assert set(outcomes) <= {"posted", "locked", "lock"}
        assert await attempt(world, world.acme.requester, thread, "public", 0) == "locked"
        await do(world, thread, "unlock")
    streams = [await entries(world, thread), await entries(world, thread, "ticket")]
    assert sum(each["type"] == "message.posted" for stream in streams for each in stream) == posted
    assert sum(each["type"] == "thread.locked" for each in streams[0]) == RACES
    assert written_after_lock(streams) == []
    print(dict(told))


async def test_sabotage_of_the_noun(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the noun does not look, a message stands behind a lock, and the reading of the record sees it."""
    thread = await opened(world)
    await do(world, thread, "lock")
    monkeypatch.setattr(Thread, "post", _blind)
    await post(world, world.acme.requester, thread, "through")
    assert len(written_after_lock([await entries(world, thread)])) == 1


async def test_sabotage_of_the_locks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a lock takes the public stream alone, a note is not kept waiting for it."""
    thread = await opened(world)

    async def noted_while_locking() -> bool:
        async with world.desk.change(world.acme.admin) as change:
            found = await change.find(Thread, thread, Permission.THREAD_STATE, lock=states._BOTH)
            change.nothing()
            writing = asyncio.ensure_future(post(world, world.acme.agent, thread, f"note {next(_numbers)}", "internal"))
            done, _ = await asyncio.wait([writing], timeout=0.5)
            assert found.id == thread
        await asyncio.wait_for(writing, 10)
        return bool(done)

    assert not await noted_while_locking()
    monkeypatch.setattr(states, "_BOTH", ("thread",))
    assert await noted_while_locking()


def _blind(self: Thread, actor: Actor, draft: Draft, origin: Origin | None) -> tuple[UUID, Event]:
    message = new_id()
    return message, events.message_posted(message, self.id, draft.visibility, draft.body, actor, origin)
