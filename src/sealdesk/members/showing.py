"""From members and rules as found to what the pages show."""

from collections.abc import Mapping
from uuid import UUID, uuid4

from sealdesk.access.actor import CONFIRMED_FOR
from sealdesk.access.permissions import Role
from sealdesk.core import clock
from sealdesk.core.errors import Refusal
from sealdesk.members.invitations import Invitation
from sealdesk.members.queries import Listed, Open
from sealdesk.members.rules import ABSOLUTE_HOURS, IDLE_MINUTES, ROLES, SignInRules
from sealdesk.members.view import InvitationView, InviteView, MemberRow, MembersView, MemberView, OpenRow, RulesView
from sealdesk.people.password_rules import LEAST, LEAST_OF_ADMINS
from sealdesk.web.view import Choice, Moment, Tag, Tone

HINTS = {
    Role.REQUESTER: "Opens requests and sees their own",
    Role.AGENT: "Answers requests and works on tickets",
    Role.ADMIN: "All of that, members and rules too",
    Role.AUDITOR: "Reads everything, changes nothing",
}
_TONES: dict[str, Tone] = {"active": "good", "invited": "warn", "deactivated": "plain"}
BOUNDS = f"Minutes without use are {IDLE_MINUTES[0]} to {IDLE_MINUTES[1]:,}, hours in all {ABSOLUTE_HOURS[0]} to {ABSOLUTE_HOURS[1]}."
DONE = {
    "invited": "The invitation is on its way.",
    "changed": "Done. All their sessions have ended.",
    "reset": "A link to choose a new password is on its way to them.",
    "ended": "Their sessions have ended.",
    "everybody": "Everybody else has been signed out.",
    "rules": "The rules hold from now on.",
}


def members(found: list[Listed]) -> MembersView:
    """The list."""
    now = clock.now()
    return MembersView(
        rows=tuple(
            MemberRow(
                href=path_of(each.member.id),
                name=each.member.name,
                email=each.email,
                role=str(each.member.role),
                state=_state(each),
                factors=_factors(each.factors),
                seen=Moment.of(each.seen_at, now) if each.seen_at else None,
            )
            for each in found
        )
    )


def member(
    found: Listed,
    sessions: list[Open],
    actor: UUID,
    error: str | None = None,
    error_in: str = "",
    *,
    recovery_waits: bool = False,
) -> MemberView:
    """One member."""
    now, noun = clock.now(), found.member
    return MemberView(
        href=path_of(noun.id),
        name=noun.name,
        email=found.email,
        role=str(noun.role),
        state=_state(found),
        active=noun.active,
        invited=noun.invited,
        verified=found.verified,
        factors=_factors(found.factors),
        version=noun.version,
        seen=Moment.of(found.seen_at, now) if found.seen_at else None,
        roles=role_choices(str(noun.role)),
        sessions=tuple(OpenRow(each.label or each.kind, each.kind, Moment.of(each.seen_at, now)) for each in sessions),
        myself=noun.id == actor,
        recovery_waits=recovery_waits,
        error=error,
        error_in=error_in,
    )


def invite(email: str = "", name: str = "", role: str = "agent", error: Refusal | None = None) -> InviteView:
    """The form to invite somebody."""
    return InviteView(
        idempotency_key=uuid4().hex,
        roles=role_choices(role),
        email=email,
        name=name,
        error=error.detail if error else None,
        field=("name" if "/name" in str(error.members) else "email") if error else "",
    )


def invitation(found: Invitation, token: str, error: str | None = None) -> InvitationView:
    """The form that accepts."""
    return InvitationView(
        action=f"/invitation/{token}",
        organisation=found.org_name,
        name=found.name,
        email=found.email,
        role=str(found.role),
        known=found.known,
        least=LEAST_OF_ADMINS if found.role is Role.ADMIN else LEAST,
        error=error,
    )


def rules(
    sign_in: tuple[SignInRules, int],
    origins: tuple[tuple[str, ...], int],
    found: list[Listed],
    kept: Mapping[str, str],
) -> RulesView:
    """The two forms: with what was typed, where one comes back, else with what holds."""
    held, version = sign_in
    typed = "idle_minutes" in kept or "absolute_hours" in kept
    return RulesView(
        roles=tuple(
            Choice(
                str(role),
                f"{str(role).capitalize()}s",
                kept.get(str(role)) == "yes" if typed else role in held.second_factor,
                _have_one(role, found),
            )
            for role in ROLES
        ),
        idle_minutes=kept.get("idle_minutes", str(held.idle_minutes)),
        absolute_hours=kept.get("absolute_hours", str(held.absolute_hours)),
        sign_in_version=version,
        origins=kept.get("origins", "\n".join(origins[0])),
        origins_version=origins[1],
        confirmed_minutes=int(CONFIRMED_FOR.total_seconds() // 60),
    )


def _have_one(role: Role, found: list[Listed]) -> str:
    """How many members of a role have a second factor: what a rule would ask of the others."""
    theirs = [each for each in found if each.member.role is role and each.member.active]
    have = sum(each.factors > 0 for each in theirs)
    return f"{have} of {len(theirs)} {'has' if have == 1 else 'have'} one" if theirs else "there are none"


def role_choices(chosen: str) -> tuple[Choice, ...]:
    """The roles, with what they may."""
    return tuple(Choice(str(role), str(role).capitalize(), str(role) == chosen, HINTS[role]) for role in ROLES)


def path_of(member_id: UUID) -> str:
    """The page of a member."""
    return f"/members/{member_id}"


def _state(found: Listed) -> Tag:
    return Tag(found.member.state, _TONES[found.member.state])


def _factors(count: int) -> str:
    return "none" if count == 0 else str(count)
