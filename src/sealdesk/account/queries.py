"""What a person sees of their own account."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.people import commands as people
from sealdesk.people.sessions import Membership, Visit
from sealdesk.unit import Desk, Reading


@dataclass(frozen=True, slots=True)
class Device:
    """One session: where it was opened, in which organisation, whether it is the one that asks, and until when it is held back."""

    id: UUID
    label: str
    method: str
    org: UUID
    org_name: str
    began: datetime
    seen: datetime
    until: datetime
    current: bool
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor: `totp` or `passkey`, and what its owner calls it."""

    id: UUID
    kind: str
    name: str
    added: datetime
    used: datetime | None


@dataclass(frozen=True, slots=True)
class Factors:
    """All second factors, and how many recovery codes are left."""

    listed: tuple[Factor, ...]
    codes_left: int


async def devices(work: Reading) -> tuple[Device, ...]:
    """Where the person is signed in, over all organisations, the last used first."""
    work.demand(Permission.SESSION_OWN)
    rows = await work.rows("select * from sec.own_sessions() where kind in ('session', 'visitor')")
    own = sha256(work.actor.session_hash).digest()
    return tuple(
        Device(
            row["session_id"],
            row["label"],
            row["method"],
            row["org_id"],
            row["org_name"],
            row["created_at"],
            row["seen_at"],
            row["until"],
            row["hash"] == own,
            row["held_until"],
        )
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that signed in before, and whether it is the one that asks."""

    label: str
    first: datetime
    seen: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class Rest:
    """What else lets in: known browsers, and how many API tokens."""

    browsers: tuple[Browser, ...]
    tokens: int


async def browsers(work: Reading, visit: Visit) -> tuple[Browser, ...]:
    """The person's known browsers, the last used first."""
    work.demand(Permission.SESSION_OWN)
    rows = await work.rows("select * from sec.own_devices()")
    own = sha256(visit.device_hash).digest() if visit.device_hash else None
    return tuple(Browser(row["label"], row["first_at"], row["seen_at"], row["hash"] == own) for row in rows)


async def token_count(work: Reading) -> int:
    """How many API tokens the person has, over all organisations."""
    work.demand(Permission.SESSION_OWN)
    found = await work.value("select count(*) from sec.own_sessions() where kind = 'token'")
    return found if isinstance(found, int) else 0


async def factors(work: Reading) -> Factors:
    """The person's second factors."""
    work.demand(Permission.SESSION_OWN)
    rows = await work.rows("select factor_id, kind, name, created_at, used_at from sec.own_factors()")
    left = await work.value("select sec.recovery_codes_left()")
    listed = tuple(
        Factor(row["factor_id"], row["kind"], row["name"], row["created_at"], row["used_at"]) for row in rows
    )
    return Factors(listed, left if isinstance(left, int) else 0)


async def organisations(desk: Desk, actor: Actor) -> tuple[Membership, ...]:
    """Where else the person may work."""
    async with desk.read(actor) as work:
        work.demand(Permission.SESSION_OWN)
        person = await work.value("select sec.person()")
    found = await people.memberships(desk, person) if isinstance(person, UUID) else []
    return tuple(membership for membership in found if membership.org != actor.org)
