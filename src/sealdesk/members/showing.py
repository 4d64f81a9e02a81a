"""From members and rules as found to what the pages show."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID, uuid4

from sealdesk.access.actor import CONFIRMED_FOR
from sealdesk.access.permissions import Role
from sealdesk.core import clock
from sealdesk.core.errors import Refusal, Stale
from sealdesk.members.commands import Wanted
from sealdesk.members.invitations import Invitation
from sealdesk.members.queries import Listed, Open
from sealdesk.members.rules import ROLES, SignInRules
from sealdesk.members.view import InvitationView, InviteView, MemberRow, MembersView, MemberView, OpenRow, RulesView
from sealdesk.people.password_rules import LEAST, LEAST_OF_ADMINS
from sealdesk.web.view import Choice, Moment, Tag, Tone

HINTS = {
    Role.REQUESTER: "Opens requests and sees their own",
    Role.AGENT: "Answers requests and works on tickets",
    Role.ADMIN: "All of that, members and rules too",
    Role.AUDITOR: "Reads everything; places legal holds, and is the second person where it takes two",
}
_TONES: dict[str, Tone] = {"active": "good", "invited": "warn", "deactivated": "plain"}
DONE = {
    "invited": "The invitation is on its way.",
    "changed": "Their role is changed, and all their sessions here have ended.",
    "removed": "Their access has ended, and all their sessions here with it.",
    "returned": "They can sign in here again.",
    "withdrawn": "The invitation is withdrawn; its link no longer works.",
    "same": "It was so already; nothing was changed.",
    "reset": "A link to choose a new password is on its way to them.",
    "ended": "Their sessions have ended.",
    "everybody": "Everybody else has been signed out, and their API tokens have ended.",
    "rules": "The rules hold from now on.",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A form of the rules that was refused, with what was typed and the field that does not fit."""

    form: Literal["sign-in", "origins"]
    refusal: Refusal
    typed: Mapping[str, str]
    field: str

    def said(self, now: str) -> str:
        """Why; `now` is what holds, for whom somebody else was faster than."""
        if isinstance(self.refusal, Stale):
            return f"This was changed in the meantime, by somebody else or by you in another tab, and what you chose is not done yet. {now}"
        return self.refusal.detail


def members(
    found: list[Listed],
    others: tuple[int, int],
    error: str | None = None,
    *,
    text: str = "",
    more: UUID | None = None,
    paged: bool = False,
) -> MembersView:
    """A page of the list, what was looked for, and how many sessions and tokens all others have open; `more`: after whom it goes on."""
    now = clock.now()
    sought = {"q": text} if text else {}
    return MembersView(
        text=text,
        first_href="/members" if text or paged else None,
        more_href=f"/members?{urlencode(sought | {'after_member': str(more)})}" if more else None,
        sessions=others[0],
        tokens=others[1],
        error=error,
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
        ),
    )


def member(
    found: Listed,
    sessions: list[Open],
    actor: UUID,
    error: str | None = None,
    wanted: Wanted | None = None,
    *,
    recovery_waits: bool = False,
    until: datetime | None = None,
) -> MemberView:
    """One member; `wanted` is what was refused for `error`, `until` the end of an invitation that can be accepted."""
    now, noun = clock.now(), found.member
    return MemberView(
        href=path_of(noun.id),
        name=noun.name,
        email=found.email,
        role=str(noun.role),
        state=_state(found),
        active=noun.active,
        invited=noun.invited,
        until=Moment.of(until, now) if until else None,
        verified=found.verified,
        factors=_factors(found.factors),
        version=noun.version,
        seen=Moment.of(found.seen_at, now) if found.seen_at else None,
        roles=role_choices(str((wanted and wanted.role) or noun.role)),
        sessions=tuple(OpenRow(each.label or each.kind, each.kind, Moment.of(each.seen_at, now)) for each in sessions),
        myself=noun.id == actor,
        recovery_waits=recovery_waits,
        joined=found.joined,
        role_value=str(noun.role),
        idempotency_key=uuid4().hex,
        again_href=f"/members/new?again={noun.id}",
        error=error,
        error_in=("role" if wanted.role and noun.active else "access") if error and wanted else "",
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


def invite_again(found: Listed) -> InviteView:
    """The same, filled in for somebody who was invited before."""
    return replace(invite(found.email, found.member.name, str(found.member.role)), again=True)


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
    found: dict[str, tuple[int, int]],
    refused: Refused | None = None,
) -> RulesView:
    """The two forms: with what was typed, where one comes back, else with what holds. `found`: of each role how many, and with a factor."""
    (held, version), sites = sign_in, "\n".join(origins[0])
    first = refused.typed if refused and refused.form == "sign-in" else None
    second = refused.typed if refused and refused.form == "origins" else None
    ticked = {str(role) for role in held.second_factor}
    if first is not None:
        ticked = {name for name, text in first.items() if text == "yes"}
    return RulesView(
        roles=tuple(
            Choice(str(role), f"{str(role).capitalize()}s", str(role) in ticked, _have_one(role, found))
            for role in ROLES
        ),
        idle_minutes=str(held.idle_minutes) if first is None else first.get("idle_minutes", ""),
        absolute_hours=str(held.absolute_hours) if first is None else first.get("absolute_hours", ""),
        sign_in_version=version,
        origins=sites if second is None else second.get("origins", ""),
        origins_version=origins[1],
        confirmed_minutes=int(CONFIRMED_FOR.total_seconds() // 60),
        error=refused.said(_holding(held)) if refused and first is not None else None,
        origins_error=refused.said(f"Now these are allowed: {', '.join(origins[0]) or 'none'}.")
        if refused and second is not None
        else None,
        focus=refused.field if refused else "",
    )


def _holding(rules: SignInRules) -> str:
    """What holds, in a sentence."""
    who = ", ".join(f"{role}s" for role in rules.second_factor)
    needed = f"{who} need" if who else "nobody needs"
    return (
        f"Now {needed} a second factor, and a session ends after {rules.idle_minutes:,} minutes without use"
        f" or {rules.absolute_hours:,} hours in all."
    )


def _have_one(role: Role, found: dict[str, tuple[int, int]]) -> str:
    """How many members of a role have a second factor: what a rule would ask of the others."""
    theirs, have = found.get(str(role), (0, 0))
    return f"{have:,} of {theirs:,} {'has' if have == 1 else 'have'} one" if theirs else "there are none"


def role_choices(chosen: str) -> tuple[Choice, ...]:
    """The roles, with what they may."""
    return tuple(Choice(str(role), str(role).capitalize(), str(role) == chosen, HINTS[role]) for role in ROLES)


def path_of(member_id: UUID) -> str:
    """The page of a member."""
    return f"/members/{member_id}"


def _state(found: Listed) -> Tag:
    state = found.member.state
    return Tag(state if found.joined or state == "invited" else "withdrawn", _TONES[state])


def _factors(count: int) -> str:
    return "none" if count == 0 else str(count)
