"""Take a conversation that waits, or hand it over to a colleague."""

from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import StateConflict
from sealdesk.threads import commands as threads
from sealdesk.threads.events import Origin
from sealdesk.threads.model import Draft, Thread
from sealdesk.tickets import commands
from sealdesk.tickets.model import Ticket, Work
from sealdesk.unit import Change, Desk, Key


class TakenAlready(StateConflict):
    """A colleague was quicker."""

    slug = "taken-already"
    title = "Somebody has this already"


async def take(desk: Desk, actor: Actor, thread_id: UUID) -> Ticket:
    """Make the conversation the actor's own; a chat becomes a ticket with that. `TakenAlready` (409) where it is a colleague's."""
    async with desk.change(actor) as change:
        _, ticket = await _found(change, thread_id)
        if ticket.assignee == actor.member:
            change.nothing()
            return ticket
        if ticket.assignee is not None:
            name = await change.value(
                "select name from app.member where org_id = $1 and member_id = $2", actor.org, ticket.assignee
            )
            raise TakenAlready(f"{name} has this conversation. Ask them to hand it over, or change the assignee.")
        return await _assign(change, ticket, actor.member)


async def hand_over(
    desk: Desk, actor: Actor, thread_id: UUID, to: UUID, note: str, *, key: Key, origin: Origin | None
) -> None:
    """Give the conversation to a colleague, with a note for them unless it is empty; both in one change. `BadRequest` for nobody's id."""
    async with desk.change(actor, key) as change:
        if change.replay:
            return
        thread, ticket = await _found(change, thread_id)
        await commands.assignable(change, to)
        if note.strip():
            change.demand(Permission.NOTE_POST)
            await threads.post_in(change, thread, Draft(note, "internal"), origin)
        if ticket.assignee != to:
            await _assign(change, ticket, to)
        elif not note.strip():
            change.nothing()


async def _found(change: Change, thread_id: UUID) -> tuple[Thread, Ticket]:
    """The conversation and the ticket on it, locked; a chat becomes one."""
    thread = await change.find(Thread, thread_id, Permission.TICKET_WORK, lock=("thread", "ticket"))
    found = await Ticket.find(change, thread_id, ())
    if found is None:
        await commands.begin_ticket(change, thread_id)
        found = await Ticket.find(change, thread_id, ())
    assert found is not None
    return thread, found


async def _assign(change: Change, ticket: Ticket, member: UUID) -> Ticket:
    after, facts = ticket.changed(Work(assignee=member), change.actor)
    for fact in facts:
        change.record(fact)
    await commands.write(change, after)
    return after
