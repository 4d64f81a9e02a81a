"""Members, as pages for admins."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest, Refusal, StateConflict
from sealdesk.members import commands, invitations, queries, recovery, showing
from sealdesk.members.commands import Wanted
from sealdesk.members.fields import INVITING, MAILING, MANAGING, RoleName
from sealdesk.members.invitations import Newcomer
from sealdesk.members.view import InviteView
from sealdesk.people.fields import Text
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Form, Query, Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import Expected
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.view import Flash

PLACE = "/members"
Name = Annotated[str, msgspec.Meta(max_length=400)]


class DoneQuery(Input, frozen=True):
    """What was just done."""

    done: Literal["", "invited", "changed", "reset", "ended", "everybody"] = ""


class InviteForm(Input, frozen=True):
    """Whom to invite."""

    email: Text
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    role: RoleName


class RoleForm(Input, frozen=True):
    """Another role; `confirm` is one's own name, where it is one's own."""

    role: RoleName
    confirm: Name = ""


class AccessForm(Input, frozen=True):
    """Whether they may sign in; `confirm` is one's own name, where it is oneself."""

    active: Literal["yes", "no"]
    confirm: Name = ""


@get("/members", permission=Permission.MEMBER_MANAGE)
async def show_members(desk: Desk, actor: Actor, page: Page, query: Query[DoneQuery]) -> Html:
    """Everybody in the organisation."""
    async with desk.read(actor) as work:
        view = showing.members(await queries.members(work))
        around = await frame(work, page, "Members", PLACE, _flash(query.done))
    return page.render("members.html", frame=around, view=view)


@get("/members/new", permission=Permission.MEMBER_MANAGE, confirms=True)
async def show_invite(desk: Desk, actor: Actor, page: Page) -> Html:
    """The form to invite somebody."""
    actor.demand(Permission.MEMBER_MANAGE)
    return await _invite(desk, actor, page, showing.invite())


@post("/members/new", limit=INVITING, permission=Permission.MEMBER_MANAGE)
async def invite(
    desk: Desk, actor: Actor, page: Page, form: Submitted[InviteForm], key: Key, exchange: Exchange
) -> Html | SeeOther:
    """Invite somebody; refused, the form comes back with what was typed."""
    actor.demand(Permission.MEMBER_MANAGE)
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        asked = form.value
        await invitations.invite(desk, actor, Newcomer(asked.email, asked.name, Role(asked.role)), key)
    except (BadRequest, StateConflict) as refusal:
        exchange.refusal = refusal
        kept = form.kept
        view = showing.invite(kept.get("email", ""), kept.get("name", ""), kept.get("role", ""), refusal)
        return await _invite(desk, actor, page, view, refusal.status)
    return SeeOther("/members?done=invited")


@get("/members/{member:str}", permission=Permission.MEMBER_MANAGE)
async def show_member(desk: Desk, actor: Actor, page: Page, member: UUID, query: Query[DoneQuery]) -> Html:
    """One member."""
    return await _member(desk, actor, page, member, done=query.done)


@post("/members/{member:str}/role", limit=MANAGING, permission=Permission.MEMBER_MANAGE)
async def change_role(
    desk: Desk, actor: Actor, page: Page, member: UUID, form: Form[RoleForm], expected: Expected
) -> Html | SeeOther:
    """Another role."""
    wanted = Wanted(role=Role(form.role), myself=form.confirm.strip() == actor.name)
    return await _changed(desk, page, actor, member, wanted, expected)


@post("/members/{member:str}/access", limit=MANAGING, permission=Permission.MEMBER_MANAGE)
async def change_access(
    desk: Desk, actor: Actor, page: Page, member: UUID, form: Form[AccessForm], expected: Expected
) -> Html | SeeOther:
    """Take access, or give it back."""
    wanted = Wanted(active=form.active == "yes", myself=form.confirm.strip() == actor.name)
    return await _changed(desk, page, actor, member, wanted, expected)


@post("/members/{member:str}/reset", limit=MAILING, permission=Permission.MEMBER_MANAGE)
async def mail_reset(desk: Desk, actor: Actor, member: UUID) -> SeeOther:
    """Have a link to choose a new password mailed."""
    await commands.mail_a_reset(desk, actor, member)
    return SeeOther(f"{showing.path_of(member)}?done=reset")


@post("/members/{member:str}/sessions/end", limit=MANAGING, permission=Permission.MEMBER_MANAGE)
async def end_sessions(desk: Desk, actor: Actor, member: UUID) -> SeeOther:
    """End what the member has open here."""
    await commands.end_sessions(desk, actor, member)
    return SeeOther(f"{showing.path_of(member)}?done=ended")


@post("/members/sessions/end", limit=MANAGING, permission=Permission.MEMBER_MANAGE)
async def end_all_sessions(desk: Desk, actor: Actor) -> SeeOther:
    """End what everybody else has open here."""
    await commands.end_all_sessions(desk, actor)
    return SeeOther("/members?done=everybody")


async def _changed(
    desk: Desk, page: Page, actor: Actor, member: UUID, wanted: Wanted, expected: Expected
) -> Html | SeeOther:
    try:
        await commands.change_member(desk, actor, member, wanted, expected.require)
    except StateConflict as refusal:
        page.exchange.refusal = refusal
        return await _member(desk, actor, page, member, refusal=refusal, about="role" if wanted.role else "access")
    return SeeOther(f"{showing.path_of(member)}?done=changed")


async def _member(
    desk: Desk,
    actor: Actor,
    page: Page,
    member: UUID,
    *,
    done: str = "",
    refusal: Refusal | None = None,
    about: str = "",
) -> Html:
    async with desk.read(actor) as work:
        found, error = await queries.member(work, member), refusal.detail if refusal else None
        waits, sessions = bool(await recovery.waiting(work, member)), await queries.sessions(work, member)
        view = showing.member(found, sessions, actor.member, error, about, recovery_waits=waits)
        around = await frame(work, page, found.member.name, PLACE, _flash(done))
    return page.render("member.html", status=refusal.status if refusal else 200, frame=around, view=view)


async def _invite(desk: Desk, actor: Actor, page: Page, view: InviteView, status: int = 200) -> Html:
    async with desk.read(actor) as work:
        around = await frame(work, page, "Invite somebody", PLACE)
    return page.render("invite.html", status=status, frame=around, view=view)


def _flash(done: str) -> Flash | None:
    return Flash(showing.DONE[done]) if done else None


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_members,
    show_invite,
    invite,
    show_member,
    change_role,
    change_access,
    mail_reset,
    end_sessions,
    end_all_sessions,
)
