"""Legal holds, and the switch of erasure, as pages."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import NOBODY, Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import BadRequest, Refusal, Stale, StateConflict
from sealdesk.core.ids import read_id
from sealdesk.members.queries import admit
from sealdesk.redactions import erasure, holds, queries, showing
from sealdesk.redactions.api import ERASING, HOLDING, TURNING
from sealdesk.redactions.model import MOST_NOTE, HoldCode
from sealdesk.tickets.conversation import names_of
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Submitted
from sealdesk.web.headers import Expected
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

PLACE = "/c/{thread:str}/holds"
OVERVIEW = "/holds"
Note = Annotated[str, msgspec.Meta(max_length=MOST_NOTE)]


class HoldForm(Input, frozen=True):
    """Why the conversation is held."""

    code: HoldCode
    note: Note = ""


class ReleaseForm(Input, frozen=True):
    """Which hold is released, and why."""

    hold: Annotated[str, msgspec.Meta(max_length=36)]
    code: HoldCode = "settled"
    note: Note = ""


class ErasingForm(Input, frozen=True):
    """The next step of the switch."""

    act: erasure.Turn
    reason: Note = ""


@get(OVERVIEW, permission=Permission.HOLD_MANAGE)
async def show_overview(desk: Desk, actor: Actor, page: Page) -> Html:
    """What is held, what waits to be erased, and whether the organisation erases."""
    return await _overview(desk, actor, page, "", None)


@post(
    "/holds/erasure",
    limit=ERASING,
    permission=Permission.ERASURE_APPROVE,
    saying=TURNING,
    stands=OVERVIEW,
    act="change whether the organisation erases",
)
async def turn_erasing(
    desk: Desk, actor: Actor, page: Page, form: Submitted[ErasingForm], expected: Expected
) -> Html | SeeOther:
    """Ask, approve, or turn off."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        await erasure.turn(desk, actor, form.value.act, form.value.reason, expected.require)
    except (BadRequest, StateConflict, Stale) as refusal:
        return await _overview(desk, actor, page, form.kept.get("reason", ""), refusal)
    return SeeOther(OVERVIEW)


@get(PLACE, permission=Permission.HOLD_MANAGE)
async def show_holds(desk: Desk, actor: Actor, page: Page, thread: UUID) -> Html:
    """The holds of a conversation."""
    return await _holds(desk, actor, page, thread, None)


@post(PLACE, limit=HOLDING, permission=Permission.HOLD_MANAGE, act="place a legal hold")
async def place_hold(
    desk: Desk, actor: Actor, page: Page, thread: UUID, form: Submitted[HoldForm], key: Key
) -> Html | SeeOther:
    """Place one."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        await holds.place(desk, actor, thread, form.value.code, form.value.note, key=key)
    except (BadRequest, StateConflict) as refusal:
        return await _holds(desk, actor, page, thread, refusal)
    return SeeOther(f"/c/{thread}/holds")


@post(f"{PLACE}/release", limit=HOLDING, permission=Permission.HOLD_MANAGE, stands=PLACE, act="release a legal hold")
async def release_hold(
    desk: Desk, actor: Actor, page: Page, thread: UUID, form: Submitted[ReleaseForm]
) -> Html | SeeOther:
    """Release one."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        await holds.release(desk, actor, thread, _id(form.value.hold), form.value.code, form.value.note)
    except (BadRequest, StateConflict) as refusal:
        return await _holds(desk, actor, page, thread, refusal)
    return SeeOther(f"/c/{thread}/holds")


def _id(text: str) -> UUID:
    try:
        return read_id(text)
    except ValueError:
        return NOBODY  # no hold's id: the command words the refusal


async def _holds(desk: Desk, actor: Actor, page: Page, thread: UUID, refusal: Refusal | None) -> Html:
    async with desk.read(actor) as work:
        found = await queries.holds(work, thread)
        around = await frame(work, page, "Legal holds", OVERVIEW)
    if refusal is not None:
        page.exchange.refusal = refusal
    view = showing.holds(found, thread, refusal.detail if refusal else None)
    return page.render("legal_holds.html", status=refusal.status if refusal else 200, frame=around, view=view)


async def _overview(desk: Desk, actor: Actor, page: Page, typed: str, refusal: Refusal | None) -> Html:
    admit(actor, Permission.HOLD_MANAGE)
    async with desk.read(actor) as work:
        found, waiting = await queries.holds(work, None), await queries.waiting(work)
        erasing = await queries.erasing(work)
        names = await names_of(work)
        around = await frame(work, page, "Holds and erasure", OVERVIEW)
    if refusal is not None:
        page.exchange.refusal = refusal
    asker = names.get(str(erasing.asked_by), "")
    view = showing.overview(actor, found, waiting, erasing, asker, typed, refusal.detail if refusal else None)
    return page.render("erasing.html", status=refusal.status if refusal else 200, frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_overview, turn_erasing, show_holds, place_hold, release_hold)
