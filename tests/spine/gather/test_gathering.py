"""Posts of many callers in one transaction: each is decided, refused and answered as if it had come alone."""

import asyncio
from collections.abc import Sequence
from itertools import count
from uuid import UUID

import pytest

from sealdesk.access.actor import Actor
from sealdesk.core.errors import KeyReused, NotPermitted, OutsideReach, SignedOut
from sealdesk.people import commands as people
from sealdesk.threads import commands, queries
from sealdesk.threads.model import Draft, ThreadLocked
from sealdesk.threads.queries import Cursor, Message
from sealdesk.tickets.commands import open_request
from sealdesk.unit import Key
from world import Cast, World

ROUTE = "POST /api/v1/threads/{thread}/messages"
_numbers = count()

Wish = tuple[Actor, UUID, str, str]
"""Who posts where what, under which key."""


async def opened(world: World, cast: Cast) -> UUID:
    """A request of the organisation's requester, with its ticket."""
    return await open_request(world.desk, cast.requester, "Hi", Draft("first"), "portal", key=None, origin=None)


def wish(actor: Actor, thread: UUID, body: str = "more", key: str | None = None) -> Wish:
    """A post with a key of its own."""
    return actor, thread, body, key or f"key-{next(_numbers)}"


async def post(world: World, wished: Wish, visibility: str = "public") -> Message:
    """One post, as the API makes it."""
    actor, thread, body, key = wished
    made = Key.of(ROUTE, key, body.encode())
    return await commands.post_message(world.desk, actor, thread, Draft(body, visibility), key=made, origin=None)


async def together(world: World, wishes: Sequence[Wish]) -> list[Message | BaseException]:
    """All of them at once, each with its own outcome."""
    return await asyncio.gather(*(post(world, wished) for wished in wishes), return_exceptions=True)


def taken(outcomes: Sequence[Message | BaseException]) -> list[Message]:
    """Those that were posted; every outcome has to be one."""
    assert [o for o in outcomes if not isinstance(o, Message)] == []
    return [o for o in outcomes if isinstance(o, Message)]


async def transactions(world: World, messages: Sequence[Message]) -> int:
    """How many transactions wrote the entries of `messages`."""
    superuser = await world.superuser()
    try:
        ids = [message.entry_id for message in messages]
        found = await superuser.fetch("select xmin::text as by from ledger.entry where entry_id = any ($1)", ids)
    finally:
        await superuser.close()
    assert len(found) == len(messages)
    return len({row["by"] for row in found})


async def bodies(world: World, actor: Actor, thread: UUID) -> list[str | None]:
    """The conversation as `actor` reads it."""
    async with world.desk.read(actor) as work:
        seen = await queries.timeline(work, thread, Cursor())
    return [item.body for item in seen.items if isinstance(item, Message)]


async def test_it_works(world: World) -> None:
    """Callers of one role, of two organisations, are served by one transaction, each with what is its own."""
    here, there = await opened(world, world.acme), await opened(world, world.globex)
    wishes = [wish(world.acme.agent, here, f"a{n}") for n in range(5)]
    wishes += [wish(world.globex.agent, there, f"g{n}") for n in range(5)]
    messages = taken(await together(world, wishes))
    assert await transactions(world, messages) == 1
    assert [m.body for m in messages] == [body for _, _, body, _ in wishes]
    assert sorted(map(str, await bodies(world, world.acme.requester, here))) == [*(f"a{n}" for n in range(5)), "first"]
    assert sorted(map(str, await bodies(world, world.globex.requester, there))) == [
        "first",
        *(f"g{n}" for n in range(5)),
    ]
    assert {m.author.id for m in messages} == {str(world.acme.agent.member), str(world.globex.agent.member)}


async def test_a_lone_caller_needs_no_company(world: World) -> None:
    """One post alone is a batch of one."""
    thread = await opened(world, world.acme)
    message = await asyncio.wait_for(post(world, wish(world.acme.requester, thread)), 10)
    assert message.seq == 3


async def test_streams_keep_their_order(world: World) -> None:
    """Posts into few streams, by several roles at once: no gap in the numbers, each entry linked to the one before, in queue order."""
    threads = [await opened(world, world.acme) for _ in range(3)]
    casts = (world.acme.requester, world.acme.agent, world.acme.admin)
    wishes = [wish(casts[n % 3], threads[n % len(threads) - n % 2], f"m{n}") for n in range(60)]
    taken(await together(world, wishes))
    superuser = await world.superuser()
    try:
        rows = await superuser.fetch(
            "select stream_id, stream_seq, leaf_hash, convert_from(entry, 'UTF8')::jsonb #>> '{stream,prev}' as prev"
            " from ledger.entry where stream_kind = 'thread' and stream_id = any ($1) order by qid",
            threads,
        )
        heads = await superuser.fetch("select stream_id, seq, head from ledger.stream where kind = 'thread'")
    finally:
        await superuser.close()
    last: dict[UUID, tuple[int, bytes]] = {}
    for row in rows:
        seq, leaf = last.get(row["stream_id"], (0, bytes(32)))
        assert (row["stream_seq"], row["prev"]) == (seq + 1, leaf.hex())
        last[row["stream_id"]] = row["stream_seq"], row["leaf_hash"]
    assert sum(seq for seq, _ in last.values()) == 60 + 2 * 3
    assert {row["stream_id"]: (row["seq"], row["head"]) for row in heads if row["stream_id"] in last} == last


async def test_the_refused_do_not_stop_the_others(world: World) -> None:
    """A stranger, another tenant's agent and an id that nobody has get 404, a locked conversation is 409, and the rest stands."""
    thread, foreign, locked = [await opened(world, cast) for cast in (world.acme, world.globex, world.acme)]
    superuser = await world.superuser()
    await superuser.execute("update app.thread set locked = true where thread_id = $1", locked)
    await superuser.close()
    acme, globex = world.acme, world.globex
    outcomes = await together(
        world,
        [
            wish(acme.agent, thread, "one"),
            wish(acme.agent, foreign, "no"),
            wish(acme.agent, UUID(int=7), "no"),
            wish(acme.agent, locked, "no"),
            wish(globex.agent, thread, "no"),
            wish(globex.agent, foreign, "two"),
            wish(acme.stranger, thread, "no"),
            wish(acme.requester, thread, "three"),
            wish(acme.auditor, thread, "no"),
        ],
    )
    kinds = [type(outcome) for outcome in outcomes]
    refused = [OutsideReach, OutsideReach, ThreadLocked, OutsideReach]
    assert kinds == [Message, *refused, Message, OutsideReach, Message, NotPermitted]
    assert sorted(map(str, await bodies(world, acme.requester, thread))) == ["first", "one", "three"]
    assert await bodies(world, acme.requester, locked) == ["first"]


async def test_a_refused_key_is_free_again(world: World) -> None:
    """What a refused post had claimed in the batch is given back: the key serves the next try."""
    thread, locked = await opened(world, world.acme), await opened(world, world.acme)
    superuser = await world.superuser()
    await superuser.execute("update app.thread set locked = true where thread_id = $1", locked)
    again = wish(world.acme.agent, locked, "now")
    outcomes = await together(world, [wish(world.acme.agent, thread), again])
    assert isinstance(outcomes[1], ThreadLocked)
    await superuser.execute("update app.thread set locked = false where thread_id = $1", locked)
    await superuser.close()
    assert (await post(world, again)).body == "now"


async def test_replays_within_one_batch(world: World) -> None:
    """Twins get one message, a key that stood before gets the first answer, and one with another body is refused; each in company."""
    thread = await opened(world, world.acme)
    before = wish(world.acme.agent, thread, "before")
    first = await post(world, before)
    twin = wish(world.acme.agent, thread, "twin")
    other = (before[0], before[1], "other body", before[3])
    outcomes = await together(world, [twin, before, twin, other, wish(world.acme.agent, thread, "fresh"), twin])
    assert isinstance(outcomes[3], KeyReused)
    messages = taken([*outcomes[:3], *outcomes[4:]])
    assert messages[0].id == messages[2].id == messages[4].id
    assert messages[1].id == first.id
    assert sorted(map(str, await bodies(world, world.acme.agent, thread))) == ["before", "first", "fresh", "twin"]


async def test_keys_are_each_callers_own(world: World) -> None:
    """One key in the hands of two people stands for two posts."""
    thread = await opened(world, world.acme)
    wishes = [wish(actor, thread, actor.name, "the-same") for actor in (world.acme.agent, world.acme.admin)]
    assert len({message.id for message in taken(await together(world, wishes))}) == 2


async def test_a_dead_session_is_signed_out_alone(world: World) -> None:
    """One caller's session ended after it was looked up: that caller gets 401, the others their messages."""
    thread = await opened(world, world.acme)
    issued = await people.sign_in(
        world.desk,
        "agent@acme.test",
        "a long enough passphrase",
        None,
        people.Visit({"address": "", "agent": "", "session": ""}),
    )
    assert isinstance(issued, people.Issued)
    await people.sign_out(world.desk, issued.actor)
    wishes = [wish(world.acme.agent, thread, "a"), wish(issued.actor, thread, "x"), wish(world.acme.agent, thread, "b")]
    outcomes = await together(world, wishes)
    assert [type(outcome) for outcome in outcomes] == [Message, SignedOut, Message]
    assert sorted(map(str, await bodies(world, world.acme.agent, thread))) == ["a", "b", "first"]


async def test_notes_and_messages_share_a_batch(world: World) -> None:
    """Internal notes stay in the ticket's stream, whoever else is in the batch."""
    thread = await opened(world, world.acme)
    agent = world.acme.agent
    outcomes = await asyncio.gather(
        post(world, wish(agent, thread, "note"), "internal"), post(world, wish(agent, thread, "public"))
    )
    assert await transactions(world, outcomes) == 1
    assert await bodies(world, world.acme.requester, thread) == ["first", "public"]
    with pytest.raises(NotPermitted):
        await post(world, wish(world.acme.requester, thread, "no"), "internal")


async def test_a_lock_waits_for_the_batch_and_is_seen_by_the_next(world: World) -> None:
    """Somebody locks the conversation while a batch waits for its stream: its state is read after the lock, so nobody posts past it."""
    thread, other = await opened(world, world.acme), await opened(world, world.acme)
    superuser = await world.superuser()
    async with superuser.transaction():
        await superuser.execute(
            "select 1 from ledger.stream where stream_id = $1 and kind = 'thread' for update", thread
        )
        wishes = [wish(world.acme.agent, thread, "late"), wish(world.acme.agent, other, "fine")]
        running = asyncio.gather(*(post(world, wished) for wished in wishes), return_exceptions=True)
        await asyncio.sleep(0.5)
        assert not running.done()
        await superuser.execute("update app.thread set locked = true where thread_id = $1", thread)
    outcomes = await running
    await superuser.close()
    assert [type(outcome) for outcome in outcomes] == [ThreadLocked, Message]
