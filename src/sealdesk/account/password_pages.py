"""Forgotten, reset and changed passwords, as pages."""

from dataclasses import replace
from typing import Annotated, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.account import password_commands as commands
from sealdesk.account.links_view import ForgottenView, PasswordView, ResetView
from sealdesk.account.password_commands import Choosing, LinkOver, WrongCurrent
from sealdesk.core.errors import Refusal
from sealdesk.core.settings import Environment, Settings
from sealdesk.people import confirming
from sealdesk.people.fields import Password, Text, visit_of
from sealdesk.people.password_rules import LEAST, LEAST_OF_ADMINS, WeakPassword
from sealdesk.tickets.frame import bare, frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html
from sealdesk.web.binding import Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.limits import Limit
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

Token = Annotated[str, msgspec.Meta(max_length=64)]
CHANGING = Limit("password-change", per_person="10/minute")


class ForgottenForm(Input, frozen=True):
    """Whose password."""

    email: Text


class ResetForm(Input, frozen=True):
    """The new password."""

    password: Password


class PasswordForm(Input, frozen=True):
    """The present password and the next."""

    current: Password
    new: Password
    others: Literal["end", "keep"] = "keep"
    tokens: Literal["end", "keep"] = "keep"


@get("/forgotten")
async def show_forgotten(page: Page, settings: Settings) -> Html:
    """The form for whoever forgot."""
    return _forgotten(page, ForgottenView(mail=_folder(settings)))


@post("/forgotten", limit=Limit("forgotten", per_address="10/minute"))
async def ask_reset(
    desk: Desk, page: Page, settings: Settings, form: Submitted[ForgottenForm], exchange: Exchange
) -> Html:
    """Mail a link. Whether there is such an account shows nowhere."""
    await commands.ask_reset(desk, form.value.email if form.value else "", visit_of(exchange))
    return _forgotten(page, ForgottenView(sent=True, mail=_folder(settings)))


@get("/reset/{token:str}")
async def show_reset(desk: Desk, page: Page, token: Token) -> Html:
    """The form behind a mailed link. Looking uses nothing up."""
    choosing = await commands.look_reset(desk, token)
    return _reset(page, _choosing(token, choosing))


@post("/reset/{token:str}", limit=Limit("reset", per_address="20/minute"))
async def reset(desk: Desk, page: Page, token: Token, form: Submitted[ResetForm], exchange: Exchange) -> Html:
    """Choose a new password by a mailed link."""
    choosing = await commands.look_reset(desk, token)
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        await commands.reset(desk, token, form.value.password, visit_of(exchange))
    except LinkOver:
        raise
    except Refusal as refusal:
        exchange.refusal = refusal
        return _reset(page, _choosing(token, choosing, _worded(refusal)), refusal.status)
    return _reset(page, ResetView(action="", least=_least(admin=choosing.admin), done=True))


@get("/account/password", permission=Permission.SESSION_OWN)
async def show_password(desk: Desk, actor: Actor, page: Page) -> Html:
    """The form for another password."""
    actor.demand(Permission.SESSION_OWN)
    return await _password(desk, actor, page, PasswordView(least=_least_of(actor)))


@post("/account/password", limit=CHANGING, permission=Permission.CREDENTIAL_OWN, act="change your password")
async def change_password(
    desk: Desk, actor: Actor, page: Page, form: Submitted[PasswordForm], exchange: Exchange
) -> Html:
    """Choose another password."""
    actor.demand(Permission.CREDENTIAL_OWN)
    least = _least_of(actor)
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        asked = form.value
        rest = {"end_others": asked.others == "end", "end_tokens": asked.tokens == "end"}
        ended = await commands.change_password(desk, actor, asked.current, asked.new, visit_of(exchange), **rest)
    except (WrongCurrent, WeakPassword) as refusal:
        exchange.refusal = refusal
        field = "current" if isinstance(refusal, WrongCurrent) else "new"
        view = PasswordView(least=least, error=refusal.detail, field=field)
        return await _password(desk, actor, page, view, refusal.status)
    told = ["Your password is changed."]
    told += [f"{ended.sessions} other sessions ended."] if ended.sessions else []
    told += [f"{ended.tokens} API tokens are revoked."] if ended.tokens else []
    return await _password(desk, actor, page, PasswordView(least=least, done=" ".join(told)))


def _folder(settings: Settings) -> str:
    return str(settings.mail) if settings.env is Environment.DEMO and not settings.smtp_url else ""


def _choosing(token: str, choosing: Choosing, error: str | None = None) -> ResetView:
    return ResetView(action=f"/reset/{token}", least=_least(admin=choosing.admin), person=choosing.email, error=error)


def _worded(refusal: Refusal) -> str:
    return refusal.detail if isinstance(refusal, WeakPassword) else "A password has at most 1,024 characters."


def _least(*, admin: bool) -> int:
    return LEAST_OF_ADMINS if admin else LEAST


def _least_of(actor: Actor) -> int:
    return _least(admin=actor.role is Role.ADMIN)


def _forgotten(page: Page, view: ForgottenView) -> Html:
    return page.render("forgotten.html", frame=bare(page, "Forgotten password"), view=view)


def _reset(page: Page, view: ResetView, status: int = 200) -> Html:
    return page.render("reset.html", status=status, frame=bare(page, "New password"), view=view)


async def _password(desk: Desk, actor: Actor, page: Page, view: PasswordView, status: int = 200) -> Html:
    person = await confirming.who(desk, actor)
    async with desk.read(actor) as work:
        around = await frame(work, page, "Password", "/account")
    shown = replace(view, person=person.email, held=actor.held)
    return page.render("password.html", status=status, frame=around, view=shown)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_forgotten,
    ask_reset,
    show_reset,
    reset,
    show_password,
    change_password,
)
