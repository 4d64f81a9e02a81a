"""Conversations over JSON."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Literal, Self
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.people.fields import origin_of
from sealdesk.threads import commands, queries, waiting
from sealdesk.threads.model import MAX_BODY, MAX_SUBJECT, Draft
from sealdesk.threads.queries import Cursor, Message, Timeline
from sealdesk.threads.redacted import Redaction
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json, Query
from sealdesk.web.caps import MESSAGE_BYTES
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import etag
from sealdesk.web.limits import Limit
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

# JSON Schema counts characters, the noun bytes of UTF-8: whatever fits into a request is left to the noun's refusal.
Body = Annotated[
    str, msgspec.Meta(min_length=1, max_length=MESSAGE_BYTES, description=f"At most {MAX_BODY:,} bytes of UTF-8.")
]
Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SUBJECT)]
POSTING = Limit(
    "message-post", per_person="120/minute", per_address="600/minute", per_target="240/minute", per_org="6000/minute"
)
NOTES = {"visibility=internal": (Permission.NOTE_POST,)}
OPENING = Limit("thread-open", per_person="30/minute", per_address="120/minute", per_org="1200/minute")


class NewMessage(Input, frozen=True):
    """A message to post. `internal` is a note among staff."""

    body: Body
    visibility: Literal["public", "internal"] = "public"


class NewThread(Input, frozen=True):
    """A conversation to open, with its first message."""

    subject: Subject
    body: Body


class After(Input, frozen=True):
    """Where to read on: the `cursor` of the last answer, how many messages at most, and how many seconds to wait for the first."""

    after: Annotated[str, msgspec.Meta(max_length=40)] = "0"
    wait: Annotated[int, msgspec.Meta(ge=0, le=waiting.MOST_SECONDS)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=queries.PAGE)] = queries.PAGE


class AuthorView(msgspec.Struct, frozen=True):
    """Who wrote it, by the name and role of the time."""

    id: str
    kind: str
    name: str
    role: str


class ClaimView(msgspec.Struct, frozen=True):
    """What imported history claims of itself."""

    at: str
    author: str
    channel: str


class ReceiptView(msgspec.Struct, frozen=True):
    """The entry that records a message: `pending` until it has an index, `sequenced` until a signed checkpoint covers it, then `sealed`."""

    entry_id: UUID
    leaf_hash: str
    seq: int
    state: Literal["pending", "sequenced", "sealed"]
    index: int | None


class RedactionView(msgspec.Struct, frozen=True):
    """What stands in the place of a message: `text` for a masked one. `by` is who redacted it, or who asked and who approved its erasure.

    `code` is the reason, or the basis of an erasure; `entry` is the entry that says so.
    """

    state: Literal["masked", "withheld", "erased"]
    at: datetime
    by: tuple[str, ...]
    code: str
    note: str
    text: str | None
    entry: UUID

    @classmethod
    def of(cls, redaction: Redaction) -> Self:
        """As JSON."""
        state = "masked" if redaction.state == "masked" else "erased" if redaction.state == "erased" else "withheld"
        return cls(
            state, redaction.at, redaction.by, redaction.code, redaction.note, redaction.text, redaction.entry_id
        )


class MessageView(msgspec.Struct, frozen=True):
    """A message and its receipt. `body` is None where there is a `redaction` to be read in its place.

    Auditors read the `body` of a redacted message too, until it is erased.
    """

    id: UUID
    thread: UUID
    visibility: str
    author: AuthorView
    at: datetime
    body: str | None
    receipt: ReceiptView
    claim: ClaimView | None
    redaction: RedactionView | None

    @classmethod
    def of(cls, message: Message) -> Self:
        """As JSON."""
        state = "sealed" if message.sealed else "pending" if message.index is None else "sequenced"
        author, claim = message.author, message.claim
        return cls(
            message.id,
            message.thread_id,
            message.visibility,
            AuthorView(author.id, author.kind, author.name, author.role),
            message.at,
            message.body,
            ReceiptView(message.entry_id, message.leaf_hash.hex(), message.seq, state, message.index),
            ClaimView(claim.at, claim.author, claim.channel) if claim else None,
            RedactionView.of(message.redaction) if message.redaction else None,
        )


class MessagesView(msgspec.Struct, frozen=True):
    """Messages in order. Pass `cursor` as `after` to read on; `more` says whether there is more already.

    `changed` are messages of earlier answers that are to be read otherwise since: redacted, shown again, or erased.
    """

    messages: tuple[MessageView, ...]
    changed: tuple[MessageView, ...]
    cursor: str
    more: bool


class ThreadView(msgspec.Struct, frozen=True):
    """A conversation that was opened."""

    id: UUID


@post("/api/v1/threads", limit=OPENING, cap=MESSAGE_BYTES, status=201, permission=Permission.THREAD_OPEN)
async def open_thread(
    desk: Desk, actor: Actor, body: Json[NewThread], key: Key, exchange: Exchange
) -> Answer[ThreadView]:
    """Open a conversation without a ticket: a chat."""
    thread = await commands.open_thread(
        desk, actor, body.subject, Draft(body.body), "api", key=key, origin=origin_of(exchange)
    )
    return Answer(ThreadView(thread), location=f"/api/v1/threads/{thread}/messages", status=201)


@get("/api/v1/threads/{thread:str}/messages", permission=Permission.THREAD_READ)
async def read_messages(desk: Desk, actor: Actor, thread: UUID, query: Query[After]) -> Answer[MessagesView]:
    """Read a conversation from a cursor on, with `wait` as soon as there is more. Staff read messages and notes in one order.

    It changes nothing, and does not keep a session alive. Without news the answer comes after `wait` seconds, and is empty.
    """
    after = Cursor.parse(query.after)

    async def look() -> tuple[Timeline, tuple[Message, ...]]:
        async with desk.read(actor) as work:
            found = await queries.timeline(work, thread, after, query.limit)
            return found, await queries.changed_in(work, thread, found.items)

    found, changed = await waiting.until_news(desk, actor, thread, query.wait, look, lambda seen: bool(seen[0].items))
    cursor = found.cursor.written(staff=actor.role is not Role.REQUESTER)
    messages = tuple(MessageView.of(item) for item in found.items if isinstance(item, Message))
    sealed = sum(item.sealed for item in found.items)
    seen = (*changed, *(item for item in found.items if isinstance(item, Message)))
    shown = [str(item.redaction.entry_id) for item in seen if item.redaction]
    # What a client keeps of a message is no longer good once it is redacted, and neither is the redaction once it is taken back.
    state = sha256(" ".join(shown).encode()).hexdigest()[:16] if shown else "plain"
    answer = MessagesView(messages, tuple(map(MessageView.of, changed)), cursor, found.more)
    return Answer(answer, etag=etag(f"{query.after}-{cursor}-{sealed}-{state}"))


@post(
    "/api/v1/threads/{thread:str}/messages",
    limit=POSTING,
    cap=MESSAGE_BYTES,
    status=201,
    permission=Permission.MESSAGE_POST,
    saying=NOTES,
)
async def post_message(
    desk: Desk, actor: Actor, thread: UUID, body: Json[NewMessage], key: Key, exchange: Exchange
) -> Answer[MessageView]:
    """Post a message. The answer carries its receipt; a repeat with the same key gives the same answer."""
    draft = Draft(body.body, body.visibility)
    message = await commands.post_message(desk, actor, thread, draft, key=key, origin=origin_of(exchange))
    return Answer(MessageView.of(message), location=f"/api/v1/threads/{thread}/messages", status=201)


ROUTES: tuple[HTTPRouteHandler, ...] = (open_thread, read_messages, post_message)
