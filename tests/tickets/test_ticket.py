"""Desk work: each change an entry, each stale change refused."""

from uuid import UUID, uuid4

import pytest

from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, Stale
from sealdesk.threads import commands as threads
from sealdesk.threads.model import Draft
from sealdesk.tickets import commands, queries
from sealdesk.tickets.model import Work
from world import World


def version(wanted: int):
    """What `If-Match` demands."""

    def require(current: int) -> None:
        if current != wanted:
            raise Stale

    return require


async def a_request(world: World) -> UUID:
    """A requester's new request."""
    return await commands.open_request(
        world.desk, world.acme.requester, "Broken", Draft("x"), "portal", key=None, origin=None
    )


async def entries(world: World, thread: UUID) -> list[tuple[str, str]]:
    """(stream kind, type) of the conversation's entries."""
    async with world.desk.read(world.acme.auditor) as work:
        rows = await work.rows("select stream_kind, type from ledger.entry where stream_id = $1 order by qid", thread)
    return [(row["stream_kind"], row["type"]) for row in rows]


async def test_it_works(world: World) -> None:
    """The public status and the internal rest stand in streams of their own."""
    thread = await a_request(world)
    work = Work(status="pending", priority="high", assignee=world.acme.agent.member)
    after = await commands.change_ticket(world.desk, world.acme.agent, thread, work, version(1))
    assert (after.status, after.priority, after.assignee, after.version) == (
        "pending",
        "high",
        world.acme.agent.member,
        2,
    )
    assert (await entries(world, thread))[-2:] == [("thread", "ticket.changed"), ("ticket", "ticket.changed")]


async def test_a_repeat_changes_nothing_and_records_nothing(world: World) -> None:
    """As it is already."""
    thread = await a_request(world)
    before = await entries(world, thread)
    after = await commands.change_ticket(world.desk, world.acme.agent, thread, Work(status="open"), version(1))
    assert after.version == 1
    assert await entries(world, thread) == before


async def test_a_stale_change_is_refused(world: World) -> None:
    """412, and nothing happened."""
    thread = await a_request(world)
    await commands.change_ticket(world.desk, world.acme.agent, thread, Work(status="solved"), version(1))
    with pytest.raises(Stale):
        await commands.change_ticket(world.desk, world.acme.agent, thread, Work(status="open"), version(1))


async def test_who_may_not(world: World) -> None:
    """Requesters and auditors may not, strangers find nothing, and only staff is assigned."""
    thread = await a_request(world)
    with pytest.raises(NotPermitted):
        await commands.change_ticket(world.desk, world.acme.auditor, thread, Work(status="solved"), version(1))
    for stranger in (world.globex.agent, world.acme.stranger):
        with pytest.raises((OutsideReach, NotPermitted)):
            await commands.change_ticket(world.desk, stranger, thread, Work(status="solved"), version(1))
    for nobody in (uuid4(), world.acme.requester.member, world.globex.agent.member):
        with pytest.raises(BadRequest):
            await commands.change_ticket(world.desk, world.acme.agent, thread, Work(assignee=nobody), version(1))


async def test_a_chat_becomes_a_ticket_once(world: World) -> None:
    """However often it is asked."""
    thread = await threads.open_thread(
        world.desk, world.acme.requester, "Chat", Draft("x"), "chat", key=None, origin=None
    )
    await commands.add_ticket(world.desk, world.acme.agent, thread)
    await commands.add_ticket(world.desk, world.acme.agent, thread)
    assert (await entries(world, thread))[-1:] == [("ticket", "ticket.created")]
    with pytest.raises(NotPermitted):
        await commands.add_ticket(world.desk, world.acme.requester, thread)


async def test_lists_page_by_key_without_losing_or_repeating(world: World) -> None:
    """Every conversation once, newest activity first, whatever the page's size."""
    threads = [await a_request(world) for _ in range(7)]
    for actor in (world.acme.agent, world.acme.requester):
        seen: list[UUID] = []
        after = None
        async with world.desk.read(actor) as work:
            while True:
                rows, after = await queries.conversations(work, "all", after, 3)
                seen += [row.thread_id for row in rows]
                if after is None:
                    break
        assert seen == threads[::-1]
    async with world.desk.read(world.acme.stranger) as work:
        assert await queries.conversations(work, "all", None, 3) == ([], None)
