"""Sessions over JSON."""

from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.people import commands
from sealdesk.people.fields import Password, Text, enter, visit_of
from sealdesk.people.sessions import Choice, Issued, Membership, SecondNeeded
from sealdesk.unit import Desk
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json
from sealdesk.web.exchange import Exchange
from sealdesk.web.limits import Limit
from sealdesk.web.pages import Page
from sealdesk.web.routes import delete, get, post
from sealdesk.web.schema import Input
from sealdesk.web.tokens import SESSION_COOKIE, clear_cookie


class Credentials(Input, frozen=True):
    """E-mail and password; `organisation` where the person belongs to several."""

    email: Text
    password: Password
    organisation: UUID | None = None


class OrganisationView(msgspec.Struct, frozen=True):
    """One organisation that the person may choose."""

    organisation: UUID
    name: str
    role: str


class SessionView(msgspec.Struct, frozen=True):
    """Who is signed in. `csrf_token` goes into `X-CSRF-Token` with each mutation; `choose` lists organisations where none is chosen yet.

    `challenge` is what the next step answers: `second_factor` names the kinds that will do, where one is needed.
    """

    member: UUID | None
    organisation: UUID | None
    name: str | None
    role: str | None
    csrf_token: str | None
    choose: tuple[OrganisationView, ...] = ()
    challenge: str | None = None
    second_factor: tuple[str, ...] = ()


def choices(memberships: tuple[Membership, ...]) -> tuple[OrganisationView, ...]:
    """The organisations to choose from, as JSON."""
    return tuple(OrganisationView(m.org, m.org_name, str(m.role)) for m in memberships)


@post(
    "/api/v1/session",
    limit=Limit("sign-in", per_address="20/minute"),
    status=200,
    repeats="Each sign-in is a session of its own.",
)
async def sign_in(desk: Desk, body: Json[Credentials], exchange: Exchange, page: Page) -> SessionView:
    """Sign in: sets the session cookie and gives the anti-CSRF token."""
    found = await commands.sign_in(desk, body.email, body.password, body.organisation, visit_of(exchange))
    return entered(found, exchange, page)


@get("/api/v1/session")
async def show_session(actor: Actor, page: Page) -> SessionView:
    """Who is signed in, and a fresh anti-CSRF token."""
    return _view(actor, page)


@delete(
    "/api/v1/session",
    limit=Limit("sign-out", per_person="60/minute"),
    status=204,
    repeats="An ended session is signed out.",
)
async def sign_out(desk: Desk, actor: Actor, exchange: Exchange) -> Answer[None]:
    """Sign out: the session is dead on the next request."""
    await commands.sign_out(desk, actor)
    exchange.set_cookies.append(clear_cookie(SESSION_COOKIE))
    return Answer(None, status=204)


def entered(found: Issued | Choice | SecondNeeded, exchange: Exchange, page: Page) -> SessionView:
    """The session, or what is still to be answered."""
    match found:
        case Choice():
            return SessionView(None, None, None, None, None, choices(found.memberships), found.challenge)
        case SecondNeeded():
            return SessionView(None, None, None, None, None, (), found.challenge, found.kinds)
        case Issued():
            enter(exchange, found)
            return _view(found.actor, page)


def _view(actor: Actor, page: Page) -> SessionView:
    return SessionView(actor.member, actor.org, actor.name, str(actor.role), page.csrf)


ROUTES: tuple[HTTPRouteHandler, ...] = (sign_in, show_session, sign_out)
