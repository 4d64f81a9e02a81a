"""The widget over JSON: how a visit begins, its conversation, and how it ends. Messages are read and posted as everywhere."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.people.fields import Challenge, Text, origin_of, visit_of
from sealdesk.threads.api import OPENING, Body
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json
from sealdesk.web.caps import MESSAGE_BYTES
from sealdesk.web.exchange import Exchange
from sealdesk.web.forms import SECRET
from sealdesk.web.limits import Limit
from sealdesk.web.routes import delete, get, post
from sealdesk.web.schema import Input
from sealdesk.widget import commands, identity, queries
from sealdesk.widget.model import CODE_LIFE, Visiting

PublicId = Annotated[str, msgspec.Meta(max_length=64)]
LEAVING = Limit("visit-end", per_person="30/minute", per_address="120/minute")
_ASKING = Limit("visit-code", per_address="10/minute")
_ENTERING = Limit("visit-enter", per_address="30/minute")


class CodeWanted(Input, frozen=True):
    """Where to mail a code, and how the visitor wants to be called."""

    email: Text
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""


class CodeAnswer(Input, frozen=True):
    """The challenge that was given, and the code as it was typed."""

    challenge: Challenge
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=32, extra=SECRET)]


class Signed(Input, frozen=True):
    """What the site signed: a JWT."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=identity.MOST, extra=SECRET)]


class Opening(Input, frozen=True):
    """The first message of a conversation."""

    body: Body


class AskedView(msgspec.Struct, frozen=True):
    """The challenge to answer with the code, if one was mailed, and for how many seconds."""

    challenge: str
    seconds: int


class VisitView(msgspec.Struct, frozen=True):
    """A visit: the bearer token, whose it is, as author of messages and by name, and the seconds until it ends at the latest."""

    token: str
    member: UUID
    name: str
    seconds: int

    @classmethod
    def of(cls, visiting: Visiting) -> "VisitView":
        """As JSON."""
        return cls(visiting.token, visiting.member, visiting.name, visiting.seconds)


class ConversationView(msgspec.Struct, frozen=True):
    """The newest conversation of the reader in a widget, null where there is none yet; and who the reader is, as author of messages."""

    thread: UUID | None
    member: UUID


class BegunView(msgspec.Struct, frozen=True):
    """A conversation that was begun."""

    id: UUID


@post(
    "/api/v1/widget/{widget:str}/code",
    limit=_ASKING,
    status=202,
    repeats="Each gives a challenge of its own; how many are mailed is limited.",
)
async def ask_code(desk: Desk, widget: PublicId, body: Json[CodeWanted], exchange: Exchange) -> Answer[AskedView]:
    """Ask for a code by mail. The answer is the same for every address."""
    found = await queries.widget_of(desk, widget)
    challenge = await commands.ask_code(desk, found, body.email, body.name, exchange.address)
    return Answer(AskedView(challenge, int(CODE_LIFE.total_seconds())), status=202)


@post("/api/v1/widget/{widget:str}/visit", limit=_ENTERING, status=200, repeats="A code lets in once.")
async def enter_by_code(desk: Desk, widget: PublicId, body: Json[CodeAnswer], exchange: Exchange) -> VisitView:
    """Begin a visit with the code that was mailed."""
    found = await queries.widget_of(desk, widget)
    return VisitView.of(await commands.enter_by_code(desk, found, body.challenge, body.code, visit_of(exchange)))


@post("/api/v1/widget/{widget:str}/identity", limit=_ENTERING, status=200, repeats="What a site signed lets in once.")
async def enter_by_identity(desk: Desk, widget: PublicId, body: Json[Signed], exchange: Exchange) -> VisitView:
    """Begin a visit with what the site signed."""
    found = await queries.widget_of(desk, widget)
    return VisitView.of(await commands.enter_by_identity(desk, found, body.token, visit_of(exchange)))


@get("/api/v1/widget/conversation", permission=Permission.THREAD_READ)
async def show_conversation(desk: Desk, actor: Actor) -> ConversationView:
    """Where the reader's conversation stands."""
    async with desk.read(actor) as work:
        return ConversationView(await queries.own_conversation(work), actor.member)


@post(
    "/api/v1/widget/conversation",
    limit=OPENING,
    cap=MESSAGE_BYTES,
    status=201,
    permission=Permission.THREAD_OPEN,
)
async def begin_conversation(
    desk: Desk, actor: Actor, body: Json[Opening], key: Key, exchange: Exchange
) -> Answer[BegunView]:
    """Begin a conversation with its first message, where there is none yet. Lists show it beside a subject that says nothing of it."""
    thread = await commands.begin_conversation(desk, actor, body.body, key=key, origin=origin_of(exchange))
    return Answer(BegunView(thread), location=f"/api/v1/threads/{thread}/messages", status=201)


@delete(
    "/api/v1/widget/visit",
    limit=LEAVING,
    status=204,
    permission=Permission.THREAD_READ,
    repeats="What has ended has ended; a session that is no visit stays.",
)
async def leave(desk: Desk, actor: Actor) -> Answer[None]:
    """End the visit."""
    await commands.leave(desk, actor)
    return Answer(None, status=204)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    ask_code,
    enter_by_code,
    enter_by_identity,
    show_conversation,
    begin_conversation,
    leave,
)
