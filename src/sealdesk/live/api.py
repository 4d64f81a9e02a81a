"""What goes with live sockets over HTTP: tickets, and read marks for whoever has no socket."""

from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.live import marks
from sealdesk.live.frames import Mark, Seq
from sealdesk.live.hub import Hub
from sealdesk.live.policy import IN_THREAD, LIVE
from sealdesk.unit import Desk
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input


class TicketView(msgspec.Struct, frozen=True):
    """Opens one socket: the first frame is `{"type":"ticket","ticket":"..."}`."""

    ticket: str
    seconds: int


class MarkChange(Input, frozen=True):
    """How far the public messages were read: the `seq` of the last one."""

    seq: Seq


@post(
    "/api/v1/live/tickets",
    limit=LIVE,
    status=200,
    permission=Permission.THREAD_READ,
    repeats="Each is a ticket of its own, and runs out by itself.",
)
async def make_ticket(desk: Desk, actor: Actor) -> TicketView:
    """A ticket for a live socket, good once and for 30 seconds: for programs that show a bearer token."""
    return TicketView(await marks.make_ticket(desk, actor), int(marks.TICKET_LIFE.total_seconds()))


@get("/api/v1/threads/{thread:str}/read", permission=Permission.THREAD_READ)
async def list_marks(desk: Desk, actor: Actor, thread: UUID) -> list[Mark]:
    """Who has read how far. Requesters see each other's marks, and of the desk those of whoever has written to them."""
    async with desk.read(actor) as work:
        return list(await marks.marks(work, thread))


@post(
    "/api/v1/threads/{thread:str}/read",
    limit=IN_THREAD,
    status=204,
    permission=Permission.THREAD_READ,
    repeats="A mark never goes back.",
)
async def mark_read(desk: Desk, hub: Hub, actor: Actor, thread: UUID, body: Json[MarkChange]) -> Answer[None]:
    """Move one's own mark on."""
    moved = await marks.mark_read(desk, actor, thread, body.seq)
    if moved is not None:
        hub.has_read(actor.org, thread, *moved)
    return Answer(None, status=204)


ROUTES: tuple[HTTPRouteHandler, ...] = (make_ticket, list_marks, mark_read)
