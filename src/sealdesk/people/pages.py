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
from sealdesk.people import commands, guard, second
from sealdesk.people.factors import Shown, WrongFactor
from sealdesk.people.fields import Challenge, Code, Password, Text, enter, visit_of
from sealdesk.people.passkeys import MAX_JSON, Assertion, asked, parse, party_of
from sealdesk.people.sessions import Choice, Issued, SecondNeeded
from sealdesk.people.view import ChooseOrganisationView, OrganisationChoice, SecondView, SignInView
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Form, Query, Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.limits import Limit
from sealdesk.web.pages import Page, safe_next
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.tokens import SESSION_COOKIE, clear_cookie
from sealdesk.web.view import Frame

Next = Annotated[str, msgspec.Meta(max_length=2048)]


class SignInQuery(Input, frozen=True):
    """Where to go afterwards, and whether a session ended on the way."""

    next: Next = "/"
    ended: Literal["no", "yes"] = "no"


class SignInForm(Input, frozen=True):
    """E-mail and password."""

    email: Text
    password: Password
    next: Next = "/"


class OrganisationForm(Input, frozen=True):
    """The organisation to enter, and the proof that the password was right."""

    ticket: Challenge
    organisation: UUID
    next: Next = "/"


class SecondForm(Input, frozen=True):
    """A code, or what a passkey signed, and the challenge it answers."""

    challenge: Challenge
    code: Code = ""
    assertion: Annotated[str, msgspec.Meta(max_length=MAX_JSON)] = ""
    next: Next = "/"

    def shown(self, exchange: Exchange, settings: Settings) -> Shown:
        """As the slice knows it."""
        signed = parse(self.assertion, Assertion) if self.assertion else None
        return Shown(party_of(exchange, settings), self.code, signed)


class PasskeyForm(Input, frozen=True):
    """What a passkey signed."""

    challenge: Challenge
    assertion: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_JSON)]
    next: Next = "/"


@get("/sign-in")
async def show_sign_in(page: Page, settings: Settings, query: Query[SignInQuery]) -> Html:
    """The sign-in form."""
    demo = settings.env is Environment.DEMO
    return _form(page, settings, SignInView(next_path=safe_next(query.next), demo=demo, ended=query.ended == "yes"))


@post("/sign-in", limit=Limit("sign-in", per_address="20/minute"))
async def sign_in(
    desk: Desk, page: Page, settings: Settings, form: Submitted[SignInForm], exchange: Exchange
) -> Html | SeeOther:
    """Sign in, or come back with the same sentence for every wrong pair."""
    email, target = form.kept.get("email", ""), safe_next(form.kept.get("next"))
    try:
        # A form that does not fit is a wrong pair like any other: the same work, the same answer.
        password = form.value.password if form.value else ""
        found = await commands.sign_in(desk, email, password, None, visit_of(exchange))
    except (SignedOut, TooMany) as refusal:
        exchange.refusal = refusal  # on record as a failed sign-in
        locked = int(refusal.headers["Retry-After"]) if isinstance(refusal, TooMany) else None
        error = refusal.detail if locked is None else guard.LOCKED
        demo = settings.env is Environment.DEMO
        view = SignInView(email=email, next_path=target, error=error, demo=demo, retry_after=locked)
        shown = _form(page, settings, view, refusal.status)
        wait = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
        return replace(shown, fields=[*shown.fields, *wait])
    return next_step(page, exchange, found, email, target)


@post("/sign-in/organisation", limit=Limit("sign-in-organisation", per_address="20/minute"))
async def choose_organisation(desk: Desk, form: Submitted[OrganisationForm], exchange: Exchange) -> SeeOther:
    """The second step for a person with several memberships."""
    if form.value is None:
        raise form.refusal or Refusal()
    found = await commands.choose(desk, form.value.ticket, form.value.organisation, visit_of(exchange))
    return _entered(exchange, found, safe_next(form.value.next))


@post("/sign-in/second", limit=Limit("sign-in-second", per_address="30/minute"))
async def answer_second(
    desk: Desk, page: Page, settings: Settings, form: Form[SecondForm], exchange: Exchange
) -> Html | SeeOther:
    """The second factor; wrong, the page comes back until the tries are used up."""
    target = safe_next(form.next)
    try:
        found = await second.answer_second(
            desk, form.challenge, form.shown(exchange, settings), None, visit_of(exchange)
        )
    except WrongFactor as refusal:
        if refusal.again is None:
            raise
        exchange.refusal = refusal
        return _second(page, refusal.again, target, refusal)
    return next_step(page, exchange, found, "", target)


@post("/sign-in/passkey", limit=Limit("sign-in-passkey", per_address="30/minute"))
async def sign_in_with_passkey(
    desk: Desk, page: Page, settings: Settings, form: Form[PasskeyForm], exchange: Exchange
) -> Html | SeeOther:
    """Sign in with a passkey alone."""
    target = safe_next(form.next)
    shown = Shown(party_of(exchange, settings), assertion=parse(form.assertion, Assertion))
    try:
        found = await second.sign_in_with_passkey(desk, form.challenge, shown, None, visit_of(exchange))
    except SignedOut as refusal:
        exchange.refusal = refusal
        view = SignInView(next_path=target, error=refusal.detail, demo=settings.env is Environment.DEMO)
        return _form(page, settings, view, refusal.status)
    return next_step(page, exchange, found, "", target)


@post("/sign-out", limit=Limit("sign-out", per_person="60/minute"), permission=Permission.SESSION_OWN)
async def sign_out(desk: Desk, actor: Actor, exchange: Exchange) -> SeeOther:
    """End the session."""
    await commands.sign_out(desk, actor)
    exchange.set_cookies.append(clear_cookie(SESSION_COOKIE))
    return SeeOther("/sign-in")


def _entered(exchange: Exchange, issued: Issued, target: str) -> SeeOther:
    enter(exchange, issued)
    if target == "/" and issued.method.endswith("recovery"):
        return SeeOther("/account?done=recovery")  # nobody waits elsewhere: say how many codes are left
    return SeeOther(target)


def next_step(
    page: Page, exchange: Exchange, found: Issued | Choice | SecondNeeded, email: str, target: str
) -> Html | SeeOther:
    """Where a sign-in goes on: the second factor, the organisation, or in."""
    match found:
        case Issued():
            return _entered(exchange, found, target)
        case Choice():
            return _choose(page, found, email, found.challenge, target)
        case SecondNeeded():
            return _second(page, found, target)


def _form(page: Page, settings: Settings, view: SignInView, status: int = 200) -> Html:
    del settings
    return page.render(
        "sign_in.html", status=status, frame=Frame(title="Sign in", nonce=page.nonce, csrf=page.csrf), view=view
    )


def _second(page: Page, needed: SecondNeeded, target: str, wrong: WrongFactor | None = None) -> Html:
    view = SecondView(
        challenge=needed.challenge,
        app="totp" in needed.kinds,
        options=asked(needed.challenge, needed.passkeys) if needed.passkeys else "",
        next_path=target,
        error=wrong.detail if wrong else None,
    )
    frame = Frame(title="Second step", nonce=page.nonce, csrf=page.csrf)
    return page.render("second.html", status=wrong.status if wrong else 200, frame=frame, view=view)


def _choose(page: Page, choice: Choice, email: str, ticket: str, target: str) -> Html:
    options = tuple(OrganisationChoice(str(m.org), m.org_name, str(m.role)) for m in choice.memberships)
    view = ChooseOrganisationView(person=email, ticket=ticket, choices=options, next_path=target)
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
