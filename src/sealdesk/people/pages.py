"""Signing in and out, as pages."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import Refusal, SignedOut, TooMany
from sealdesk.core.settings import Environment, Settings
from sealdesk.people import commands, second
from sealdesk.people.factors import Shown, WrongFactor
from sealdesk.people.fields import Carried, Challenge, Code, Next, Password, Text, enter, visit_of
from sealdesk.people.onward import Onward
from sealdesk.people.passkeys import MAX_JSON, Assertion, asked, parse, party_of
from sealdesk.people.sessions import Choice, Issued, SecondNeeded
from sealdesk.people.view import ChooseOrganisationView, OrganisationChoice, SecondView, SignInView
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Form, Query, Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.forms import SECRET
from sealdesk.web.limits import Limit
from sealdesk.web.pages import Page, safe_next
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.tokens import SESSION_COOKIE, clear_cookie
from sealdesk.web.view import Frame

PLACE = "/sign-in"
SIGNING_IN = (PLACE, "/sign-in/second", "/sign-in/passkey", "/sign-in/organisation")
NO_CODE = "Type the code too: of your app, or one of your recovery codes."


class SignInQuery(Input, frozen=True):
    """Where to go afterwards, and whether a session ended on the way."""

    next: Next = "/"
    ended: Literal["no", "yes"] = "no"


class SignInForm(Input, frozen=True):
    """E-mail and password."""

    email: Text
    password: Password
    next: Next = "/"
    carried: Carried = ""


class OrganisationForm(Input, frozen=True):
    """The organisation to enter, and the proof that the password was right."""

    ticket: Challenge
    organisation: UUID
    next: Next = "/"
    carried: Carried = ""


class SecondForm(Input, frozen=True):
    """A code, or what a passkey signed, and the challenge it answers."""

    challenge: Challenge
    code: Code = ""
    assertion: Annotated[str, msgspec.Meta(max_length=MAX_JSON, extra=SECRET)] = ""
    next: Next = "/"
    carried: Carried = ""

    def shown(self, exchange: Exchange, settings: Settings) -> Shown:
        """As the slice knows it."""
        signed = parse(self.assertion, Assertion) if self.assertion else None
        return Shown(party_of(exchange, settings), self.code, signed)


class PasskeyForm(Input, frozen=True):
    """What a passkey signed."""

    challenge: Challenge
    assertion: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_JSON, extra=SECRET)]
    next: Next = "/"
    carried: Carried = ""


@get("/sign-in")
async def show_sign_in(page: Page, settings: Settings, query: Query[SignInQuery]) -> Html:
    """The sign-in form."""
    onward = Onward(safe_next(query.next), ended=query.ended == "yes")
    return sign_in_form(page, settings, onward)


@post("/sign-in", limit=Limit("sign-in", per_address="20/minute"))
async def sign_in(
    desk: Desk, page: Page, settings: Settings, form: Submitted[SignInForm], exchange: Exchange
) -> Html | SeeOther:
    """Sign in, or come back with the same sentence for every wrong pair."""
    email, onward = form.kept.get("email", ""), Onward.of(form.kept)
    try:
        # A form that does not fit is a wrong pair like any other: the same work, the same answer.
        password = form.value.password if form.value else ""
        found = await commands.sign_in(desk, email, password, None, visit_of(exchange))
    except (SignedOut, TooMany) as refusal:
        return sign_in_form(page, settings, onward, refusal, email)
    return next_step(page, exchange, found, email, onward)


@post("/sign-in/organisation", limit=Limit("sign-in-organisation", per_address="20/minute"), stands=PLACE)
async def choose_organisation(
    desk: Desk, page: Page, settings: Settings, form: Submitted[OrganisationForm], exchange: Exchange
) -> Html | SeeOther:
    """The second step for a person with several memberships."""
    if form.value is None:
        raise form.refusal or Refusal()
    onward = Onward.of(form.kept)
    try:
        found = await commands.choose(desk, form.value.ticket, form.value.organisation, visit_of(exchange))
    except (SignedOut, TooMany) as refusal:
        return sign_in_form(page, settings, onward, refusal)
    return next_step(page, exchange, found, "", onward)


@post("/sign-in/second", limit=Limit("sign-in-second", per_address="30/minute"), stands=PLACE)
async def answer_second(
    desk: Desk, page: Page, settings: Settings, form: Form[SecondForm], exchange: Exchange
) -> Html | SeeOther:
    """The second factor; wrong, the page comes back until the tries are used up."""
    onward = Onward(safe_next(form.next), form.carried)
    try:
        found = await second.answer_second(
            desk, form.challenge, form.shown(exchange, settings), None, visit_of(exchange)
        )
    except (SignedOut, TooMany) as refusal:
        if isinstance(refusal, WrongFactor) and refusal.again is not None:
            exchange.refusal = refusal
            error = refusal.detail if form.code.strip() or form.assertion else NO_CODE
            return _second(page, refusal.again, onward, error)
        return sign_in_form(page, settings, onward, refusal)
    return next_step(page, exchange, found, "", onward)


@post("/sign-in/passkey", limit=Limit("sign-in-passkey", per_address="30/minute"), stands=PLACE)
async def sign_in_with_passkey(
    desk: Desk, page: Page, settings: Settings, form: Form[PasskeyForm], exchange: Exchange
) -> Html | SeeOther:
    """Sign in with a passkey alone."""
    onward = Onward(safe_next(form.next), form.carried)
    shown = Shown(party_of(exchange, settings), assertion=parse(form.assertion, Assertion))
    try:
        found = await second.sign_in_with_passkey(desk, form.challenge, shown, None, visit_of(exchange))
    except SignedOut as refusal:
        return sign_in_form(page, settings, onward, refusal)
    return next_step(page, exchange, found, "", onward)


@post(
    "/sign-out",
    limit=Limit("sign-out", per_person="60/minute"),
    permission=Permission.SESSION_OWN,
    stands="/",
    goes_along=False,
)
async def sign_out(desk: Desk, actor: Actor, exchange: Exchange) -> SeeOther:
    """End the session."""
    await commands.sign_out(desk, actor)
    exchange.set_cookies.append(clear_cookie(SESSION_COOKIE))
    return SeeOther("/sign-in")


def next_step(
    page: Page, exchange: Exchange, found: Issued | Choice | SecondNeeded, email: str, onward: Onward
) -> Html | SeeOther:
    """Where a sign-in goes on: the second factor, the organisation, or in."""
    match found:
        case Issued():
            enter(exchange, found)
            if onward == Onward() and found.method.endswith("recovery"):
                return SeeOther("/account?done=recovery")  # nobody waits elsewhere: say how many codes are left
            return onward.follow(page)
        case Choice():
            return _choose(page, found, email, found.challenge, onward)
        case SecondNeeded():
            return _second(page, found, onward)


def sign_in_form(
    page: Page, settings: Settings, onward: Onward, refusal: Refusal | None = None, email: str = ""
) -> Html:
    """The form, with what was refused before; on record as a failed sign-in."""
    view = SignInView(
        email=email,
        led=onward.led(page),
        error=refusal.said if refusal else None,
        retry_after=refusal.wait if refusal else None,
        demo=settings.env is Environment.DEMO,
        ended=onward.ended,
    )
    frame = Frame(title="Sign in", nonce=page.nonce, csrf=page.csrf)
    shown = page.render("sign_in.html", status=refusal.status if refusal else 200, frame=frame, view=view)
    if refusal is None:
        return shown
    page.exchange.refusal = refusal
    wait = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    return replace(shown, fields=[*shown.fields, *wait])


def _second(page: Page, needed: SecondNeeded, onward: Onward, error: str | None = None) -> Html:
    view = SecondView(
        challenge=needed.challenge,
        app="totp" in needed.kinds,
        options=asked(needed.challenge, needed.passkeys) if needed.passkeys else "",
        led=onward.led(page),
        error=error,
    )
    frame = Frame(title="Second step", nonce=page.nonce, csrf=page.csrf)
    return page.render("second.html", status=WrongFactor.status if error else 200, frame=frame, view=view)


def _choose(page: Page, choice: Choice, email: str, ticket: str, onward: Onward) -> Html:
    options = tuple(OrganisationChoice(str(m.org), m.org_name, str(m.role)) for m in choice.memberships)
    view = ChooseOrganisationView(person=email, ticket=ticket, choices=options, led=onward.led(page))
    return page.render(
        "choose_organisation.html", frame=Frame(title="Choose", nonce=page.nonce, csrf=page.csrf), view=view
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_sign_in,
    sign_in,
    answer_second,
    sign_in_with_passkey,
    choose_organisation,
    sign_out,
)
