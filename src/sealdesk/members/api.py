"""Members and rules over JSON."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.members import commands, invitations, queries, rules
from sealdesk.members.fields import INVITING, MAILING, MANAGING, RoleName
from sealdesk.members.invitations import Newcomer
from sealdesk.members.queries import Listed
from sealdesk.members.rules import SignInRules
from sealdesk.people.api import SessionView, entered
from sealdesk.people.fields import Password, Text, visit_of
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json, Query
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import Expected, etag
from sealdesk.web.limits import Limit
from sealdesk.web.pages import Page
from sealdesk.web.routes import delete, get, patch, post, put
from sealdesk.web.schema import Input

Origin = Annotated[str, msgspec.Meta(max_length=255)]


class MembersQuery(Input, frozen=True):
    """Whose name, address or role holds `q`; after which member to go on; how many at most."""

    q: Annotated[str, msgspec.Meta(max_length=254)] = ""
    after_member: UUID | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = queries.PAGE


class NewMember(Input, frozen=True):
    """Whom to invite."""

    email: Text
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    role: RoleName


class MemberChange(Input, frozen=True):
    """What is to be different. An admin who lowers or removes themselves says `myself: true`."""

    role: RoleName | None = None
    active: bool | None = None
    myself: bool = False


class Acceptance(Input, frozen=True):
    """What the mailed link ends with, and a password: the present one of those who have one, else the one to have."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    password: Password


class Rules(Input, frozen=True):
    """How members sign in: roles that need a second factor, minutes without use and hours in all after which a session ends."""

    second_factor: Annotated[tuple[RoleName, ...], msgspec.Meta(max_length=4)]
    idle_minutes: Annotated[int, msgspec.Meta(ge=5, le=1440)]
    absolute_hours: Annotated[int, msgspec.Meta(ge=1, le=720)]


class Origins(Input, frozen=True):
    """Sites that may show this organisation's widget, as exact origins."""

    origins: Annotated[tuple[Origin, ...], msgspec.Meta(max_length=rules.MOST_ORIGINS)]


class MemberView(msgspec.Struct, frozen=True):
    """A member; its `ETag` is what a change sends in `If-Match`."""

    member: UUID
    name: str
    email: str
    role: str
    state: str
    second_factors: int
    verified: bool
    seen_at: datetime | None
    version: int

    @classmethod
    def of(cls, listed: Listed) -> Self:
        """As JSON."""
        found = listed.member
        seen = listed.seen_at
        return cls(
            found.id,
            found.name,
            listed.email,
            str(found.role),
            found.state,
            listed.factors,
            listed.verified,
            seen,
            found.version,
        )


class ChangedView(msgspec.Struct, frozen=True):
    """A member after a change."""

    member: UUID
    role: str
    state: str
    version: int


class MembersView(msgspec.Struct, frozen=True):
    """A page of members, by name; `next` goes into `after_member` for the next."""

    members: tuple[MemberView, ...]
    next: UUID | None


class RulesView(msgspec.Struct, frozen=True):
    """How members sign in."""

    second_factor: tuple[str, ...]
    idle_minutes: int
    absolute_hours: int


class OriginsView(msgspec.Struct, frozen=True):
    """The allowed sites."""

    origins: tuple[str, ...]


class InvitedView(msgspec.Struct, frozen=True):
    """Who was invited."""

    member: UUID


class EndedView(msgspec.Struct, frozen=True):
    """How many sessions and tokens ended."""

    ended: int


@get("/api/v1/members", permission=Permission.MEMBER_MANAGE)
async def list_members(desk: Desk, actor: Actor, query: Query[MembersQuery]) -> MembersView:
    """Those in the organisation, for admins, by the page."""
    async with desk.read(actor) as work:
        found, more = await queries.members(work, query.q, query.after_member, query.limit)
    return MembersView(tuple(MemberView.of(each) for each in found), more)


@post("/api/v1/members", limit=INVITING, status=201, permission=Permission.MEMBER_MANAGE)
async def invite(desk: Desk, actor: Actor, body: Json[NewMember], key: Key) -> Answer[InvitedView]:
    """Invite somebody by mail. An invitation that is still open is void then."""
    member = await invitations.invite(desk, actor, Newcomer(body.email, body.name, Role(body.role)), key)
    return Answer(InvitedView(member), location=f"/api/v1/members/{member}", status=201)


@get("/api/v1/members/{member:str}", permission=Permission.MEMBER_MANAGE)
async def show_member(desk: Desk, actor: Actor, member: UUID) -> Answer[MemberView]:
    """One member, for admins."""
    return await _shown(desk, actor, member)


@patch("/api/v1/members/{member:str}", limit=MANAGING, permission=Permission.MEMBER_MANAGE)
async def change_member(
    desk: Desk, actor: Actor, member: UUID, body: Json[MemberChange], expected: Expected
) -> Answer[ChangedView]:
    """Another role, access taken (`active: false`) or given back. All their sessions end. 412 if changed since you read it."""
    role = Role(body.role) if body.role else None
    wanted = commands.Wanted(role, body.active, body.myself)
    _, found = await commands.change_member(desk, actor, member, wanted, expected.require)
    return Answer(ChangedView(found.id, str(found.role), found.state, found.version), etag=etag(found.version))


@post(
    "/api/v1/members/{member:str}/reset",
    limit=MAILING,
    status=202,
    permission=Permission.MEMBER_MANAGE,
    repeats="A link makes those before it void.",
)
async def mail_reset(desk: Desk, actor: Actor, member: UUID) -> Answer[None]:
    """Have a link mailed with which the member chooses a new password. No admin ever chooses it."""
    await commands.mail_a_reset(desk, actor, member)
    return Answer(None, status=202)


@delete(
    "/api/v1/members/{member:str}/sessions",
    limit=MANAGING,
    permission=Permission.MEMBER_MANAGE,
    repeats="What has ended has ended.",
)
async def end_sessions(desk: Desk, actor: Actor, member: UUID) -> EndedView:
    """End all that a member has open in this organisation, API tokens too."""
    return EndedView(await commands.end_sessions(desk, actor, member))


@delete(
    "/api/v1/members/sessions",
    limit=MANAGING,
    permission=Permission.MEMBER_MANAGE,
    repeats="What has ended has ended.",
)
async def end_all_sessions(desk: Desk, actor: Actor) -> EndedView:
    """End all that everybody else has open in this organisation."""
    return EndedView(await commands.end_all_sessions(desk, actor))


@post(
    "/api/v1/invitation",
    limit=Limit("invitation", per_address="20/minute"),
    status=200,
    repeats="An invitation is accepted once.",
)
async def accept(desk: Desk, body: Json[Acceptance], exchange: Exchange, page: Page) -> SessionView:
    """Accept an invitation and sign in."""
    return entered(await invitations.accept(desk, body.token, body.password, visit_of(exchange)), exchange, page)


@get("/api/v1/organisation/sign-in", permission=Permission.RULES_MANAGE)
async def show_rules(desk: Desk, actor: Actor) -> Answer[RulesView]:
    """How members sign in."""
    async with desk.read(actor) as work:
        found, version = await rules.sign_in_rules(work)
    roles = tuple(str(role) for role in found.second_factor)
    return Answer(RulesView(roles, found.idle_minutes, found.absolute_hours), etag=etag(version))


@put("/api/v1/organisation/sign-in", limit=MANAGING, permission=Permission.RULES_MANAGE)
async def set_rules(desk: Desk, actor: Actor, body: Json[Rules], expected: Expected) -> Answer[RulesView]:
    """Set how members sign in, those who are signed in already too."""
    asked = SignInRules(tuple(Role(role) for role in body.second_factor), body.idle_minutes, body.absolute_hours)
    version = await rules.set_sign_in_rules(desk, actor, asked, expected.require)
    return Answer(RulesView(body.second_factor, body.idle_minutes, body.absolute_hours), etag=etag(version))


@get("/api/v1/organisation/origins", permission=Permission.RULES_MANAGE)
async def show_origins(desk: Desk, actor: Actor) -> Answer[OriginsView]:
    """The allowed sites."""
    async with desk.read(actor) as work:
        found, version = await rules.allowed_origins(work)
    return Answer(OriginsView(found), etag=etag(version))


@put("/api/v1/organisation/origins", limit=MANAGING, permission=Permission.RULES_MANAGE)
async def set_origins(desk: Desk, actor: Actor, body: Json[Origins], expected: Expected) -> Answer[OriginsView]:
    """Set the allowed sites."""
    version = await rules.set_allowed_origins(desk, actor, body.origins, expected.require)
    return Answer(OriginsView(rules.checked_origins(body.origins)), etag=etag(version))


async def _shown(desk: Desk, actor: Actor, member: UUID) -> Answer[MemberView]:
    async with desk.read(actor) as work:
        found = await queries.member(work, member)
    return Answer(MemberView.of(found), etag=etag(found.member.version))


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_members,
    invite,
    show_member,
    change_member,
    mail_reset,
    end_sessions,
    end_all_sessions,
    accept,
    show_rules,
    set_rules,
    show_origins,
    set_origins,
)
