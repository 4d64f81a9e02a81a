"""Sessions and what stands around them. Only the hash of a token is stored; the token leaves once, in the cookie."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role

IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Membership:
    """One organisation that a person may enter."""

    org: UUID
    org_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Issued:
    """A new session: the token (43 characters of base64url) goes into the cookie, the actor into the answer."""

    token: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class Choice:
    """The password is right but the person belongs to several organisations: ask which."""

    memberships: tuple[Membership, ...]
