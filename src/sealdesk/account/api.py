"""One's own account over JSON."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.account import commands, enrolment, queries
from sealdesk.account.enrolment import Creation, Done
from sealdesk.account.fields import CHANGING, Name
from sealdesk.core.settings import Settings
from sealdesk.people.api import SessionView, entered
from sealdesk.people.fields import Challenge, Code, enter, visit_of
from sealdesk.people.passkeys import ALGORITHMS, Attestation, encoded, party_of
from sealdesk.unit import Desk
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json, Query
from sealdesk.web.exchange import Exchange
from sealdesk.web.pages import Page
from sealdesk.web.routes import delete, get, post
from sealdesk.web.schema import Input

_ONCE = "A challenge is answered once."


class DeviceView(msgspec.Struct, frozen=True):
    """One session; `method` is how it was opened, such as `password+totp`, `held_until` until when it is held back, if it is."""

    id: UUID
    label: str
    method: str
    organisation: UUID
    organisation_name: str
    began_at: datetime
    seen_at: datetime
    ends_at: datetime
    current: bool
    held_until: datetime | None


class BrowserView(msgspec.Struct, frozen=True):
    """A browser that signed in before: it is let in while strangers attack the account."""

    label: str
    known_since: datetime
    seen_at: datetime
    current: bool


class DevicesView(msgspec.Struct, frozen=True):
    """Sessions in all organisations, and browsers that are known, the last used first."""

    sessions: tuple[DeviceView, ...]
    browsers: tuple[BrowserView, ...]


class EndingQuery(Input, frozen=True):
    """Whether API tokens end as well."""

    tokens: Literal["end", "keep"] = "end"


class EndedView(msgspec.Struct, frozen=True):
    """How many sessions and API tokens were ended."""

    ended: int
    tokens: int


class FactorView(msgspec.Struct, frozen=True):
    """A second factor: `totp` or `passkey`."""

    id: UUID
    kind: str
    name: str
    added_at: datetime
    used_at: datetime | None


class FactorsView(msgspec.Struct, frozen=True):
    """All second factors, and how many recovery codes are left."""

    factors: tuple[FactorView, ...]
    recovery_codes_left: int


class SeedView(msgspec.Struct, frozen=True):
    """A seed for an authenticator app, in base32 and as an otpauth: address. Answer `challenge` with the code that the app shows."""

    challenge: str
    secret: str
    uri: str


class NewTotp(Input, frozen=True):
    """The code that the app shows, and what to call it."""

    challenge: Challenge
    code: Code
    name: Name = "Authenticator app"


class CreationView(msgspec.Struct, frozen=True):
    """What to ask `navigator.credentials.create` for; binary members are base64url."""

    challenge: str
    user_id: str
    user_name: str
    display_name: str
    algorithms: tuple[int, ...]
    known: tuple[str, ...]

    @classmethod
    def of(cls, begun: Creation) -> Self:
        """As JSON."""
        known = tuple(encoded(each) for each in begun.known)
        return cls(begun.challenge, encoded(begun.user.bytes), begun.email, begun.name, ALGORITHMS, known)


class NewPasskey(Input, frozen=True):
    """What the new passkey says of itself, and what to call it."""

    challenge: Challenge
    attestation: Attestation
    name: Name = "Passkey"


class CodesView(msgspec.Struct, frozen=True):
    """Recovery codes, this once."""

    recovery_codes: tuple[str, ...]


class AddedView(msgspec.Struct, frozen=True):
    """`recovery_codes` are shown this once, where there were none; `csrf_token` is there where the session got a new token."""

    recovery_codes: tuple[str, ...]
    csrf_token: str | None


class Organisation(Input, frozen=True):
    """Where to go on."""

    organisation: UUID


@get("/api/v1/account/sessions", permission=Permission.SESSION_OWN)
async def list_sessions(desk: Desk, actor: Actor, exchange: Exchange) -> DevicesView:
    """Where one is signed in, and has been."""
    async with desk.read(actor) as work:
        found, known = await queries.devices(work), await queries.browsers(work, visit_of(exchange))
    return DevicesView(
        tuple(
            DeviceView(d.id, d.label, d.method, d.org, d.org_name, d.began, d.seen, d.until, d.current, d.held_until)
            for d in found
        ),
        tuple(BrowserView(b.label, b.first, b.seen, b.current) for b in known),
    )


@delete(
    "/api/v1/account/sessions/{session:str}",
    limit=CHANGING,
    status=204,
    permission=Permission.CREDENTIAL_OWN,
    repeats="An ended session is not found.",
)
async def end_session(desk: Desk, actor: Actor, session: UUID) -> Answer[None]:
    """End one session; it is dead on the next request."""
    await commands.end_session(desk, actor, session)
    return Answer(None, status=204)


@post(
    "/api/v1/account/sessions/{session:str}/vouch",
    limit=CHANGING,
    status=204,
    permission=Permission.CREDENTIAL_OWN,
    repeats="A session that is not held back is not found.",
)
async def vouch(desk: Desk, actor: Actor, session: UUID) -> Answer[None]:
    """Say that a session which is held back, because it began in a new browser after wrong passwords, is one's own."""
    await commands.vouch(desk, actor, session)
    return Answer(None, status=204)


@delete(
    "/api/v1/account/sessions",
    limit=CHANGING,
    permission=Permission.CREDENTIAL_OWN,
    repeats="The second finds nothing to end.",
)
async def end_other_sessions(desk: Desk, actor: Actor, query: Query[EndingQuery], exchange: Exchange) -> EndedView:
    """End all sessions but this one, in every organisation, and all API tokens unless they are kept."""
    ended = await commands.end_other_sessions(desk, actor, visit_of(exchange), tokens=query.tokens == "end")
    return EndedView(ended.sessions, ended.tokens)


@post(
    "/api/v1/account/organisation",
    limit=CHANGING,
    status=200,
    permission=Permission.SESSION_OWN,
    repeats="The session that switched has ended.",
)
async def switch_organisation(
    desk: Desk, actor: Actor, body: Json[Organisation], exchange: Exchange, page: Page
) -> SessionView:
    """Go on in another organisation: sets a new session cookie and gives its anti-CSRF token."""
    return entered(await commands.switch_organisation(desk, actor, body.organisation), exchange, page)


@get("/api/v1/account/factors", permission=Permission.SESSION_OWN)
async def list_factors(desk: Desk, actor: Actor) -> FactorsView:
    """One's second factors."""
    async with desk.read(actor) as work:
        found = await queries.factors(work)
    return FactorsView(tuple(FactorView(f.id, f.kind, f.name, f.added, f.used) for f in found.listed), found.codes_left)


@post(
    "/api/v1/account/totp/options",
    limit=CHANGING,
    status=200,
    permission=Permission.CREDENTIAL_OWN,
    repeats="Each seed is one of its own, and none is a factor yet.",
)
async def begin_totp(desk: Desk, actor: Actor, exchange: Exchange) -> SeedView:
    """A seed for an authenticator app."""
    begun = await enrolment.begin_totp(desk, actor, visit_of(exchange))
    return SeedView(begun.challenge, begun.text, begun.uri)


@post("/api/v1/account/totp", limit=CHANGING, status=200, permission=Permission.CREDENTIAL_OWN, repeats=_ONCE)
async def add_totp(desk: Desk, actor: Actor, body: Json[NewTotp], exchange: Exchange, page: Page) -> AddedView:
    """Take an authenticator app on as second factor."""
    done = await enrolment.add_totp(desk, actor, body.challenge, body.code, body.name, visit_of(exchange))
    return _added(done, exchange, page)


@post(
    "/api/v1/account/passkeys/options",
    limit=CHANGING,
    status=200,
    permission=Permission.CREDENTIAL_OWN,
    repeats="Each challenge is one of its own.",
)
async def begin_passkey(desk: Desk, actor: Actor, exchange: Exchange) -> CreationView:
    """What to make a passkey with."""
    return CreationView.of(await enrolment.begin_passkey(desk, actor, visit_of(exchange)))


@post("/api/v1/account/passkeys", limit=CHANGING, status=200, permission=Permission.CREDENTIAL_OWN, repeats=_ONCE)
async def add_passkey(
    desk: Desk, settings: Settings, actor: Actor, body: Json[NewPasskey], exchange: Exchange, page: Page
) -> AddedView:
    """Take a passkey on, as second factor and to sign in with."""
    party, visit = party_of(exchange, settings), visit_of(exchange)
    done = await enrolment.add_passkey(desk, actor, body.challenge, body.attestation, party, body.name, visit)
    return _added(done, exchange, page)


@delete(
    "/api/v1/account/factors/{factor:str}",
    limit=CHANGING,
    status=204,
    permission=Permission.CREDENTIAL_OWN,
    repeats="A removed factor is not found.",
)
async def remove_factor(desk: Desk, actor: Actor, factor: UUID) -> Answer[None]:
    """Remove a second factor: it counts for nothing from now on."""
    await commands.remove_factor(desk, actor, factor)
    return Answer(None, status=204)


@post(
    "/api/v1/account/recovery-codes",
    limit=CHANGING,
    status=200,
    permission=Permission.CREDENTIAL_OWN,
    repeats="The codes that were shown last are those that count.",
)
async def renew_codes(desk: Desk, actor: Actor) -> CodesView:
    """New recovery codes instead of those there were."""
    return CodesView(await commands.renew_codes(desk, actor))


def _added(done: Done, exchange: Exchange, page: Page) -> AddedView:
    if done.issued:
        enter(exchange, done.issued)
    return AddedView(done.codes, page.csrf if done.issued else None)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_sessions,
    end_session,
    vouch,
    end_other_sessions,
    switch_organisation,
    list_factors,
    begin_totp,
    add_totp,
    begin_passkey,
    add_passkey,
    remove_factor,
    renew_codes,
)
