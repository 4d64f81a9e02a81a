"""Members, as pages for admins."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest, Refusal, Stale, StateConflict
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
MEMBER = "/members/{member:str}"
CHANGED = "Somebody else changed this member in the meantime. This is how they are now; what you chose is not done yet."
Name = Annotated[str, msgspec.Meta(max_length=400)]


class DoneQuery(Input, frozen=True):
    """What was just done."""

    done: Literal[
        "", "invited", "changed", "removed", "returned", "withdrawn", "same", "reset", "ended", "everybody"
    ] = ""


class MembersQuery(DoneQuery, frozen=True):
    """Whose name, address or role holds `q`, and after which member to go on."""

    q: Annotated[str, msgspec.Meta(max_length=254)] = ""
    after_member: UUID | None = None


class InviteQuery(Input, frozen=True):
    """Who was invited before, to be invited again."""

    again: UUID | None = None


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


class EndForm(Input, frozen=True):
    """The organisation's name, written to confirm."""

    confirm: Annotated[str, msgspec.Meta(max_length=400)] = ""


@get("/members", permission=Permission.MEMBER_MANAGE)
async def show_members(desk: Desk, actor: Actor, page: Page, query: Query[MembersQuery]) -> Html:
    """Those in the organisation, by the page."""
    return await _members(desk, actor, page, query)


@get("/members/new", permission=Permission.MEMBER_MANAGE, confirms=True, away=PLACE)
async def show_invite(desk: Desk, actor: Actor, page: Page, query: Query[InviteQuery]) -> Html:
    """The form to invite somebody, filled in for who was invited before."""
    actor.demand(Permission.MEMBER_MANAGE)
    view = showing.invite()
    if query.again is not None:
        async with desk.read(actor) as work:
            view = showing.invite_again(await queries.member(work, query.again))
    return await _invite(desk, actor, page, view)


@post("/members/new", limit=INVITING, permission=Permission.MEMBER_MANAGE, act="invite somebody")
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


@get(MEMBER, permission=Permission.MEMBER_MANAGE)
async def show_member(desk: Desk, actor: Actor, page: Page, member: UUID, query: Query[DoneQuery]) -> Html:
    """One member."""
    return await _member(desk, actor, page, member, done=query.done)


@post(
    "/members/{member:str}/role",
    limit=MANAGING,
    permission=Permission.MEMBER_MANAGE,
    stands=MEMBER,
    act="change their role",
)
async def change_role(
    desk: Desk, actor: Actor, page: Page, member: UUID, form: Form[RoleForm], expected: Expected
) -> Html | SeeOther:
    """Another role."""
    wanted = Wanted(role=Role(form.role), myself=form.confirm.strip() == actor.name)
    return await _changed(desk, page, actor, member, wanted, expected)


@post(
    "/members/{member:str}/access",
    limit=MANAGING,
    permission=Permission.MEMBER_MANAGE,
    stands=MEMBER,
    act="change who may sign in",
)
async def change_access(
    desk: Desk, actor: Actor, page: Page, member: UUID, form: Form[AccessForm], expected: Expected
) -> Html | SeeOther:
    """Take access, or give it back."""
    wanted = Wanted(active=form.active == "yes", myself=form.confirm.strip() == actor.name)
    return await _changed(desk, page, actor, member, wanted, expected)


@post(
    "/members/{member:str}/reset",
    limit=MAILING,
    permission=Permission.MEMBER_MANAGE,
    stands=MEMBER,
    act="mail them a link",
)
async def mail_reset(desk: Desk, actor: Actor, member: UUID) -> SeeOther:
    """Have a link to choose a new password mailed."""
    await commands.mail_a_reset(desk, actor, member)
    return SeeOther(f"{showing.path_of(member)}?done=reset")


@post(
    "/members/{member:str}/sessions/end",
    limit=MANAGING,
    permission=Permission.MEMBER_MANAGE,
    stands=MEMBER,
    act="end their sessions",
)
async def end_sessions(desk: Desk, actor: Actor, member: UUID) -> SeeOther:
    """End what the member has open here."""
    await commands.end_sessions(desk, actor, member)
    return SeeOther(f"{showing.path_of(member)}?done=ended")


@post(
    "/members/sessions/end",
    limit=MANAGING,
    permission=Permission.MEMBER_MANAGE,
    stands=PLACE,
    act="end all sessions and tokens",
)
async def end_all_sessions(desk: Desk, actor: Actor, page: Page, form: Form[EndForm]) -> Html | SeeOther:
    """End what everybody else has open here."""
    actor.demand(Permission.MEMBER_MANAGE)
    if " ".join(form.confirm.split()) != " ".join(actor.org_name.split()):
        page.exchange.refusal = StateConflict("Write the organisation's name as it stands here. Nothing has ended.")
        return await _members(desk, actor, page, MembersQuery(), page.exchange.refusal)
    await commands.end_all_sessions(desk, actor)
    return SeeOther("/members?done=everybody")


async def _members(desk: Desk, actor: Actor, page: Page, query: MembersQuery, refusal: Refusal | None = None) -> Html:
    async with desk.read(actor) as work:
        others = await queries.open_elsewhere(work)
        found, more = await queries.members(work, query.q, query.after_member)
        error, paged = refusal.detail if refusal else None, query.after_member is not None
        view = showing.members(found, others, error, text=query.q, more=more, paged=paged)
        around = await frame(work, page, "Members", PLACE, _flash(query.done))
    return page.render("members.html", status=refusal.status if refusal else 200, frame=around, view=view)


async def _changed(
    desk: Desk, page: Page, actor: Actor, member: UUID, wanted: Wanted, expected: Expected
) -> Html | SeeOther:
    try:
        before, after = await commands.change_member(desk, actor, member, wanted, expected.require)
    except (StateConflict, Stale) as refusal:
        page.exchange.refusal = refusal
        return await _member(desk, actor, page, member, refusal=refusal, wanted=wanted)
    return SeeOther(f"{showing.path_of(member)}?done={before.became(after)}")


async def _member(
    desk: Desk,
    actor: Actor,
    page: Page,
    member: UUID,
    *,
    done: str = "",
    refusal: Refusal | None = None,
    wanted: Wanted | None = None,
) -> Html:
    error = CHANGED if isinstance(refusal, Stale) else refusal.detail if refusal else None
    async with desk.read(actor) as work:
        found, sessions = await queries.member(work, member), await queries.sessions(work, member)
        waits = bool(await recovery.waiting(work, member))
        until = await queries.invitation_until(work, member) if found.member.invited else None
        view = showing.member(found, sessions, actor.member, error, wanted, recovery_waits=waits, until=until)
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
