"""Signing in and out, as pages."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.core.errors import Refusal, SignedOut
from sealdesk.core.settings import Environment, Settings
from sealdesk.people import commands
from sealdesk.people.fields import Password, Text, origin_of
from sealdesk.people.sessions import Choice, Issued
from sealdesk.people.view import ChooseOrganisationView, OrganisationChoice, SignInView
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Query, Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.limits import Limit
from sealdesk.web.pages import Page, safe_next
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.tokens import PRESESSION_COOKIE, SESSION_COOKIE, clear_cookie, cookie_token, set_cookie
from sealdesk.web.view import Frame

Next = Annotated[str, msgspec.Meta(max_length=2048)]
TICKET_SECONDS = 300


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

    ticket: Annotated[str, msgspec.Meta(max_length=600)]
    organisation: UUID
    next: Next = "/"


@dataclass(frozen=True, slots=True)
class SignInTickets:
    """Proofs that a password was right, for five minutes and one browser: HMAC-SHA256 over the person, the time and the pre-session."""

    secret: bytes

    def issue(self, person: UUID, presession: str) -> str:
        """A ticket for `person` in the browser that holds `presession`."""
        told = json.dumps({"person": str(person), "until": int(time.time()) + TICKET_SECONDS}).encode()
        return base64.urlsafe_b64encode(told + self._mac(told, presession)).decode()

    def redeem(self, ticket: str, presession: str) -> UUID:
        """The person of a ticket. `SignedOut` if it is not one of ours, not this browser's, or too old."""
        try:
            raw = base64.urlsafe_b64decode(ticket.encode())
            told, mac = raw[:-32], raw[-32:]
            if hmac.compare_digest(mac, self._mac(told, presession)) and json.loads(told)["until"] > time.time():
                return UUID(json.loads(told)["person"])
        except (ValueError, KeyError):
            pass
        raise SignedOut("That took too long. Sign in again.")

    def _mac(self, told: bytes, presession: str) -> bytes:
        return hmac.digest(
            hashlib.sha256(b"sign-in-ticket" + self.secret).digest(), told + b"\0" + presession.encode(), "sha256"
        )


@get("/sign-in")
async def show_sign_in(page: Page, settings: Settings, query: Query[SignInQuery]) -> Html:
    """The sign-in form."""
    demo = settings.env is Environment.DEMO
    return _form(page, settings, SignInView(next_path=safe_next(query.next), demo=demo, ended=query.ended == "yes"))


@post("/sign-in", limit=Limit("sign-in", per_address="20/minute"))
async def sign_in(
    desk: Desk, page: Page, settings: Settings, tickets: SignInTickets, form: Submitted[SignInForm], exchange: Exchange
) -> Html | SeeOther:
    """Sign in, or come back with the same sentence for every wrong pair."""
    email, target = form.kept.get("email", ""), safe_next(form.kept.get("next"))
    try:
        # A form that does not fit is a wrong pair like any other: the same work, the same answer.
        password = form.value.password if form.value else ""
        person, memberships = await commands.authenticate(desk, email, password)
        found = await commands.choose(desk, person, memberships, None, origin_of(exchange))
    except SignedOut as refusal:
        exchange.refusal = refusal  # on record as a failed sign-in
        view = SignInView(email=email, next_path=target, error=refusal.detail, demo=settings.env is Environment.DEMO)
        return _form(page, settings, view, 401)
    if isinstance(found, Issued):
        return _entered(exchange, found, target)
    return _choose(page, found, email, tickets.issue(person, _presession(exchange)), target)


@post("/sign-in/organisation", limit=Limit("sign-in-organisation", per_address="20/minute"))
async def choose_organisation(
    desk: Desk, tickets: SignInTickets, form: Submitted[OrganisationForm], exchange: Exchange
) -> SeeOther:
    """The second step for a person with several memberships."""
    if form.value is None:
        raise form.refusal or Refusal()
    person = tickets.redeem(form.value.ticket, _presession(exchange))
    memberships = await commands.memberships(desk, person)
    found = await commands.choose(desk, person, memberships, form.value.organisation, origin_of(exchange))
    if not isinstance(found, Issued):
        raise SignedOut(commands.WRONG)
    return _entered(exchange, found, safe_next(form.value.next))


@post("/sign-out", limit=Limit("sign-out", per_person="60/minute"))
async def sign_out(desk: Desk, actor: Actor, exchange: Exchange) -> SeeOther:
    """End the session."""
    await commands.sign_out(desk, actor)
    exchange.set_cookies.append(clear_cookie(SESSION_COOKIE))
    return SeeOther("/sign-in")


def _entered(exchange: Exchange, issued: Issued, target: str) -> SeeOther:
    exchange.set_cookies += [set_cookie(SESSION_COOKIE, issued.token), clear_cookie(PRESESSION_COOKIE)]
    return SeeOther(target)


def _form(page: Page, settings: Settings, view: SignInView, status: int = 200) -> Html:
    del settings
    return page.render(
        "sign_in.html", status=status, frame=Frame(title="Sign in", nonce=page.nonce, csrf=page.csrf), view=view
    )


def _choose(page: Page, choice: Choice, email: str, ticket: str, target: str) -> Html:
    options = tuple(OrganisationChoice(str(m.org), m.org_name, str(m.role)) for m in choice.memberships)
    view = ChooseOrganisationView(person=email, ticket=ticket, choices=options, next_path=target)
    return page.render(
        "choose_organisation.html", frame=Frame(title="Choose", nonce=page.nonce, csrf=page.csrf), view=view
    )


def _presession(exchange: Exchange) -> str:
    return cookie_token(exchange.fields.get(b"cookie"), PRESESSION_COOKIE) or ""


ROUTES: tuple[HTTPRouteHandler, ...] = (show_sign_in, sign_in, choose_organisation, sign_out)
