"""Redaction, erasure and legal holds over JSON."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.members.queries import admit
from sealdesk.redactions import commands, erasure, holds, queries
from sealdesk.redactions.model import MOST_NOTE, Basis, Code, HoldCode, LiftCode, Wanted
from sealdesk.redactions.queries import Erasing, Hold, Waiting
from sealdesk.threads.api import MessageView
from sealdesk.threads.model import MAX_BODY
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json
from sealdesk.web.caps import MESSAGE_BYTES
from sealdesk.web.headers import Expected, etag
from sealdesk.web.limits import Limit
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

REDACTING = Limit("redaction", per_person="120/minute", per_target="60/minute")
HOLDING = Limit("legal-hold", per_person="60/minute", per_target="60/minute")
ERASING = Limit("erasure", per_person="60/minute", per_target="60/minute")
TURNING = {"act=ask": (Permission.ERASURE_ASK,), "act=off": (Permission.ERASURE_APPROVE,)}
MESSAGE = "/api/v1/threads/{thread:str}/messages/{message:str}"
Note = Annotated[str, msgspec.Meta(max_length=MOST_NOTE, description="Why: text, kept on record.")]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NOTE, description="Why: text, kept on record.")]
Text = Annotated[
    str, msgspec.Meta(max_length=MESSAGE_BYTES, description=f"Read instead: at most {MAX_BODY:,} bytes of UTF-8.")
]


class NewRedaction(Input, frozen=True):
    """How a message is to read: `mask` puts `text` in its place, `withhold` nothing."""

    mode: Literal["withhold", "mask"]
    code: Code
    text: Text | None = None
    note: Note = ""


class Lifting(Input, frozen=True):
    """Why a redaction is taken back."""

    code: LiftCode
    note: Note = ""


class NewErasure(Input, frozen=True):
    """On which basis a message is to be erased, and why."""

    basis: Basis
    reason: Reason


class ErasureAnswer(Input, frozen=True):
    """What the second person says; whoever asked withdraws by refusing."""

    answer: Literal["refuse", "approve"]
    note: Note = ""


class NewHold(Input, frozen=True):
    """Why a conversation is held."""

    code: HoldCode
    note: Note = ""


class HoldRelease(Input, frozen=True):
    """Which hold is released, and why."""

    hold: UUID
    code: HoldCode
    note: Note = ""


class ErasingChange(Input, frozen=True):
    """One step: `ask` that erasure be turned on, `approve` it as a second person, turn it `off`."""

    act: erasure.Turn
    reason: Note = ""


class HoldView(msgspec.Struct, frozen=True):
    """A legal hold on a conversation. While one stands, nothing there is erased."""

    id: UUID
    thread: UUID
    standing: bool
    placed_by: str
    at: datetime
    code: str
    note: str
    entry: UUID

    @classmethod
    def of(cls, hold: Hold) -> "HoldView":
        """As JSON."""
        return cls(hold.id, hold.thread_id, hold.standing, hold.placer, hold.at, hold.code, hold.note, hold.entry.id)


class WaitingView(msgspec.Struct, frozen=True):
    """An erasure that waits for a second person. `entry` asked for it: the answer names it in `If-Match`.

    It is `void` as long as whoever asked is no admin, and can only be refused then.
    """

    message: UUID
    thread: UUID
    basis: str
    asked_by: str
    at: datetime
    reason: str
    entry: UUID
    void: bool

    @classmethod
    def of(cls, waiting: Waiting) -> "WaitingView":
        """As JSON."""
        return cls(
            waiting.message_id,
            waiting.thread_id,
            waiting.basis,
            waiting.asker,
            waiting.at,
            waiting.reason,
            waiting.entry.id,
            waiting.void,
        )


class ErasingView(msgspec.Struct, frozen=True):
    """Whether the organisation erases (`off`, `asked` by one person, `on`), and what waits for a second person."""

    state: str
    waiting: tuple[WaitingView, ...]


@post(f"{MESSAGE}/redaction", limit=REDACTING, cap=MESSAGE_BYTES, status=201, permission=Permission.MESSAGE_REDACT)
async def redact(
    desk: Desk, actor: Actor, thread: UUID, message: UUID, body: Json[NewRedaction], key: Key
) -> Answer[MessageView]:
    """Redact a message: readers read what stands in its place from now on, auditors alone the original."""
    wanted = Wanted(body.mode, body.code, body.text, body.note)
    shown = await commands.redact(desk, actor, thread, message, wanted, key=key)
    return Answer(MessageView.of(shown), location=f"/api/v1/threads/{thread}/messages", status=201)


@post(f"{MESSAGE}/redaction/lift", limit=REDACTING, permission=Permission.MESSAGE_REDACT)
async def lift(
    desk: Desk, actor: Actor, thread: UUID, message: UUID, body: Json[Lifting], expected: Expected, key: Key
) -> MessageView:
    """Take a redaction back: the message is read as it was written. `If-Match` names the redaction by its `entry`."""
    shown = await commands.lift(desk, actor, thread, message, body.code, body.note, expected.require, key=key)
    return MessageView.of(shown)


@post(f"{MESSAGE}/erasure", limit=ERASING, status=201, permission=Permission.ERASURE_ASK)
async def ask_erasure(
    desk: Desk, actor: Actor, thread: UUID, message: UUID, body: Json[NewErasure], key: Key
) -> Answer[MessageView]:
    """Ask that a message be erased. It is when a second person approves: another admin, or an auditor."""
    shown = await erasure.ask(desk, actor, thread, message, body.basis, body.reason, key=key)
    return Answer(MessageView.of(shown), location="/api/v1/erasure", status=201)


@post(f"{MESSAGE}/erasure/answer", limit=ERASING, permission=Permission.ERASURE_APPROVE)
async def answer_erasure(
    desk: Desk, actor: Actor, thread: UUID, message: UUID, body: Json[ErasureAnswer], expected: Expected, key: Key
) -> MessageView:
    """Approve an erasure as a second person, which destroys the message's content, key and salt; or refuse it.

    `If-Match` names the request by its `entry`.
    """
    said = erasure.Answer(body.answer == "approve", body.note)
    return MessageView.of(await erasure.answer(desk, actor, thread, message, said, expected.require, key=key))


@get("/api/v1/threads/{thread:str}/holds", permission=Permission.HOLD_MANAGE)
async def list_holds(desk: Desk, actor: Actor, thread: UUID) -> list[HoldView]:
    """The legal holds of a conversation, released ones too."""
    async with desk.read(actor) as work:
        return [HoldView.of(each) for each in await queries.holds(work, thread)]


@post("/api/v1/threads/{thread:str}/holds", limit=HOLDING, status=201, permission=Permission.HOLD_MANAGE)
async def place_hold(desk: Desk, actor: Actor, thread: UUID, body: Json[NewHold], key: Key) -> Answer[HoldView]:
    """Place a legal hold: nothing of the conversation is erased while it stands."""
    hold = await holds.place(desk, actor, thread, body.code, body.note, key=key)
    return Answer(HoldView.of(hold), location=f"/api/v1/threads/{thread}/holds", status=201)


@post(
    "/api/v1/threads/{thread:str}/holds/release",
    limit=HOLDING,
    status=204,
    permission=Permission.HOLD_MANAGE,
    repeats="What is released already stays so, without an entry.",
)
async def release_hold(desk: Desk, actor: Actor, thread: UUID, body: Json[HoldRelease]) -> Answer[None]:
    """Release a legal hold."""
    await holds.release(desk, actor, thread, body.hold, body.code, body.note)
    return Answer(None, status=204)


@get("/api/v1/holds", permission=Permission.HOLD_MANAGE)
async def list_all_holds(desk: Desk, actor: Actor) -> list[HoldView]:
    """The legal holds that stand in the organisation."""
    async with desk.read(actor) as work:
        return [HoldView.of(each) for each in await queries.holds(work, None)]


@get("/api/v1/erasure", permission=Permission.ERASURE_APPROVE)
async def show_erasing(desk: Desk, actor: Actor) -> Answer[ErasingView]:
    """Whether the organisation erases, and what waits."""
    async with desk.read(actor) as work:
        admit(actor, Permission.ERASURE_APPROVE)
        found, waiting = await queries.erasing(work), await queries.waiting(work)
    return Answer(ErasingView(found.state, tuple(map(WaitingView.of, waiting))), etag=etag(found.version))


@post("/api/v1/erasure", limit=ERASING, status=200, permission=Permission.ERASURE_APPROVE, saying=TURNING)
async def turn_erasing(desk: Desk, actor: Actor, body: Json[ErasingChange], expected: Expected) -> Answer[ErasingView]:
    """Turn erasure on, which takes two people, or off."""
    found: Erasing = await erasure.turn(desk, actor, body.act, body.reason, expected.require)
    return Answer(ErasingView(found.state, ()), etag=etag(found.version))


ROUTES: tuple[HTTPRouteHandler, ...] = (
    redact,
    lift,
    ask_erasure,
    answer_erasure,
    list_holds,
    place_hold,
    release_hold,
    list_all_holds,
    show_erasing,
    turn_erasing,
)
