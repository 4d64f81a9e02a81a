"""Who waits, longest first; one takes, answers, hands over."""

import asyncio
from uuid import UUID, uuid4

import pytest

from counts import count
from members.test_recovery import signed_in
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach
from sealdesk.following import Following
from sealdesk.people import founding
from sealdesk.people.founding import NewPerson
from sealdesk.threads import commands as threads
from sealdesk.threads import states
from sealdesk.threads.model import Draft, ThreadLocked
from sealdesk.tickets import commands, queries, queue, taking
from sealdesk.tickets.model import Ticket, Work
from sealdesk.tickets.queue import Queue
from sealdesk.tickets.taking import TakenAlready
from sealdesk.unit import Key
from tickets.test_ticket import a_request, entries
from world import PASSWORD, World


def a_key() -> Key:
    return Key.of("POST /handover", uuid4().hex, b"")


async def a_chat(world: World, by: Actor | None = None) -> UUID:
    return await threads.open_thread(
        world.desk, by or world.acme.requester, "Chat", Draft("Is anybody there?"), "chat", key=None, origin=None
    )


async def say(world: World, by: Actor, thread: UUID, visibility: str = "public") -> None:
    await threads.post_message(world.desk, by, thread, Draft("x", visibility), key=None, origin=None)


async def follow(world: World) -> None:
    await world.seal()
    await Following(world.desk, (Queue(),)).catch_up(Queue())


async def waiting(world: World, by: Actor | None = None) -> list[UUID]:
    """The line, as its view shows it."""
    await follow(world)
    async with world.desk.read(by or world.acme.agent) as work:
        rows, _ = await queries.conversations(work, "waiting", None)
        assert await queue.length(work) == len(rows)
    return [row.thread_id for row in rows]


async def ticket(world: World, thread: UUID) -> Ticket:
    async with world.desk.read(world.acme.agent) as work:
        found = await Ticket.find(work, thread, ())
    assert found is not None
    return found


async def test_it_works(world: World) -> None:
    """A customer waits from their first word until somebody of the desk answers; a note answers nobody."""
    first, second = await a_chat(world), await a_request(world)
    assert await waiting(world) == [first, second]
    await say(world, world.acme.requester, first)
    await say(world, world.acme.agent, first, "internal")
    assert await waiting(world) == [first, second]
    await say(world, world.acme.agent, first)
    assert await waiting(world) == [second]
    await say(world, world.acme.requester, first)
    assert await waiting(world) == [second, first]


async def test_a_matter_that_is_over_waits_no_more(world: World) -> None:
    solved, closed = await a_request(world), await a_chat(world)
    await commands.change_ticket(world.desk, world.acme.agent, solved, Work("pending"), lambda _: None)
    assert await waiting(world) == [solved, closed]
    await commands.change_ticket(world.desk, world.acme.agent, solved, Work("solved"), lambda _: None)
    await states.change_state(world.desk, world.acme.agent, closed, "close", "other", "done")
    assert await waiting(world) == []
    await say(world, world.acme.requester, closed)
    assert await waiting(world) == [closed]


async def test_pages_go_on_where_the_one_before_ended(world: World) -> None:
    line = [await a_chat(world) for _ in range(5)]
    await follow(world)
    seen, before = list[UUID](), None
    async with world.desk.read(world.acme.agent) as work:
        while True:
            rows, before = await queries.conversations(work, "waiting", before, 2)
            seen += [row.thread_id for row in rows]
            if before is None:
                break
    assert seen == line


async def test_the_line_is_an_organisations_own(world: World) -> None:
    theirs = await a_chat(world, world.globex.requester)
    ours = await a_chat(world)
    assert await waiting(world) == [ours]
    assert await waiting(world, world.globex.agent) == [theirs]
    # A requester has no line: they see their own conversations, whatever view they ask for.
    async with world.desk.read(world.acme.requester) as work:
        rows, _ = await queries.conversations(work, "waiting", None)
        assert [row.thread_id for row in rows] == [ours]


async def test_a_chat_that_is_taken_is_a_ticket_of_ones_own(world: World) -> None:
    chat = await a_chat(world)
    taken = await taking.take(world.desk, world.acme.agent, chat)
    assert (taken.assignee, taken.status) == (world.acme.agent.member, "open")
    before = await entries(world, chat)
    assert before[-2:] == [("ticket", "ticket.created"), ("ticket", "ticket.changed")]
    assert await taking.take(world.desk, world.acme.agent, chat) == await ticket(world, chat)
    assert await entries(world, chat) == before


async def test_of_many_who_take_at_once_one_has_it(world: World) -> None:
    emails = [f"a{number}@acme.test" for number in range(4)]
    for email in emails:
        await founding.add_person(world.desk, world.acme.org, NewPerson(email, email[:2], Role.AGENT, PASSWORD))
    agents = [await signed_in(world, email) for email in emails]
    for _ in range(count(5, 250)):
        chat = await a_chat(world)
        outcomes = await asyncio.gather(
            *(taking.take(world.desk, agent, chat) for agent in agents), return_exceptions=True
        )
        (winner,) = [each for each in outcomes if isinstance(each, Ticket)]
        losers = [each for each in outcomes if isinstance(each, BaseException)]
        assert all(isinstance(each, TakenAlready) for each in losers), losers
        assert (await ticket(world, chat)).assignee == winner.assignee
        assert [type_ for _, type_ in await entries(world, chat)].count("ticket.changed") == 1


async def test_whoever_has_it_is_named(world: World) -> None:
    chat = await a_chat(world)
    await taking.take(world.desk, world.acme.agent, chat)
    with pytest.raises(TakenAlready, match="has this conversation"):
        await taking.take(world.desk, world.acme.admin, chat)


async def test_a_handover_brings_its_note(world: World) -> None:
    chat, key = await a_chat(world), a_key()
    await taking.take(world.desk, world.acme.agent, chat)
    for _ in range(2):  # the second is the first again
        await taking.hand_over(
            world.desk, world.acme.agent, chat, world.acme.admin.member, "She speaks French.", key=key, origin=None
        )
    assert (await ticket(world, chat)).assignee == world.acme.admin.member
    assert (await entries(world, chat))[-2:] == [("ticket", "message.posted"), ("ticket", "ticket.changed")]
    # Customers learn no more than that it is a ticket.
    async with world.desk.read(world.acme.requester) as work:
        rows = await work.rows("select type from ledger.entry where stream_id = $1 and stream_kind = 'ticket'", chat)
    assert [row["type"] for row in rows] == ["ticket.created"]


async def test_what_a_handover_refuses(world: World) -> None:
    chat = await a_chat(world)
    agent, admin = world.acme.agent, world.acme.admin
    for nobody in (uuid4(), world.acme.requester.member, world.globex.agent.member):
        with pytest.raises(BadRequest):
            await taking.hand_over(world.desk, agent, chat, nobody, "note", key=a_key(), origin=None)
    await states.change_state(world.desk, admin, chat, "lock", "other", "legal")
    with pytest.raises(ThreadLocked):
        await taking.hand_over(world.desk, agent, chat, admin.member, "note", key=a_key(), origin=None)
    before = await entries(world, chat)
    await taking.hand_over(world.desk, agent, chat, admin.member, " ", key=a_key(), origin=None)
    assert len(await entries(world, chat)) == len(before) + 2  # a ticket, and whose it is; no message in a locked one


@pytest.mark.parametrize("who", ["requester", "auditor", "stranger", "foreign agent"])
async def test_who_may_not(world: World, who: str) -> None:
    chat = await a_chat(world)
    actor = world.globex.agent if who == "foreign agent" else getattr(world.acme, who)
    refusal = OutsideReach if who in ("stranger", "foreign agent") else NotPermitted
    with pytest.raises(refusal):
        await taking.take(world.desk, actor, chat)
    with pytest.raises(refusal):
        await taking.hand_over(world.desk, actor, chat, world.acme.admin.member, "x", key=a_key(), origin=None)
