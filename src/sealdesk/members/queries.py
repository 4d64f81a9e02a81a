"""Who is in the organisation."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.db import Row
from sealdesk.core.errors import OutsideReach
from sealdesk.members.model import Member
from sealdesk.unit import Reading


@dataclass(frozen=True, slots=True)
class Listed:
    """A member with what only admins see: the address, how many second factors, when they were last there."""

    member: Member
    email: str
    factors: int
    verified: bool
    seen_at: datetime | None


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


async def members(work: Reading) -> list[Listed]:
    """All of them, by name."""
    admit(work.actor, Permission.MEMBER_MANAGE)
    return [_listed(row) for row in await work.rows("select * from sec.members(null)")]


async def member(work: Reading, member_id: UUID) -> Listed:
    """One of them; `OutsideReach` (404)."""
    admit(work.actor, Permission.MEMBER_MANAGE)
    row = await work.row("select * from sec.members($1)", member_id)
    if row is None:
        raise OutsideReach
    return _listed(row)


async def sessions(work: Reading, member_id: UUID) -> list[Open]:
    """What a member has open in this organisation, the latest first."""
    admit(work.actor, Permission.MEMBER_MANAGE)
    rows = await work.rows("select kind, label, seen_at, until from sec.member_sessions($1)", member_id)
    return [Open(row["kind"], row["label"], row["seen_at"], row["until"]) for row in rows]


def _listed(row: Row) -> Listed:
    found = Member(row["member_id"], row["name"], Role(row["role"]), row["active"], row["invited"], row["version"])
    return Listed(found, row["email"], row["factors"], row["verified"], row["seen_at"])
