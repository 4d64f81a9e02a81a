"""The review queue and the lexicons as pages."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.abuse import commands, queries, showing
from sealdesk.abuse.commands import Decision, Wish
from sealdesk.abuse.fields import CHANGING, DECIDING, READING
from sealdesk.abuse.lexicon import MOST_LEXICON, LexiconName
from sealdesk.abuse.model import Standing
from sealdesk.abuse.showing import LEXICONS, REVIEW
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core import clock
from sealdesk.core.errors import BadRequest, Refusal
from sealdesk.threads.states import MOST_REASON
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Query, Submitted
from sealdesk.web.pages import Page
from sealdesk.web.paging import read_key
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.view import Flash

_DONE = {
    "confirmed": "Confirmed, and on record.",
    "dismissed": "Dismissed, and on record.",
    "lexicon": "Changed, and on record.",
}


class ReviewQuery(Input, frozen=True):
    """Which list, where the page before ended, and what was just done."""

    standing: Standing = "open"
    before: Annotated[str, msgspec.Meta(max_length=80)] | None = None
    done: Literal["", "confirmed", "dismissed"] = ""


class DecisionForm(Input, frozen=True):
    """What was found of a flag, and why."""

    decision: Decision
    reason: Annotated[str, msgspec.Meta(max_length=MOST_REASON)] = ""


class LexiconsQuery(Input, frozen=True):
    """What was just done."""

    done: Literal["", "lexicon"] = ""


class LexiconForm(Input, frozen=True):
    """What is to become of a lexicon; one line of `lines` is a term."""

    lexicon: LexiconName
    change: Wish
    lines: Annotated[str, msgspec.Meta(max_length=2 * MOST_LEXICON)] = ""


@get("/review", limit=READING, permission=Permission.ABUSE_READ)
async def show_review(desk: Desk, actor: Actor, page: Page, query: Query[ReviewQuery]) -> Html:
    """What waits for a decision, or was decided."""
    actor.demand(Permission.ABUSE_READ)
    before = read_key(query.before)
    async with desk.read(actor) as work:
        found, older = await queries.queue(work, query.standing, before)
        lexicons = await queries.lexicons(work)
        around = await frame(work, page, "Review", REVIEW, Flash(_DONE[query.done]) if query.done else None)
    decides = actor.may(Permission.ABUSE_REVIEW)
    paged = before is not None
    view = showing.review(found, lexicons, query.standing, clock.now(), older=older, paged=paged, decides=decides)
    return page.render("review.html", frame=around, view=view)


@post(
    "/review/{flag:str}",
    limit=DECIDING,
    permission=Permission.ABUSE_REVIEW,
    stands=REVIEW,
    act="decide what was flagged",
)
async def decide(desk: Desk, actor: Actor, flag: UUID, form: Submitted[DecisionForm]) -> SeeOther:
    """Confirm or dismiss a flag."""
    if form.value is None:
        raise form.refusal or Refusal()
    await commands.decide(desk, actor, flag, form.value.decision, form.value.reason)
    return SeeOther(f"{REVIEW}?done={form.value.decision}")


@get("/lexicons", limit=READING, permission=Permission.ABUSE_READ)
async def show_lexicons(desk: Desk, actor: Actor, page: Page, query: Query[LexiconsQuery]) -> Html:
    """What the organisation looks for."""
    return await _lexicons(desk, actor, page, done=query.done)


@post(
    "/lexicons", limit=CHANGING, permission=Permission.LEXICON_MANAGE, stands=LEXICONS, act="change what is looked for"
)
async def change_lexicon(desk: Desk, actor: Actor, page: Page, form: Submitted[LexiconForm]) -> Html | SeeOther:
    """Add or remove lines, switch on or off, or restore. Refused, the form comes back with what was typed."""
    if form.value is None:
        raise form.refusal or Refusal()
    told = form.value
    try:
        await commands.change_lexicon(desk, actor, told.lexicon, told.change, told.lines.splitlines())
    except BadRequest as refusal:
        page.exchange.refusal = refusal
        return await _lexicons(desk, actor, page, refused=(told.lexicon, refusal.detail, told.lines))
    return SeeOther(f"{LEXICONS}?done=lexicon#{told.lexicon}")


async def _lexicons(
    desk: Desk, actor: Actor, page: Page, *, done: str = "", refused: tuple[LexiconName, str, str] | None = None
) -> Html:
    actor.demand(Permission.ABUSE_READ)
    async with desk.read(actor) as work:
        found = await queries.lexicons(work)
        around = await frame(work, page, "Lexicons", LEXICONS, Flash(_DONE[done]) if done else None)
    view = showing.lexicons_view(found, manages=actor.may(Permission.LEXICON_MANAGE), refused=refused)
    return page.render("lexicons.html", status=400 if refused else 200, frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_review, decide, show_lexicons, change_lexicon)
