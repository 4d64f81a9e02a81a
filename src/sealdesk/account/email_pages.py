"""The address that one signs in with, as pages."""

from typing import Annotated, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor, ConfirmFirst
from sealdesk.access.permissions import Permission
from sealdesk.account import email_commands as commands
from sealdesk.account.email_commands import AddressLinkOver, StopOver
from sealdesk.account.links_view import AddressLinkView, AddressView
from sealdesk.core import clock
from sealdesk.core.errors import BadRequest, Refusal, SignedOut
from sealdesk.people.emails import checked_email
from sealdesk.people.fields import Text
from sealdesk.tickets.frame import bare, frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Query, Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.limits import Limit
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.saying import way_on
from sealdesk.web.schema import Input
from sealdesk.web.view import Moment

Token = Annotated[str, msgspec.Meta(max_length=64)]
ASKING = Limit("address-change", per_person="5/minute")


class AddressForm(Input, frozen=True):
    """The new address."""

    email: Text


class LinkQuery(Input, frozen=True):
    """What the mail says that its link is: no more than words hang on it."""

    of: Literal["", "stop"] = msgspec.field(default="", name="is")


@get("/address/{token:str}")
async def show_link(desk: Desk, page: Page, token: Token, query: Query[LinkQuery], exchange: Exchange) -> Html:
    """What a mailed link is for, and the button that does it. Looking uses nothing up."""
    try:
        return await _link(desk, page, exchange, token)
    except AddressLinkOver:
        raise StopOver if query.of == "stop" else AddressLinkOver from None


@post("/address/{token:str}", limit=Limit("address", per_address="20/minute"))
async def settle_address(desk: Desk, page: Page, token: Token, exchange: Exchange) -> Html | SeeOther:
    """Confirm the address, change it, or stop its change. A change asks for a session first, and the way there leads back here."""
    try:
        link = await commands.settle_address(desk, token, exchange.actor)
    except ConfirmFirst as refusal:
        exchange.refusal = refusal
        return SeeOther(way_on(refusal, f"/address/{token}"))
    except SignedOut as refusal:
        exchange.refusal = refusal
        return await _link(desk, page, exchange, token)
    return _shown(page, AddressLinkView(action="", email=link.email, purpose=link.purpose, done=True))


@get("/account/email", permission=Permission.SESSION_OWN)
async def show_address(desk: Desk, actor: Actor, page: Page) -> Html:
    """The present address."""
    return await _address(desk, actor, page)


@post("/account/email", limit=ASKING, permission=Permission.CREDENTIAL_OWN, act="change your address")
async def ask_change(desk: Desk, actor: Actor, page: Page, form: Submitted[AddressForm], exchange: Exchange) -> Html:
    """Ask for another address."""
    actor.demand(Permission.CREDENTIAL_OWN)
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        await commands.ask_change(desk, actor, form.value.email)
    except BadRequest as refusal:
        exchange.refusal = refusal
        typed = form.kept.get("email", "")
        return await _address(desk, actor, page, typed=typed, error=refusal.detail, status=refusal.status)
    sent = f"A link is on its way to {checked_email(form.value.email)}. Until it is used, you sign in as before."
    return await _address(desk, actor, page, sent=sent)


@post(
    "/account/email/verification",
    limit=ASKING,
    permission=Permission.SESSION_OWN,
    stands="/account/email",
    act="get a link to your address",
)
async def ask_verification(desk: Desk, actor: Actor, page: Page) -> Html:
    """Have a link mailed to the present address."""
    await commands.ask_verification(desk, actor)
    return await _address(desk, actor, page, sent="A link is on its way to your address.")


@post(
    "/account/email/drop",
    limit=ASKING,
    permission=Permission.CREDENTIAL_OWN,
    stands="/account/email",
    act="keep your address",
)
async def drop_change(desk: Desk, actor: Actor, page: Page) -> Html:
    """Take back a change that was asked for."""
    await commands.drop_change(desk, actor)
    return await _address(desk, actor, page, sent="Your address stays as it is. No link to another one works any more.")


async def _link(desk: Desk, page: Page, exchange: Exchange, token: str) -> Html:
    link, sign_in = await commands.look_address(desk, token), None
    if link.purpose == "email" and not await commands.belongs(desk, exchange.actor, link):
        sign_in = f"/sign-in?next=/address/{token}"
    other = exchange.actor is not None
    view = AddressLinkView(f"/address/{token}", link.email, link.purpose, sign_in=sign_in, other=other)
    return _shown(page, view)


def _shown(page: Page, view: AddressLinkView) -> Html:
    return page.render("address_link.html", frame=bare(page, "Your address"), view=view)


async def _address(
    desk: Desk,
    actor: Actor,
    page: Page,
    *,
    typed: str = "",
    error: str | None = None,
    sent: str | None = None,
    status: int = 200,
) -> Html:
    found = await commands.own_address(desk, actor)
    until = Moment.of(found.until, clock.now()) if found.until else None
    view = AddressView(
        email=found.email,
        verified=found.verified,
        asked=found.asked,
        until=until,
        held=actor.held,
        typed=typed,
        error=error,
        sent=sent,
    )
    async with desk.read(actor) as work:
        around = await frame(work, page, "E-mail address", "/account")
    return page.render("address.html", status=status, frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_link,
    settle_address,
    show_address,
    ask_change,
    ask_verification,
    drop_change,
)
