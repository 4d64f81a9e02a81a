"""Sessions and what stands around them. Only the hash of a token is stored; the token leaves once, in the cookie."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.web.tokens import token_hash

IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=30)
"""What holds where an organisation's admins have set nothing else (ASVS 7.1.1)."""
ENROL_WITHIN = timedelta(hours=48)
"""How long somebody whose lost second factors were removed has to set up a new one (ASVS 6.4.4)."""


@dataclass(frozen=True, slots=True)
class Membership:
    """One organisation that a person may enter."""

    org: UUID
    org_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Visit:
    """The browser or program that signs in.

    `origin` is for the sealed slot of the entry, `address` for the counts, `device` the token that it was given at an earlier sign-in,
    `bound` SHA-256 of the pre-session cookie (zeros for programs) that challenges are bound to, `label` what it is in words, `old`
    SHA-256 of the token of the session that it had, which ends.
    """

    origin: dict[str, str]
    address: str = "local"
    device: str | None = None
    bound: bytes = bytes(32)
    label: str = ""
    old: bytes | None = None

    @property
    def device_hash(self) -> bytes | None:
        """SHA-256 of the browser's own token, where it has one."""
        return token_hash(self.device) if self.device else None


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who showed a first factor by `method`: who, where they may enter, and how many second factors they have.

    `version` is that of the credential that it was checked against: where another one holds by now, nothing opens.
    `tries` is at which attempt the password was right, `began` when what was shown was looked at, by the database's clock: where an
    organisation ended the person's sessions since then, none opens there.
    """

    person: UUID
    memberships: tuple[Membership, ...]
    factors: int
    method: str
    version: int
    tries: int = 1
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new session: the token (43 characters of base64url) goes into the cookie, the actor into the answer.

    `device` is a token for a browser that had none: it is let in during an attack on the account. `method` is how they signed in.
    """

    token: str
    actor: Actor
    device: str | None = None
    method: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was shown suffices but the person belongs to several organisations: ask which, and answer the `challenge` with it."""

    memberships: tuple[Membership, ...]
    challenge: str


@dataclass(frozen=True, slots=True)
class SecondNeeded:
    """A first factor was shown and a second is needed: answer the `challenge` with it, or let one of `passkeys` (ids) sign it."""

    challenge: str
    kinds: tuple[str, ...]
    passkeys: tuple[bytes, ...] = ()
