"""Sessions over JSON."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.settings import Settings
from sealdesk.people import commands, confirming, second
from sealdesk.people.factors import Shown
from sealdesk.people.fields import CONFIRMING, Challenge, Code, MaybeChallenge, Password, Text, enter, visit_of
from sealdesk.people.passkeys import Assertion, encoded, party_of
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


class SecondFactor(Input, frozen=True):
    """What answers a `challenge` after the password: a code of an app, a recovery code, or a passkey's assertion."""

    challenge: Challenge
    code: Code = ""
    assertion: Assertion | None = None
    organisation: UUID | None = None


class Chosen(Input, frozen=True):
    """The organisation to enter, and the challenge of the step before."""

    challenge: Challenge
    organisation: UUID


class PasskeyIn(Input, frozen=True):
    """A passkey's signature over a challenge."""

    challenge: Challenge
    assertion: Assertion
    organisation: UUID | None = None


class Confirmation(Input, frozen=True):
    """The password, and a second factor where one has one; or an assertion over `challenge` of a passkey that verified its user."""

    password: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    code: Code = ""
    challenge: MaybeChallenge = ""
    assertion: Assertion | None = None


class ChallengeView(msgspec.Struct, frozen=True):
    """32 random bytes in base64url, to be signed by a passkey; `passkeys` are the ids that will do, none listed: any."""

    challenge: str
    passkeys: tuple[str, ...] = ()


class SessionView(msgspec.Struct, frozen=True):
    """Who is signed in. `csrf_token` goes into `X-CSRF-Token` with each mutation; `choose` lists organisations where none is chosen yet.

    `challenge` is what the next step answers, with `choose` `POST /api/v1/session/organisation`: `second_factor` names the kinds that
    will do, where one is needed, and `passkeys` the ids of passkeys that may sign it.
    """

    member: UUID | None
    organisation: UUID | None
    name: str | None
    role: str | None
    csrf_token: str | None
    choose: tuple[OrganisationView, ...] = ()
    challenge: str | None = None
    second_factor: tuple[str, ...] = ()
    passkeys: tuple[str, ...] = ()


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


@post(
    "/api/v1/session/second",
    limit=Limit("sign-in-second", per_address="30/minute"),
    status=200,
    repeats="A challenge is answered once.",
)
async def answer_second(
    desk: Desk, settings: Settings, body: Json[SecondFactor], exchange: Exchange, page: Page
) -> SessionView:
    """The second step of signing in: sets the session cookie and gives the anti-CSRF token."""
    shown = Shown(party_of(exchange, settings), body.code, body.assertion)
    found = await second.answer_second(desk, body.challenge, shown, body.organisation, visit_of(exchange))
    return entered(found, exchange, page)


@post(
    "/api/v1/session/organisation",
    limit=Limit("sign-in-organisation", per_address="20/minute"),
    status=200,
    repeats="A challenge is answered once.",
)
async def choose_organisation(desk: Desk, body: Json[Chosen], exchange: Exchange, page: Page) -> SessionView:
    """The step of a person with several organisations who named none: sets the session cookie and gives the anti-CSRF token."""
    found = await commands.choose(desk, body.challenge, body.organisation, visit_of(exchange))
    return entered(found, exchange, page)


@post(
    "/api/v1/session/passkey/options",
    limit=Limit("passkey-options", per_address="60/minute"),
    status=200,
    repeats="Each challenge is one of its own.",
)
async def pose_passkey(desk: Desk, exchange: Exchange) -> ChallengeView:
    """A challenge to sign in with a passkey alone."""
    return ChallengeView(await second.pose_passkey(desk, visit_of(exchange)))


@post(
    "/api/v1/session/passkey",
    limit=Limit("sign-in-passkey", per_address="30/minute"),
    status=200,
    repeats="A challenge is answered once.",
)
async def sign_in_with_passkey(
    desk: Desk, settings: Settings, body: Json[PasskeyIn], exchange: Exchange, page: Page
) -> SessionView:
    """Sign in with a passkey that verified its user: sets the session cookie and gives the anti-CSRF token."""
    shown = Shown(party_of(exchange, settings), assertion=body.assertion)
    found = await second.sign_in_with_passkey(desk, body.challenge, shown, body.organisation, visit_of(exchange))
    return entered(found, exchange, page)


@post(
    "/api/v1/session/confirm/options",
    limit=CONFIRMING,
    status=200,
    permission=Permission.SESSION_OWN,
    repeats="Each challenge is one of its own.",
)
async def pose_confirmation(desk: Desk, actor: Actor, exchange: Exchange) -> ChallengeView:
    """A challenge to confirm with a passkey."""
    challenge, ids = await confirming.pose(desk, actor, visit_of(exchange))
    return ChallengeView(challenge, tuple(encoded(each) for each in ids))


@post(
    "/api/v1/session/confirm",
    limit=CONFIRMING,
    status=200,
    permission=Permission.SESSION_OWN,
    repeats="The session that was confirmed has another token.",
)
async def confirm(
    desk: Desk, settings: Settings, actor: Actor, body: Json[Confirmation], exchange: Exchange, page: Page
) -> SessionView:
    """Step-up: show again who one is. Sets a new session cookie and gives its anti-CSRF token."""
    shown = Shown(party_of(exchange, settings), body.code, body.assertion)
    issued = await confirming.confirm(desk, actor, body.password, body.challenge, shown, visit_of(exchange))
    return entered(issued, exchange, page)


@get("/api/v1/session")
async def show_session(actor: Actor, page: Page) -> SessionView:
    """Who is signed in, and a fresh anti-CSRF token."""
    return _view(actor, page)


@delete(
    "/api/v1/session",
    limit=Limit("sign-out", per_person="60/minute"),
    status=204,
    permission=Permission.SESSION_OWN,
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
            ids = tuple(encoded(each) for each in found.passkeys)
            return SessionView(None, None, None, None, None, (), found.challenge, found.kinds, ids)
        case Issued():
            enter(exchange, found)
            return _view(found.actor, page)


def _view(actor: Actor, page: Page) -> SessionView:
    return SessionView(actor.member, actor.org, actor.name, str(actor.role), page.csrf)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    sign_in,
    answer_second,
    choose_organisation,
    pose_passkey,
    sign_in_with_passkey,
    pose_confirmation,
    confirm,
    show_session,
    sign_out,
)
