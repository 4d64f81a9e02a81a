"""Step-up as a page: what is asked before an act that matters."""

from dataclasses import replace
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import BadRequest, TooMany
from sealdesk.core.settings import Settings
from sealdesk.people import confirming
from sealdesk.people.factors import Shown, WrongFactor
from sealdesk.people.fields import CONFIRMING, Carried, Code, MaybeChallenge, Next, enter, visit_of
from sealdesk.people.onward import Onward
from sealdesk.people.pages import NO_CODE
from sealdesk.people.passkeys import MAX_JSON, Assertion, asked, parse, party_of
from sealdesk.people.view import ConfirmView
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Form, Query
from sealdesk.web.exchange import Exchange
from sealdesk.web.forms import SECRET
from sealdesk.web.pages import Page, safe_next
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.view import Frame


class ConfirmQuery(Input, frozen=True):
    """Where to go afterwards."""

    next: Next = "/"


class ConfirmForm(Input, frozen=True):
    """The password and a code, or what a passkey signed."""

    password: Annotated[str, msgspec.Meta(max_length=1024, extra=SECRET)] = ""
    code: Code = ""
    challenge: MaybeChallenge = ""
    assertion: Annotated[str, msgspec.Meta(max_length=MAX_JSON, extra=SECRET)] = ""
    next: Next = "/"
    carried: Carried = ""


@get("/confirm", permission=Permission.SESSION_OWN)
async def show_confirm(desk: Desk, actor: Actor, page: Page, query: Query[ConfirmQuery]) -> Html:
    """The question."""
    return await confirm_form(desk, actor, page, Onward(safe_next(query.next)))


@post("/confirm", limit=CONFIRMING, permission=Permission.SESSION_OWN)
async def confirm(
    desk: Desk, settings: Settings, actor: Actor, page: Page, form: Form[ConfirmForm], exchange: Exchange
) -> Html | SeeOther:
    """The answer; right, the session goes on under a new token."""
    onward = Onward(safe_next(form.next), form.carried)
    signed = parse(form.assertion, Assertion) if form.assertion else None
    shown = Shown(party_of(exchange, settings), form.code, signed)
    try:
        if signed is None and not form.code.strip():
            await _need_no_code(desk, actor)
        issued = await confirming.confirm(desk, actor, form.password, form.challenge, shown, visit_of(exchange))
    except (WrongFactor, TooMany, BadRequest) as refusal:
        exchange.refusal = refusal
        return await confirm_form(desk, actor, page, onward, refusal)
    enter(exchange, issued)
    return onward.follow(page, at_once=True)


async def _need_no_code(desk: Desk, actor: Actor) -> None:
    """`BadRequest` for who has a second factor: without it nothing was shown yet, so nothing is judged or counted."""
    if (await confirming.who(desk, actor)).factors:
        raise BadRequest(NO_CODE)


async def confirm_form(
    desk: Desk, actor: Actor, page: Page, onward: Onward, wrong: WrongFactor | TooMany | BadRequest | None = None
) -> Html:
    """The question, with what it is asked for."""
    person = await confirming.who(desk, actor)
    challenge, ids = await confirming.pose(desk, actor, visit_of(page.exchange))
    view = ConfirmView(
        person=person.email,
        challenge=challenge,
        second=person.factors > 0,
        options=asked(challenge, ids) if ids else "",
        led=onward.led(page),
        error=_worded(wrong, person),
        retry_after=wrong.wait if wrong else None,
    )
    frame = Frame(title="Confirm that it is you", nonce=page.nonce, csrf=page.csrf)
    shown = page.render("confirm.html", status=wrong.status if wrong else 200, frame=frame, view=view)
    wait = [(name.lower().encode(), value.encode()) for name, value in (wrong.headers if wrong else {}).items()]
    return replace(shown, fields=[*shown.fields, *wait])


def _worded(wrong: WrongFactor | TooMany | BadRequest | None, person: confirming.Person) -> str | None:
    if isinstance(wrong, WrongFactor) and not person.factors:
        return "This is not your password."
    return wrong.said if wrong else None


ROUTES: tuple[HTTPRouteHandler, ...] = (show_confirm, confirm)
