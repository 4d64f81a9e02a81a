"""Who is in the organisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.db import Row
from sealdesk.core.errors import OutsideReach
from sealdesk.members.model import Member
from sealdesk.unit import Reading

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A member with what only admins see: the address, how many second factors, when they were last there, whether they ever joined."""

    member: Member
    email: str
    factors: int
    verified: bool
    seen_at: datetime | None
    joined: bool = True


@dataclass(frozen=True, slots=True)
class Open:
    """Something a member has open here: a session or an API token."""

    kind: str
    label: str
    seen_at: datetime
    until: datetime


def admit(actor: Actor, permission: Permission) -> None:
    """As `demand`, but looking asks for no confirmation: only changing does."""
    if not actor.may(permission):
        actor.demand(permission)


async def members(
    work: Reading, text: str = "", after: UUID | None = None, limit: int = PAGE
) -> tuple[list[Listed], UUID | None]:
    """A page of those whose name, address or role holds `text`, by name, after the member `after`; and who is the last, if more follow.

    `OutsideReach` (404) where there is no such member.
    """
    admit(work.actor, Permission.MEMBER_MANAGE)
    here = "select exists (select from app.member where org_id = $1 and member_id = $2)"
    if after is not None and not await work.value(here, work.actor.org, after):
        raise OutsideReach
    rows = await work.rows("select * from sec.find_members($1, $2, $3)", " ".join(text.split()), after, limit + 1)
    shown = rows[:limit]
    return await _listed(work, shown), shown[-1]["member_id"] if len(rows) > limit else None


async def factors_by_role(work: Reading) -> dict[str, tuple[int, int]]:
    """Of each role how many members are active, and how many of them have a second factor."""
    admit(work.actor, Permission.RULES_MANAGE)
    rows = await work.rows("select * from sec.factors_by_role()")
    return {row["role"]: (row["members"], row["covered"]) for row in rows}


async def member(work: Reading, member_id: UUID) -> Listed:
    """One of them; `OutsideReach` (404)."""
    admit(work.actor, Permission.MEMBER_MANAGE)
    row = await work.row("select * from sec.members($1)", member_id)
    if row is None:
        raise OutsideReach
    return (await _listed(work, [row]))[0]


async def invitation_until(work: Reading, member_id: UUID) -> datetime | None:
    """Until when an invitation can be accepted; None where its link leads nowhere any more, or there is none."""
    admit(work.actor, Permission.MEMBER_MANAGE)
    until = await work.value("select sec.invitation_until($1)", member_id)
    return until if isinstance(until, datetime) else None


async def sessions(work: Reading, member_id: UUID) -> list[Open]:
    """What a member has open in this organisation, the latest first."""
    admit(work.actor, Permission.MEMBER_MANAGE)
    rows = await work.rows("select kind, label, seen_at, until from sec.member_sessions($1)", member_id)
    return [Open(row["kind"], row["label"], row["seen_at"], row["until"]) for row in rows]


async def open_elsewhere(work: Reading) -> tuple[int, int]:
    """How many sessions and how many API tokens everybody but the reader has open in this organisation."""
    admit(work.actor, Permission.MEMBER_MANAGE)
    row = await work.row(
        "select count(*) filter (where kind <> 'token') as sessions, count(*) filter (where kind = 'token') as tokens"
        " from sec.member_sessions(null) where session_id not in (select session_id from sec.member_sessions($1))",
        work.actor.member,
    )
    return (row["sessions"], row["tokens"]) if row else (0, 0)


async def joined(work: Reading, members: list[UUID]) -> set[UUID]:
    """Those of `members` who were added or joined at some time; the others were invited at most."""
    rows = await work.rows(
        "select distinct stream_id from ledger.entry where org_id = $1 and stream_kind = 'user' and stream_id = any ($2)"
        " and type in ('member.added', 'member.joined')",
        work.actor.org,
        members,
    )
    return {row["stream_id"] for row in rows}


async def _listed(work: Reading, rows: Sequence[Row]) -> list[Listed]:
    # Whoever is active has joined; of the others the record knows.
    away = [row["member_id"] for row in rows if not row["active"]]
    back = await joined(work, away) if away else set[UUID]()
    return [
        Listed(
            Member(row["member_id"], row["name"], Role(row["role"]), row["active"], row["invited"], row["version"]),
            row["email"],
            row["factors"],
            row["verified"],
            row["seen_at"],
            row["active"] or row["member_id"] in back,
        )
        for row in rows
    ]
