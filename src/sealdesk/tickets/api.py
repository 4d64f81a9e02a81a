"""Requests and tickets over JSON."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.people.fields import origin_of
from sealdesk.threads.api import OPENING, NewThread, ThreadView
from sealdesk.threads.model import MAX_BODY, Draft
from sealdesk.tickets import commands, queries, taking
from sealdesk.tickets.fields import TAKING
from sealdesk.tickets.model import Ticket, Work
from sealdesk.tickets.queries import Listed
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json, Query
from sealdesk.web.caps import MESSAGE_BYTES
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import Expected, etag
from sealdesk.web.paging import read_key, written_key
from sealdesk.web.routes import get, patch, post, put
from sealdesk.web.schema import Input


class Listing(Input, frozen=True):
    """Which view, and where to go on: the `older` of the last answer."""

    view: Literal["waiting", "mine", "unassigned", "open", "all"] = "all"
    before: Annotated[str, msgspec.Meta(max_length=80)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = queries.PAGE


class Changes(Input, frozen=True):
    """What is to be different; a member that is left out stays. `assignee: null` takes the assignee away."""

    status: Literal["open", "pending", "solved", "closed"] | None = None
    priority: Literal["low", "normal", "high", "urgent"] | None = None
    assignee: UUID | msgspec.UnsetType | None = msgspec.UNSET


class Handover(Input, frozen=True):
    """To whom, and what they should know: an internal note."""

    assignee: UUID
    note: Annotated[str, msgspec.Meta(max_length=MAX_BODY)] = ""


class TicketView(msgspec.Struct, frozen=True):
    """A ticket; its `ETag` is what a change sends in `If-Match`."""

    thread: UUID
    number: int
    status: str
    priority: str
    assignee: UUID | None
    version: int

    @classmethod
    def of(cls, ticket: Ticket) -> Self:
        """As JSON."""
        return cls(ticket.thread_id, ticket.number, ticket.status, ticket.priority, ticket.assignee, ticket.version)


class RowView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One conversation in a list; desk work (priority, assignee, requester) is for staff only."""

    thread: UUID
    subject: str
    preview: str
    at: datetime
    channel: str
    locked: bool
    number: int | None = None
    status: str | None = None
    priority: str | None = None
    assignee: UUID | None = None
    requester: str | None = None


class ListView(msgspec.Struct, frozen=True):
    """One page, newest activity first; `older` goes into `before` for the next."""

    conversations: tuple[RowView, ...]
    older: str | None


@post("/api/v1/tickets", limit=OPENING, cap=MESSAGE_BYTES, status=201, permission=Permission.THREAD_OPEN)
async def open_request(
    desk: Desk, actor: Actor, body: Json[NewThread], key: Key, exchange: Exchange
) -> Answer[ThreadView]:
    """Open a request: a conversation with a ticket."""
    thread = await commands.open_request(
        desk, actor, body.subject, Draft(body.body), "api", key=key, origin=origin_of(exchange)
    )
    return Answer(ThreadView(thread), location=f"/api/v1/threads/{thread}/messages", status=201)


@get("/api/v1/threads", permission=Permission.THREAD_READ)
async def list_conversations(desk: Desk, actor: Actor, query: Query[Listing]) -> ListView:
    """The conversations within reach, with their tickets, newest activity first."""
    async with desk.read(actor) as work:
        rows, older = await queries.conversations(work, query.view, read_key(query.before), query.limit)
    return ListView(tuple(_row(row) for row in rows), written_key(older) if older else None)


@get("/api/v1/threads/{thread:str}/ticket", permission=Permission.NOTE_READ)
async def show_ticket(desk: Desk, actor: Actor, thread: UUID) -> Answer[TicketView]:
    """The ticket on a conversation, for staff."""
    return await _shown(desk, actor, thread, Permission.NOTE_READ)


@put(
    "/api/v1/threads/{thread:str}/ticket",
    limit=TAKING,
    permission=Permission.TICKET_WORK,
    repeats="A conversation that is a ticket stays as it is.",
)
async def add_ticket(desk: Desk, actor: Actor, thread: UUID) -> Answer[TicketView]:
    """Make a conversation without desk work a ticket."""
    await commands.add_ticket(desk, actor, thread)
    return await _shown(desk, actor, thread, Permission.TICKET_WORK)


@post(
    "/api/v1/threads/{thread:str}/take",
    limit=TAKING,
    permission=Permission.TICKET_WORK,
    repeats="Whoever has it keeps it.",
)
async def take(desk: Desk, actor: Actor, thread: UUID) -> Answer[TicketView]:
    """Make a conversation one's own, and a ticket if it was none. 409 where a colleague has it."""
    ticket = await taking.take(desk, actor, thread)
    return Answer(TicketView.of(ticket), etag=etag(ticket.version))


@post("/api/v1/threads/{thread:str}/handover", limit=TAKING, cap=MESSAGE_BYTES, permission=Permission.TICKET_WORK)
async def hand_over(
    desk: Desk, actor: Actor, thread: UUID, body: Json[Handover], key: Key, exchange: Exchange
) -> Answer[TicketView]:
    """Give a conversation to a colleague, with a note for them if there is one; both or neither."""
    await taking.hand_over(desk, actor, thread, body.assignee, body.note, key=key, origin=origin_of(exchange))
    return await _shown(desk, actor, thread, Permission.TICKET_WORK)


@patch(
    "/api/v1/threads/{thread:str}/ticket",
    limit=TAKING,
    permission=Permission.TICKET_WORK,
)
async def change_ticket(
    desk: Desk, actor: Actor, thread: UUID, body: Json[Changes], expected: Expected
) -> Answer[TicketView]:
    """Change status, priority or assignee. 412 if it was changed since you read it."""
    unassign = body.assignee is None
    assignee = body.assignee if isinstance(body.assignee, UUID) else None
    work = Work(body.status, body.priority, assignee, unassign)
    ticket = await commands.change_ticket(desk, actor, thread, work, expected.require)
    return Answer(TicketView.of(ticket), etag=etag(ticket.version))


async def _shown(desk: Desk, actor: Actor, thread: UUID, permission: Permission) -> Answer[TicketView]:
    async with desk.read(actor) as work:
        ticket = await work.find(Ticket, thread, permission)
    return Answer(TicketView.of(ticket), etag=etag(ticket.version))


def _row(row: Listed) -> RowView:
    return RowView(
        row.thread_id,
        row.subject,
        row.preview,
        row.at,
        row.channel,
        row.locked,
        row.number,
        row.status,
        row.priority,
        row.assignee_id,
        row.requester,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (
    open_request,
    list_conversations,
    show_ticket,
    add_ticket,
    change_ticket,
    take,
    hand_over,
)
