"""Passwords and addresses over JSON."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.account import email_commands, password_commands
from sealdesk.account.email_pages import ASKING
from sealdesk.account.password_pages import CHANGING
from sealdesk.people.fields import Password, Text, visit_of
from sealdesk.unit import Desk
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json
from sealdesk.web.exchange import Exchange
from sealdesk.web.limits import Limit
from sealdesk.web.routes import get, post, put
from sealdesk.web.schema import Input

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Forgotten(Input, frozen=True):
    """Whose password."""

    email: Text


class Reset(Input, frozen=True):
    """What the mailed link ends with, and the new password."""

    token: Token
    password: Password


class NewPassword(Input, frozen=True):
    """The present password and the next; `end_others` ends all other sessions, `end_tokens` all API tokens."""

    current: Password
    new: Password
    end_others: bool = False
    end_tokens: bool = False


class NewAddress(Input, frozen=True):
    """The new address."""

    email: Text


class Link(Input, frozen=True):
    """What the mailed link ends with."""

    token: Token


class AddressView(msgspec.Struct, frozen=True):
    """The present address, and whether mail to it was shown to reach its owner."""

    email: str
    verified: bool


class EndedView(msgspec.Struct, frozen=True):
    """How many other sessions and API tokens ended."""

    ended: int
    tokens: int


@post(
    "/api/v1/password/forgotten",
    limit=Limit("forgotten", per_address="10/minute"),
    status=202,
    repeats="A link makes those before it void.",
)
async def ask_reset(desk: Desk, body: Json[Forgotten], exchange: Exchange) -> Answer[None]:
    """Have a link mailed. The answer is the same for every address."""
    await password_commands.ask_reset(desk, body.email, visit_of(exchange))
    return Answer(None, status=202)


@post(
    "/api/v1/password/reset",
    limit=Limit("reset", per_address="20/minute"),
    status=204,
    repeats="A link works once.",
)
async def reset(desk: Desk, body: Json[Reset], exchange: Exchange) -> Answer[None]:
    """Choose a new password by a mailed link. All sessions end; second factors stay."""
    await password_commands.reset(desk, body.token, body.password, visit_of(exchange))
    return Answer(None, status=204)


@put(
    "/api/v1/account/password",
    limit=CHANGING,
    permission=Permission.CREDENTIAL_OWN,
    repeats="The present password is another one then.",
)
async def change_password(desk: Desk, actor: Actor, body: Json[NewPassword], exchange: Exchange) -> EndedView:
    """Choose another password."""
    visit, ends = visit_of(exchange), {"end_others": body.end_others, "end_tokens": body.end_tokens}
    ended = await password_commands.change_password(desk, actor, body.current, body.new, visit, **ends)
    return EndedView(ended.sessions, ended.tokens)


@get("/api/v1/account/email", permission=Permission.SESSION_OWN)
async def show_address(desk: Desk, actor: Actor) -> AddressView:
    """The address that one signs in with."""
    found = await email_commands.own_address(desk, actor)
    return AddressView(found.email, found.verified)


@put(
    "/api/v1/account/email",
    limit=ASKING,
    status=202,
    permission=Permission.CREDENTIAL_OWN,
    repeats="A link makes those before it void.",
)
async def ask_change(desk: Desk, actor: Actor, body: Json[NewAddress]) -> Answer[None]:
    """Ask for another address: a link goes there, and word of it to the old one."""
    await email_commands.ask_change(desk, actor, body.email)
    return Answer(None, status=202)


@post(
    "/api/v1/account/email/verification",
    limit=ASKING,
    status=202,
    permission=Permission.SESSION_OWN,
    repeats="A link makes those before it void.",
)
async def ask_verification(desk: Desk, actor: Actor) -> Answer[None]:
    """Have a link mailed to the present address."""
    await email_commands.ask_verification(desk, actor)
    return Answer(None, status=202)


@post(
    "/api/v1/address",
    limit=Limit("address", per_address="20/minute"),
    status=204,
    repeats="A link works once.",
)
async def settle_address(desk: Desk, body: Json[Link], exchange: Exchange) -> Answer[None]:
    """Confirm an address by a mailed link, or stop its change; to change it takes a session of who asked, confirmed lately."""
    await email_commands.settle_address(desk, body.token, exchange.actor)
    return Answer(None, status=204)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    ask_reset,
    reset,
    change_password,
    show_address,
    ask_change,
    ask_verification,
    settle_address,
)
