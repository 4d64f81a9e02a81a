"""Rules of signing in and allowed sites, as a page."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest, Refusal, Stale
from sealdesk.members import queries, rules, showing
from sealdesk.members.fields import MANAGING
from sealdesk.members.rules import SignInRules
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Form, Query, Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import Expected
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.view import Flash

PLACE = "/rules"
Ticked = Literal["no", "yes"]
_MEANWHILE = "Somebody else changed this in the meantime. This is how it is now; repeat what you still want."


class DoneQuery(Input, frozen=True):
    """What was just done."""

    done: Literal["", "rules"] = ""


class SignInForm(Input, frozen=True):
    """Who needs a second factor, and how long sessions last."""

    idle_minutes: Annotated[int, msgspec.Meta(ge=5, le=1440)]
    absolute_hours: Annotated[int, msgspec.Meta(ge=1, le=720)]
    requester: Ticked = "no"
    agent: Ticked = "no"
    admin: Ticked = "no"
    auditor: Ticked = "no"

    def rules(self) -> SignInRules:
        """As the slice knows them."""
        ticked = {
            Role.REQUESTER: self.requester,
            Role.AGENT: self.agent,
            Role.ADMIN: self.admin,
            Role.AUDITOR: self.auditor,
        }
        roles = tuple(role for role, tick in ticked.items() if tick == "yes")
        return SignInRules(roles, self.idle_minutes, self.absolute_hours)


class OriginsForm(Input, frozen=True):
    """One origin a line."""

    origins: Annotated[str, msgspec.Meta(max_length=16_000)] = ""


@get("/rules", permission=Permission.RULES_MANAGE)
async def show_rules(desk: Desk, actor: Actor, page: Page, query: Query[DoneQuery]) -> Html:
    """Both forms."""
    return await _rules(desk, actor, page, done=query.done)


@post("/rules/sign-in", limit=MANAGING, permission=Permission.RULES_MANAGE)
async def set_sign_in(
    desk: Desk, actor: Actor, page: Page, form: Submitted[SignInForm], expected: Expected, exchange: Exchange
) -> Html | SeeOther:
    """How members sign in; refused, the form comes back with what was typed, or with what somebody else set meanwhile."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        await rules.set_sign_in_rules(desk, actor, form.value.rules(), expected.require)
    except (BadRequest, Stale) as refusal:
        exchange.refusal = refusal
        kept: Mapping[str, str] = {} if isinstance(refusal, Stale) else form.kept
        said = _MEANWHILE if isinstance(refusal, Stale) else showing.BOUNDS
        return await _rules(desk, actor, page, kept=kept, sign_in_error=said, status=refusal.status)
    # Whoever asked for a factor that they lack themselves can go nowhere else from here on.
    now = await desk.peek(actor.session_hash)
    return SeeOther("/account?done=rules" if now and now.weak else "/rules?done=rules")


@post("/rules/origins", limit=MANAGING, permission=Permission.RULES_MANAGE)
async def set_origins(
    desk: Desk, actor: Actor, page: Page, form: Form[OriginsForm], expected: Expected, exchange: Exchange
) -> Html | SeeOther:
    """Which sites are allowed."""
    try:
        await rules.set_allowed_origins(desk, actor, tuple(form.origins.split()), expected.require)
    except (BadRequest, Stale) as refusal:
        exchange.refusal = refusal
        kept: Mapping[str, str] = {} if isinstance(refusal, Stale) else {"origins": form.origins}
        said = _MEANWHILE if isinstance(refusal, Stale) else refusal.detail
        return await _rules(desk, actor, page, kept=kept, origins_error=said, status=refusal.status)
    return SeeOther("/rules?done=rules")


async def _rules(
    desk: Desk,
    actor: Actor,
    page: Page,
    *,
    done: str = "",
    kept: Mapping[str, str] | None = None,
    sign_in_error: str | None = None,
    origins_error: str | None = None,
    status: int = 200,
) -> Html:
    queries.admit(actor, Permission.RULES_MANAGE)
    async with desk.read(actor) as work:
        sign_in, origins = await rules.sign_in_rules(work), await rules.allowed_origins(work)
        members = await queries.members(work)
        flash = Flash(showing.DONE[done]) if done else None
        around = await frame(work, page, "Rules", PLACE, flash)
    view = showing.rules(sign_in, origins, members, kept or {})
    view = replace(view, error=sign_in_error, origins_error=origins_error)
    return page.render("rules.html", status=status, frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_rules, set_sign_in, set_origins)
