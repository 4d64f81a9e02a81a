"""Letting go of lost second factors, as a page: where an admin asks, and a second person answers."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core import clock
from sealdesk.core.errors import BadRequest, Refusal, Stale, StateConflict
from sealdesk.members import queries, recovery
from sealdesk.members.fields import MANAGING
from sealdesk.members.model import Member
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Form, Query, Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import Expected
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.view import Flash, Moment

RECOVERY = "/members/{member:str}/recovery"
CHANGED = "This request was answered or replaced in the meantime. This is how it is now; your answer does not count."
DONE = {
    "asked": "Asked. A second person has to approve it within a day: another admin or an auditor. They get a mail.",
    "approved": "Approved. They get a mail that says how to go on.",
    "refused": "Refused. Their second factors stay as they are.",
}


class DoneQuery(Input, frozen=True):
    """What was just done."""

    done: Literal["", "asked", "approved", "refused"] = ""


class AskForm(Input, frozen=True):
    """How the admin made sure who asks."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=recovery.MOST_BYTES)]


class AnswerForm(Input, frozen=True):
    """The answer of the second person."""

    answer: Literal["approve", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryView:
    """The page. `waiting` is the request, where one is; `may_ask`, `may_answer` and `own` say which forms the reader gets."""

    href: str
    back: str
    name: str
    waiting: bool
    asker: str
    reason: str
    asked: Moment | None
    version: int
    may_ask: bool
    may_answer: bool
    own: bool
    typed: str = ""
    error: str | None = None


@get(RECOVERY, permission=Permission.RECOVERY_APPROVE)
async def show_recovery(desk: Desk, actor: Actor, page: Page, member: UUID, query: Query[DoneQuery]) -> Html:
    """What waits for a second person, or the form to ask."""
    return await _page(desk, actor, page, member, done=query.done)


@post(
    RECOVERY, limit=MANAGING, permission=Permission.MEMBER_MANAGE, act="ask that their lost second factors be removed"
)
async def ask_recovery(
    desk: Desk, actor: Actor, page: Page, member: UUID, form: Submitted[AskForm], exchange: Exchange
) -> Html | SeeOther:
    """Ask; refused, the form comes back with what was typed."""
    try:
        await recovery.ask(desk, actor, member, form.value.reason if form.value else "")
    except (BadRequest, StateConflict) as refusal:
        exchange.refusal = refusal
        return await _page(desk, actor, page, member, refusal=refusal, typed=form.kept.get("reason", ""))
    return SeeOther(f"/members/{member}/recovery?done=asked")


@post(
    "/members/{member:str}/recovery/answer",
    limit=MANAGING,
    permission=Permission.RECOVERY_APPROVE,
    stands=RECOVERY,
    act="answer the request",
)
async def answer_recovery(
    desk: Desk, actor: Actor, page: Page, member: UUID, form: Form[AnswerForm], expected: Expected
) -> Html | SeeOther:
    """Approve or refuse."""
    act = recovery.approve if form.answer == "approve" else recovery.refuse
    try:
        await act(desk, actor, member, expected.require)
    except (StateConflict, Stale) as refusal:
        page.exchange.refusal = refusal
        return await _page(desk, actor, page, member, refusal=refusal)
    return SeeOther(f"/members/{member}/recovery?done={'approved' if form.answer == 'approve' else 'refused'}")


async def _page(
    desk: Desk,
    actor: Actor,
    page: Page,
    member: UUID,
    *,
    done: str = "",
    refusal: Refusal | None = None,
    typed: str = "",
) -> Html:
    async with desk.read(actor) as work:
        noun = await work.find(Member, member, Permission.MEMBER_LIST)
        queries.admit(actor, Permission.RECOVERY_APPROVE)  # after the id: out of reach is 404 for every role
        found = next(iter(await recovery.waiting(work, member)), None)
        manages = actor.may(Permission.MEMBER_MANAGE)
        place = "/members" if manages else "/security"
        around = await frame(work, page, noun.name, place, Flash(DONE[done]) if done else None)
    view = RecoveryView(
        href=f"/members/{member}/recovery",
        back=f"/members/{member}" if manages else "/security",
        name=noun.name,
        waiting=found is not None,
        asker=found.asker if found else "",
        reason=found.reason or "" if found else "",
        asked=Moment.of(found.asked_at, clock.now()) if found else None,
        version=found.version if found else 0,
        may_ask=manages and found is None and member != actor.member and noun.active,
        may_answer=found is not None and found.answerable(actor),
        own=found is not None and found.asked_by == actor.member,
        typed=typed,
        error=CHANGED if isinstance(refusal, Stale) else refusal.detail if refusal else None,
    )
    return page.render("recovery.html", status=refusal.status if refusal else 200, frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_recovery, ask_recovery, answer_recovery)
