"""The page of one message: what readers read of it, and the forms that change that."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import BadRequest, Refusal, Stale, StateConflict, TooLarge
from sealdesk.redactions import commands, erasure, queries, showing
from sealdesk.redactions.api import ERASING, REDACTING
from sealdesk.redactions.model import MOST_NOTE, Basis, Code, LiftCode, Wanted
from sealdesk.threads.model import MAX_BODY
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Submitted
from sealdesk.web.caps import MESSAGE_BYTES
from sealdesk.web.headers import Expected
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

MESSAGE = "/c/{thread:str}/messages/{message:str}"
PLACE = f"{MESSAGE}/redaction"
Note = Annotated[str, msgspec.Meta(max_length=MOST_NOTE)]
SHOWN_AGAIN = (BadRequest, Stale, StateConflict, TooLarge)


class RedactionForm(Input, frozen=True):
    """How the message is to read, and why."""

    code: Code
    mode: Literal["withhold", "mask"] = "withhold"
    text: Annotated[str, msgspec.Meta(max_length=MAX_BODY + 1)] = ""
    note: Note = ""


class LiftForm(Input, frozen=True):
    """Why it is to be read as it was written."""

    code: LiftCode = "error"
    note: Note = ""


class ErasureForm(Input, frozen=True):
    """On which basis it is to be erased, and why."""

    basis: Basis
    reason: Note = ""


class AnswerForm(Input, frozen=True):
    """What the second person says."""

    answer: Literal["refuse", "approve"]
    note: Note = ""


@get(PLACE, permission=Permission.NOTE_READ)
async def show_redaction(desk: Desk, actor: Actor, page: Page, thread: UUID, message: UUID) -> Html:
    """The message, and what the viewer may do about it."""
    return await _page(desk, actor, page, thread, message, {}, None)


@post(PLACE, limit=REDACTING, cap=MESSAGE_BYTES, permission=Permission.MESSAGE_REDACT, act="redact the message")
async def redact(
    desk: Desk, actor: Actor, page: Page, thread: UUID, message: UUID, form: Submitted[RedactionForm], key: Key
) -> Html | SeeOther:
    """Redact; refused, the form comes back with what was typed."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        given = form.value
        text = given.text.replace("\r\n", "\n") if given.mode == "mask" else None
        wanted = Wanted(given.mode, given.code, text, given.note)
        await commands.redact(desk, actor, thread, message, wanted, key=key)
    except SHOWN_AGAIN as refusal:
        return await _page(desk, actor, page, thread, message, dict(form.kept), refusal)
    return SeeOther(f"/c/{thread}#{await _anchor(desk, actor, thread, message)}")


@post(
    f"{PLACE}/lift", limit=REDACTING, permission=Permission.MESSAGE_REDACT, stands=PLACE, act="take the redaction back"
)
async def lift(
    desk: Desk,
    actor: Actor,
    page: Page,
    thread: UUID,
    message: UUID,
    form: Submitted[LiftForm],
    expected: Expected,
    key: Key,
) -> Html | SeeOther:
    """Take the redaction back that the page showed."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        given = form.value
        await commands.lift(desk, actor, thread, message, given.code, given.note, expected.require, key=key)
    except SHOWN_AGAIN as refusal:
        return await _page(desk, actor, page, thread, message, dict(form.kept), refusal)
    return SeeOther(f"/c/{thread}#{await _anchor(desk, actor, thread, message)}")


@post(f"{MESSAGE}/erasure", limit=ERASING, permission=Permission.ERASURE_ASK, stands=PLACE, act="ask for the erasure")
async def ask_erasure(
    desk: Desk, actor: Actor, page: Page, thread: UUID, message: UUID, form: Submitted[ErasureForm], key: Key
) -> Html | SeeOther:
    """Ask a second person."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        await erasure.ask(desk, actor, thread, message, form.value.basis, form.value.reason, key=key)
    except SHOWN_AGAIN as refusal:
        return await _page(desk, actor, page, thread, message, dict(form.kept), refusal)
    return SeeOther(f"/c/{thread}/messages/{message}/redaction")


@post(
    f"{MESSAGE}/erasure/answer",
    limit=ERASING,
    permission=Permission.ERASURE_APPROVE,
    stands=PLACE,
    act="answer the erasure",
)
async def answer_erasure(
    desk: Desk,
    actor: Actor,
    page: Page,
    thread: UUID,
    message: UUID,
    form: Submitted[AnswerForm],
    expected: Expected,
    key: Key,
) -> Html | SeeOther:
    """Approve or refuse the request that the page showed."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        said = erasure.Answer(form.value.answer == "approve", form.value.note)
        await erasure.answer(desk, actor, thread, message, said, expected.require, key=key)
    except SHOWN_AGAIN as refusal:
        return await _page(desk, actor, page, thread, message, dict(form.kept), refusal)
    return SeeOther(f"/c/{thread}#{await _anchor(desk, actor, thread, message)}")


async def _anchor(desk: Desk, actor: Actor, thread: UUID, message: UUID) -> str:
    async with desk.read(actor) as work:
        return f"e-{(await queries.shown(work, thread, message)).entry_id}"


async def _page(
    desk: Desk, actor: Actor, page: Page, thread: UUID, message: UUID, typed: dict[str, str], refusal: Refusal | None
) -> Html:
    if refusal is not None and not actor.may(Permission.NOTE_READ):
        raise refusal
    async with desk.read(actor) as work:
        await queries.find(work, thread, message, Permission.NOTE_READ)
        shown = await queries.shown(work, thread, message)
        waiting = next(iter(await queries.waiting(work, message)), None)
        erasing = await queries.erasing(work)
        around = await frame(work, page, "Redaction", "all")
    if refusal is not None:
        page.exchange.refusal = refusal
    view = showing.redaction(actor, shown, erasing, waiting, typed, refusal)
    return page.render("redaction.html", status=refusal.status if refusal else 200, frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_redaction, redact, lift, ask_erasure, answer_erasure)
