"""Rules of signing in and allowed sites, as a page."""

from typing import Annotated, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest, Refusal, Stale
from sealdesk.members import queries, rules, showing
from sealdesk.members.fields import MANAGING
from sealdesk.members.rules import SignInRules
from sealdesk.members.showing import Refused
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Query, Submitted
from sealdesk.web.headers import Expected
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.view import Flash

PLACE = "/rules"
Ticked = Literal["no", "yes"]


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


@post("/rules/sign-in", limit=MANAGING, permission=Permission.RULES_MANAGE, stands=PLACE, act="change the rules")
async def set_sign_in(
    desk: Desk, actor: Actor, page: Page, form: Submitted[SignInForm], expected: Expected
) -> Html | SeeOther:
    """How members sign in. Refused, the form comes back with what was chosen."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        await rules.set_sign_in_rules(desk, actor, form.value.rules(), expected.require)
    except (BadRequest, Stale) as refusal:
        page.exchange.refusal = refusal
        return await _rules(desk, actor, page, refused=Refused("sign-in", refusal, form.kept, _field(form, refusal)))
    # Whoever asked for a factor that they lack themselves can go nowhere else from here on.
    now = await desk.peek(actor.session_hash)
    return SeeOther("/account?done=rules" if now and now.weak else "/rules?done=rules")
    return SeeOther("/rules?done=rules")


@post(
    "/rules/origins",
    limit=MANAGING,
    permission=Permission.RULES_MANAGE,
    stands=PLACE,
    act="change the allowed sites",
)
async def set_origins(
    desk: Desk, actor: Actor, page: Page, form: Submitted[OriginsForm], expected: Expected
) -> Html | SeeOther:
    """Which sites are allowed. Refused, the form comes back with what was typed."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        await rules.set_allowed_origins(desk, actor, tuple(form.value.origins.split()), expected.require)
    except (BadRequest, Stale) as refusal:
        page.exchange.refusal = refusal
        return await _rules(desk, actor, page, refused=Refused("origins", refusal, form.kept, "origins"))
    return SeeOther("/rules?done=rules")


def _field(form: Submitted[SignInForm], refusal: Refusal) -> str:
    """The field that does not fit; none where somebody else was faster."""
    return next(iter(form.errors), "idle_minutes" if isinstance(refusal, BadRequest) else "")


async def _rules(desk: Desk, actor: Actor, page: Page, *, done: str = "", refused: Refused | None = None) -> Html:
    queries.admit(actor, Permission.RULES_MANAGE)
    async with desk.read(actor) as work:
        sign_in, origins = await rules.sign_in_rules(work), await rules.allowed_origins(work)
        members = await queries.factors_by_role(work)
        flash = Flash(showing.DONE[done]) if done else None
        around = await frame(work, page, "Rules", PLACE, flash)
    view = showing.rules(sign_in, origins, members, refused)
    return page.render("rules.html", status=refused.refusal.status if refused else 200, frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_rules, set_sign_in, set_origins)
