"""The pages of conversations: inbox, one conversation, its news, a new request."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID, uuid4

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import Refusal
from sealdesk.core.ids import read_id
from sealdesk.people.fields import origin_of
from sealdesk.threads import commands as threads
from sealdesk.threads import waiting
from sealdesk.threads.api import NOTES, OPENING, POSTING
from sealdesk.threads.model import MAX_BODY, Draft
from sealdesk.threads.view import InboxView, NewRequestView, NewsView
from sealdesk.tickets import commands, queries, showing
from sealdesk.tickets.conversation import conversation, news
from sealdesk.tickets.fields import TAKING
from sealdesk.tickets.frame import frame
from sealdesk.tickets.model import Work
from sealdesk.unit import Desk, Key, Reading
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Query, Submitted
from sealdesk.web.caps import MESSAGE_BYTES
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import Expected
from sealdesk.web.pages import Page
from sealdesk.web.paging import read_key
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

View = Literal["waiting", "mine", "unassigned", "open", "all"]
Mark = Annotated[str, msgspec.Meta(max_length=80)]


class InboxQuery(Input, frozen=True):
    """Which view, and after which row."""

    view: View = "open"
    before: Mark | None = None


class ConversationQuery(Input, frozen=True):
    """From which view one came, and where an earlier stretch ends."""

    view: View = "open"
    earlier: Mark | None = None


class NewsQuery(Input, frozen=True):
    """What the page has: a cursor, how much was sealed, whether it shows what is not; and how many seconds to wait for news.

    `old` says that it shows an earlier stretch, under which nothing new belongs.
    """

    after: Mark
    old: Literal["", "yes"] = ""
    sealed: Annotated[int, msgspec.Meta(ge=0)] = 0
    day: Annotated[str, msgspec.Meta(max_length=60)] = ""
    unsealed: Literal["", "yes"] = ""
    wait: Annotated[int, msgspec.Meta(ge=0, le=waiting.MOST_SECONDS)] = 0


CONVERSATION = "/c/{thread:str}"


class MessageForm(Input, frozen=True):
    """The composer's fields."""

    body: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_BODY + 1)]
    visibility: Literal["public", "internal"] = "public"


class RequestForm(Input, frozen=True):
    """The fields of a new request."""

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=998)]
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_BODY + 1)]


class NoFields(Input, frozen=True):
    """A form of one button."""


class TicketForm(Input, frozen=True):
    """The pickers beside a conversation; an empty assignee is nobody."""

    status: Literal["open", "pending", "solved", "closed"]
    priority: Literal["low", "normal", "high", "urgent"]
    assignee: Annotated[str, msgspec.Meta(max_length=36)] = ""


@get("/", permission=Permission.THREAD_READ)
async def show_inbox(desk: Desk, actor: Actor, page: Page, query: Query[InboxQuery]) -> Html:
    """The inbox of staff, or a requester's own requests."""
    async with desk.read(actor) as work:
        view = await _inbox(work, query.view, query.before, None)
        around = await frame(work, page, view.heading, query.view if actor.role is not Role.REQUESTER else "/")
    if actor.role is Role.REQUESTER:
        return page.render("requests.html", frame=around, view=view)
    return page.render("inbox.html", frame=around, view=view, conversation=None)


@get(CONVERSATION, permission=Permission.THREAD_READ)
async def show_conversation(
    desk: Desk, actor: Actor, page: Page, thread: UUID, query: Query[ConversationQuery]
) -> Html:
    """One conversation."""
    async with desk.read(actor) as work:
        return await _conversation(work, page, thread, query.view, query.earlier, {})


@get("/c/{thread:str}/news", permission=Permission.THREAD_READ)
async def show_news(desk: Desk, actor: Actor, page: Page, thread: UUID, query: Query[NewsQuery]) -> Html:
    """What came after the page was drawn, and the marks that turned; 204 while there is neither."""

    async def look() -> NewsView | None:
        async with desk.read(actor) as work:
            return await news(work, thread, query.after, query.sealed, query.day, old=query.old == "yes")

    # What waits to be sealed is sealed within a second, and nothing rings for that.
    every = 1.0 if query.unsealed else waiting.LOOK_EVERY
    found = await waiting.until_news(
        desk, actor, thread, query.wait, look, lambda seen: seen is not None, look_every=every
    )
    return page.render("news.html", view=found) if found else Html("", 204)


@post(
    "/c/{thread:str}/messages",
    limit=POSTING,
    cap=MESSAGE_BYTES,
    permission=Permission.MESSAGE_POST,
    saying=NOTES,
    stands=CONVERSATION,
    act="send your message",
)
async def post_message(
    desk: Desk, actor: Actor, page: Page, thread: UUID, form: Submitted[MessageForm], key: Key, exchange: Exchange
) -> Html | SeeOther:
    """Post from the composer. Refused, it comes back with what was typed."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        draft = Draft(form.value.body.replace("\r\n", "\n"), form.value.visibility)
        await threads.post_message(desk, actor, thread, draft, key=key, origin=origin_of(exchange))
    except Refusal as refusal:
        if _by_script(exchange) or refusal.status in (401, 404):
            raise
        exchange.refusal = refusal
        typed = {
            "body": form.kept.get("body", ""),
            "visibility": form.kept.get("visibility", "public"),
            "error": refusal.detail,
        }
        async with desk.read(actor) as work:
            shown = await _conversation(work, page, thread, "open", None, typed)
        return replace(shown, status=refusal.status)
    return SeeOther(f"/c/{thread}")


@post(
    "/c/{thread:str}/ticket",
    limit=TAKING,
    permission=Permission.TICKET_WORK,
    stands=CONVERSATION,
    act="change the ticket",
)
async def change_ticket(
    desk: Desk, actor: Actor, thread: UUID, form: Submitted[TicketForm], expected: Expected
) -> SeeOther:
    """Desk work from the pickers."""
    if form.value is None:
        raise form.refusal or Refusal()
    chosen = form.value
    assignee = _member(chosen.assignee)
    work = Work(chosen.status, chosen.priority, assignee, unassign=assignee is None)
    await commands.change_ticket(desk, actor, thread, work, expected.require)
    return SeeOther(f"/c/{thread}")


@post(
    "/c/{thread:str}/ticketing",
    limit=TAKING,
    permission=Permission.TICKET_WORK,
    stands=CONVERSATION,
    act="make it a ticket",
)
async def add_ticket(desk: Desk, actor: Actor, thread: UUID, form: Submitted[NoFields]) -> SeeOther:
    """Make the conversation a ticket."""
    if form.refusal is not None:
        raise form.refusal
    await commands.add_ticket(desk, actor, thread)
    return SeeOther(f"/c/{thread}")


@get("/new", permission=Permission.THREAD_OPEN)
async def show_new(desk: Desk, actor: Actor, page: Page) -> Html:
    """The form for a new request."""
    actor.demand(Permission.THREAD_OPEN)
    return await _new(desk, actor, page, NewRequestView(idempotency_key=uuid4().hex))


@post("/new", limit=OPENING, cap=MESSAGE_BYTES, permission=Permission.THREAD_OPEN, act="send your request")
async def open_request(
    desk: Desk, actor: Actor, page: Page, form: Submitted[RequestForm], key: Key, exchange: Exchange
) -> Html | SeeOther:
    """Open a request. Refused, it comes back with what was typed."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        draft = Draft(form.value.body.replace("\r\n", "\n"))
        thread = await commands.open_request(
            desk, actor, form.value.subject, draft, "portal", key=key, origin=origin_of(exchange)
        )
    except Refusal as refusal:
        if _by_script(exchange) or refusal.status in (401, 403):
            raise
        exchange.refusal = refusal
        kept = NewRequestView(
            idempotency_key=uuid4().hex,
            subject=form.kept.get("subject", ""),
            body=form.kept.get("body", ""),
            error=refusal.detail,
        )
        return replace(await _new(desk, actor, page, kept), status=refusal.status)
    return SeeOther(f"/c/{thread}")


async def _new(desk: Desk, actor: Actor, page: Page, view: NewRequestView) -> Html:
    async with desk.read(actor) as work:
        around = await frame(work, page, "New request", "/new")
    return page.render("new_request.html", frame=around, view=view)


async def _inbox(work: Reading, view: str, before: str | None, current: UUID | None) -> InboxView:
    rows, older = await queries.conversations(
        work, view if work.actor.role is not Role.REQUESTER else "all", read_key(before)
    )
    return showing.inbox(work.actor, view, rows, older, paged=before is not None, current=current)


async def _conversation(
    work: Reading, page: Page, thread: UUID, view: str, earlier: str | None, typed: dict[str, str]
) -> Html:
    shown = await conversation(work, thread, earlier, typed)
    around = await frame(work, page, shown.subject, view if work.actor.role is not Role.REQUESTER else "/")
    if work.actor.role is Role.REQUESTER:
        return page.render("request.html", frame=around, view=shown)
    inbox = await _inbox(work, view, None, thread)
    return page.render("inbox.html", frame=around, view=inbox, conversation=replace(shown, back_href=f"/?view={view}"))


def _member(text: str) -> UUID | None:
    try:
        return read_id(text) if text else None
    except ValueError:
        return UUID(int=1)  # nobody's id: the command words the refusal


def _by_script(exchange: Exchange) -> bool:
    return b"application/problem+json" in exchange.fields.get(b"accept", b"")


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_inbox,
    show_conversation,
    show_news,
    post_message,
    change_ticket,
    add_ticket,
    show_new,
    open_request,
)
