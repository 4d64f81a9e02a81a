"""Open a request, work on a ticket."""

from collections.abc import Callable
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import BadRequest
from sealdesk.ledger.events import Stream
from sealdesk.threads import commands as threads
from sealdesk.threads import queries as conversations
from sealdesk.threads.events import Origin
from sealdesk.threads.model import Draft, Thread
from sealdesk.tickets import events
from sealdesk.tickets.model import Ticket, Work
from sealdesk.unit import Change, Desk, Key


async def open_request(
    desk: Desk, actor: Actor, subject: str, draft: Draft, channel: str, *, key: Key | None, origin: Origin | None
) -> UUID:
    """A conversation with a ticket on it, in one change; gives the thread's id."""
    async with desk.change(actor, key) as change:
        if change.replay:
            return await conversations.thread_of_entry(change, change.replay)
        return await open_in(change, subject, draft, channel, origin)


async def open_in(change: Change, subject: str, draft: Draft, channel: str, origin: Origin | None) -> UUID:
    """The same inside a larger change."""
    thread_id = await threads.open_in(change, subject, draft, channel, origin)
    await begin_ticket(change, thread_id)
    return thread_id


async def add_ticket(desk: Desk, actor: Actor, thread_id: UUID) -> None:
    """Make a conversation without desk work (a chat, imported history) a ticket; one that is a ticket stays as it is."""
    async with desk.change(actor) as change:
        await change.find(Thread, thread_id, Permission.TICKET_WORK, lock=("ticket",))
        if await change.value("select 1 from app.ticket where org_id = $1 and thread_id = $2", actor.org, thread_id):
            change.nothing()
            return
        await begin_ticket(change, thread_id)


async def change_ticket(
    desk: Desk, actor: Actor, thread_id: UUID, work: Work, require: Callable[[int], None]
) -> Ticket:
    """Change status, priority or assignee. `require` judges the present version and raises `Stale` (412); a repeat changes nothing."""
    async with desk.change(actor) as change:
        ticket = await change.find(Ticket, thread_id, Permission.TICKET_WORK, lock=("thread", "ticket"))
        require(ticket.version)
        if work.assignee:
            await assignable(change, work.assignee)
        after, facts = ticket.changed(work, change.actor)
        if not facts:
            change.nothing()
            return ticket
        for fact in facts:
            change.record(fact)
        await write(change, after)
    return after


async def write(change: Change, after: Ticket) -> None:
    """Store a ticket as it is after a change."""
    await change.execute(
        "update app.ticket set status = $3, priority = $4, assignee_id = $5, version = $6 where org_id = $1 and thread_id = $2",
        change.actor.org,
        after.thread_id,
        after.status,
        after.priority,
        after.assignee,
        after.version,
    )


async def begin_ticket(change: Change, thread_id: UUID) -> None:
    """Put desk work on a conversation, inside a larger change."""
    number = await change.value("select app.next_number('ticket')")
    assert isinstance(number, int)
    await change.insert("app.ticket", thread_id=thread_id, number=number, status="open", priority="normal")
    await change.lock(Stream("ticket", thread_id))
    change.record(events.ticket_created(thread_id, number))


async def assignable(change: Change, member: UUID) -> None:
    """Raise `BadRequest` unless a ticket may be given to `member`."""
    found = await change.value(
        "select 1 from app.member where org_id = $1 and member_id = $2 and active and role in ('agent', 'admin')",
        change.actor.org,
        member,
    )
    if not found:
        raise BadRequest("A ticket is assigned to an agent or admin of the organisation.", pointer="/assignee")
