"""One's own account, as pages."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.account import commands, enrolment, queries, showing
from sealdesk.account.enrolment import Done, TooLate, WrongCode
from sealdesk.account.fields import CHANGING, Name
from sealdesk.account.view import CodesView, PasskeyView, TotpView
from sealdesk.core.errors import BadRequest
from sealdesk.core.settings import Settings
from sealdesk.people import confirming
from sealdesk.people.fields import Challenge, Code, enter, visit_of
from sealdesk.people.passkeys import MAX_JSON, Attestation, parse, party_of
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Form, Query
from sealdesk.web.exchange import Exchange
from sealdesk.web.forms import SECRET
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

PLACE = "/account"


class AccountQuery(Input, frozen=True):
    """What was just done."""

    done: Literal["", "ended", "others", "added", "already", "removed", "vouched", "rules", "recovery"] = ""


class OrganisationForm(Input, frozen=True):
    """Where to go on."""

    organisation: UUID


class EndingForm(Input, frozen=True):
    """Whether API tokens end as well."""

    tokens: Literal["end", "keep"] = "keep"


class TotpForm(Input, frozen=True):
    """The code that the app shows, and what to call it."""

    challenge: Challenge
    code: Code
    name: Name = "Authenticator app"


class PasskeyForm(Input, frozen=True):
    """What the new passkey says of itself, and what to call it."""

    challenge: Challenge
    attestation: Annotated[str, msgspec.Meta(max_length=MAX_JSON, extra=SECRET)]
    name: Name = "Passkey"


@get("/account", permission=Permission.SESSION_OWN)
async def show_account(desk: Desk, actor: Actor, page: Page, query: Query[AccountQuery], exchange: Exchange) -> Html:
    """Devices, second factors, and other organisations."""
    elsewhere = await queries.organisations(desk, actor)
    person = await confirming.who(desk, actor)
    async with desk.read(actor) as work:
        devices, factors = await queries.devices(work), await queries.factors(work)
        rest = queries.Rest(await queries.browsers(work, visit_of(exchange)), await queries.token_count(work))
        around = await frame(work, page, "Account", PLACE, showing.DONE.get(query.done))
    view = showing.account(person.email, devices, factors, elsewhere, rest, needed=actor.weak)
    return page.render("account.html", frame=around, view=view)


@post(
    "/account/sessions/{session:str}/end",
    limit=CHANGING,
    permission=Permission.CREDENTIAL_OWN,
    stands=PLACE,
    act="end a session",
)
async def end_session(desk: Desk, actor: Actor, session: UUID) -> SeeOther:
    """End one session."""
    await commands.end_session(desk, actor, session)
    return SeeOther("/account?done=ended")


@post(
    "/account/sessions/{session:str}/vouch",
    limit=CHANGING,
    permission=Permission.CREDENTIAL_OWN,
    stands=PLACE,
    act="say that a session is yours",
)
async def vouch(desk: Desk, actor: Actor, session: UUID) -> SeeOther:
    """Say that a session which is held back is one's own."""
    await commands.vouch(desk, actor, session)
    return SeeOther("/account?done=vouched")


@post(
    "/account/sessions/end-others",
    limit=CHANGING,
    permission=Permission.CREDENTIAL_OWN,
    stands=PLACE,
    act="sign out everywhere but here",
)
async def end_other_sessions(desk: Desk, actor: Actor, form: Form[EndingForm], exchange: Exchange) -> SeeOther:
    """End all sessions but this one, and API tokens where that is ticked."""
    await commands.end_other_sessions(desk, actor, visit_of(exchange), tokens=form.tokens == "end")
    return SeeOther("/account?done=others")


@post(
    "/account/organisation",
    limit=CHANGING,
    permission=Permission.SESSION_OWN,
    stands=PLACE,
    act="go on in another organisation",
)
async def switch_organisation(desk: Desk, actor: Actor, form: Form[OrganisationForm], exchange: Exchange) -> SeeOther:
    """Go on in another organisation."""
    enter(exchange, await commands.switch_organisation(desk, actor, form.organisation))
    return SeeOther("/")


@get("/account/totp", limit=CHANGING, permission=Permission.CREDENTIAL_OWN, confirms=True, away=PLACE)
async def show_totp(desk: Desk, actor: Actor, page: Page, exchange: Exchange) -> Html:
    """A new seed, as a QR code and as text."""
    begun = await enrolment.begin_totp(desk, actor, visit_of(exchange))
    return await _totp(desk, actor, page, showing.totp(begun))


@post("/account/totp", limit=CHANGING, permission=Permission.CREDENTIAL_OWN, act="set up an authenticator app")
async def add_totp(desk: Desk, actor: Actor, page: Page, form: Form[TotpForm], exchange: Exchange) -> Html | SeeOther:
    """The code that shows that the app has the seed."""
    try:
        done = await enrolment.add_totp(desk, actor, form.challenge, form.code, form.name, visit_of(exchange))
    except WrongCode as refusal:
        exchange.refusal = refusal
        view = showing.totp(refusal.begun, form.name, refusal.detail)
        return replace(await _totp(desk, actor, page, view), status=refusal.status)
    except TooLate:
        return await _already(desk, actor, "totp", form.name)
    return await _done(desk, actor, page, exchange, done, form.name)


@get("/account/passkey", limit=CHANGING, permission=Permission.CREDENTIAL_OWN, confirms=True, away=PLACE)
async def show_passkey(desk: Desk, actor: Actor, page: Page, exchange: Exchange) -> Html:
    """The way to a new passkey."""
    begun = await enrolment.begin_passkey(desk, actor, visit_of(exchange))
    return await _passkey(desk, actor, page, showing.passkey(begun))


@post("/account/passkey", limit=CHANGING, permission=Permission.CREDENTIAL_OWN, act="add a passkey")
async def add_passkey(
    desk: Desk, settings: Settings, actor: Actor, page: Page, form: Form[PasskeyForm], exchange: Exchange
) -> Html | SeeOther:
    """What the new passkey says of itself."""
    party, visit = party_of(exchange, settings), visit_of(exchange)
    try:
        attestation = parse(form.attestation, Attestation)
        done = await enrolment.add_passkey(desk, actor, form.challenge, attestation, party, form.name, visit)
    except BadRequest as refusal:
        exchange.refusal = refusal
        begun = await enrolment.begin_passkey(desk, actor, visit)
        view = showing.passkey(begun, form.name, refusal.detail)
        return replace(await _passkey(desk, actor, page, view), status=refusal.status)
    except TooLate:
        return await _already(desk, actor, "passkey", form.name)
    return await _done(desk, actor, page, exchange, done, form.name)


@post(
    "/account/factors/{factor:str}/remove",
    limit=CHANGING,
    permission=Permission.CREDENTIAL_OWN,
    stands=PLACE,
    act="remove a second factor",
)
async def remove_factor(desk: Desk, actor: Actor, factor: UUID) -> SeeOther:
    """Remove a second factor."""
    await commands.remove_factor(desk, actor, factor)
    return SeeOther("/account?done=removed")


@post(
    "/account/recovery-codes",
    limit=CHANGING,
    permission=Permission.CREDENTIAL_OWN,
    stands=PLACE,
    act="make new recovery codes",
)
async def renew_codes(desk: Desk, actor: Actor, page: Page) -> Html:
    """New recovery codes, this once."""
    return await _codes(desk, actor, page, CodesView(codes=await commands.renew_codes(desk, actor)))


async def _already(desk: Desk, actor: Actor, kind: str, name: str) -> SeeOther:
    """After the page with the codes was loaded anew: the form comes again, and what it asks for is so."""
    if not await enrolment.set_up_lately(desk, actor, kind, name):
        raise TooLate
    return SeeOther("/account?done=already")


async def _done(desk: Desk, actor: Actor, page: Page, exchange: Exchange, done: Done, name: str) -> Html | SeeOther:
    if done.issued:
        enter(exchange, done.issued)
        actor = done.issued.actor
    if done.codes:
        return await _codes(desk, actor, page, CodesView(codes=done.codes, added=name, first=done.first))
    return SeeOther("/account?done=added")


async def _totp(desk: Desk, actor: Actor, page: Page, view: TotpView) -> Html:
    async with desk.read(actor) as work:
        around = await frame(work, page, "Authenticator app", PLACE)
    return page.render("totp.html", frame=around, view=view)


async def _passkey(desk: Desk, actor: Actor, page: Page, view: PasskeyView) -> Html:
    async with desk.read(actor) as work:
        around = await frame(work, page, "New passkey", PLACE)
    return page.render("new_passkey.html", frame=around, view=view)


async def _codes(desk: Desk, actor: Actor, page: Page, view: CodesView) -> Html:
    async with desk.read(actor) as work:
        around = await frame(work, page, "Recovery codes", PLACE)
    return page.render("codes.html", frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_account,
    end_session,
    vouch,
    end_other_sessions,
    switch_organisation,
    show_totp,
    add_totp,
    show_passkey,
    add_passkey,
    remove_factor,
    renew_codes,
)
