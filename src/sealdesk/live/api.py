"""What goes with live sockets over HTTP: tickets, and what they tell for whoever has no socket."""

from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.live import marks
from sealdesk.live.frames import Mark, Seq
from sealdesk.live.hub import Hub
from sealdesk.live.observing import Attendance, attendance
from sealdesk.live.policy import IN_THREAD, LIVE
from sealdesk.threads.waiting import MOST_SECONDS
from sealdesk.unit import Desk
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json, Query
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import etag, none_match
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


class Wait(Input, frozen=True):
    """How many seconds to wait for something else than `If-None-Match` names."""

    wait: Annotated[int, msgspec.Meta(ge=0, le=MOST_SECONDS)] = 0


@get("/api/v1/threads/{thread:str}/live", permission=Permission.THREAD_READ)
async def show_attendance(
    desk: Desk, hub: Hub, actor: Actor, thread: UUID, query: Query[Wait], exchange: Exchange
) -> Answer[Attendance]:
    """Who is there, who writes and who has read how far, as a socket tells it.

    Whoever asks is not there by that, and it keeps no session alive.
    """
    known = exchange.fields.get(b"if-none-match")

    def is_news(found: Attendance) -> bool:
        return known is None or not none_match(known, _tag(found))

    found = await attendance(desk, hub, actor, thread, query.wait, is_news)
    return Answer(found, etag=_tag(found))


def _tag(found: Attendance) -> str:
    return etag(sha256(msgspec.json.encode(found)).hexdigest()[:32])


ROUTES: tuple[HTTPRouteHandler, ...] = (make_ticket, list_marks, mark_read, show_attendance)
