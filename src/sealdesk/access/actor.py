"""Who acts: one membership, as the database knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sealdesk.access.permissions import (
    CONFIRMED,
    GRANTS,
    NEVER_BY_TOKEN,
    OF_INVITATIONS,
    OF_THE_UNFINISHED,
    OF_VISITORS,
    Permission,
    Role,
)
from sealdesk.core import clock
from sealdesk.core.errors import NotPermitted

NOBODY = UUID(int=0)
"""The member id of the system's own context; as an organisation id, the desk itself (`sys`)."""
CONFIRMED_FOR = timedelta(minutes=10)
"""How long a confirmation (a password, a second factor, a passkey) lets a session do what asks for one (ASVS 7.5.3)."""


class FactorNeeded(NotPermitted):
    """The organisation asks for a second factor that this person has not set up."""

    slug = "factor-needed"
    title = "Set up a second factor first"


class HeldBack(NotPermitted):
    """The session was opened by a password alone, after wrong ones, in a browser that was never seen."""

    slug = "held-back"
    title = "Held back in this browser"
    way = ("To your account", "/account")


class ConfirmFirst(NotPermitted):
    """The act asks that whoever holds the session shows again who they are."""

    slug = "confirm-first"
    title = "Confirm that it is you"


@dataclass(frozen=True, slots=True)
class Actor:
    """A member acting through one session, API token or visitor link; `session_hash` is SHA-256 of the token (32 bytes).

    The role is a hint that chooses the database login: `sec.enter` has the last word. `session_id` names the session without its token,
    `scopes` are an API token's permissions (None: all of the role's), `confirmed_at` is when a factor was last shown, `weak` says that
    a second factor is demanded that the person does not have yet, `label` is the browser it was opened in, `held_until` until when it
    may do nothing that asks for a confirmation.
    """

    session_hash: bytes
    org: UUID
    member: UUID
    role: Role
    kind: str = "session"
    name: str = ""
    org_name: str = ""
    session_id: UUID | None = None
    scopes: frozenset[str] | None = None
    confirmed_at: datetime | None = None
    weak: bool = False
    label: str = ""
    held_until: datetime | None = None

    def may(self, permission: Permission) -> bool:
        """Whether the role is granted `permission`, and this session or token carries it. Says nothing of confirmation."""
        if permission not in GRANTS[self.role]:
            return False
        match self.kind:
            case "invitation":
                return permission in OF_INVITATIONS
            case "token":
                carried = self.scopes is None or permission in self.scopes
                return carried and permission not in NEVER_BY_TOKEN and not self.weak
            case "visitor":
                return self.role is Role.REQUESTER and permission in OF_VISITORS and not self.weak
            case _:
                return permission not in OF_INVITATIONS and (not self.weak or permission in OF_THE_UNFINISHED)

    @property
    def confirmed(self) -> bool:
        """Whether a factor was shown lately."""
        return self.confirmed_at is None or clock.now() - self.confirmed_at < CONFIRMED_FOR

    @property
    def held(self) -> bool:
        """Whether the session is held back still."""
        return self.held_until is not None and clock.now() < self.held_until

    def demand(self, permission: Permission) -> None:
        """Raise `NotPermitted` (403) unless the actor may; `FactorNeeded` and `ConfirmFirst` say what would change that."""
        if not self.may(permission):
            if self.weak and permission in GRANTS[self.role]:
                raise FactorNeeded("A second factor is asked for. Set one up under your account, then go on.")
            if self.kind == "visitor":
                raise NotPermitted("A visit through a site's widget is for conversations, and for nothing else.")
            if self.kind == "token" and permission in GRANTS[self.role]:
                raise NotPermitted("This token may not do that; its permissions were chosen when it was made.")
            raise NotPermitted(f"As {self.role} you may not do this. An admin of your organisation can say who may.")
        if permission not in CONFIRMED or self.kind != "session":
            return
        if self.held_until is not None and self.held:
            raise HeldBack(
                f"This browser was new when it signed in after wrong passwords, so it can't do this until"
                f" {self.held_until:%d %B, %H:%M} UTC. If it is yours, say so under your account in a browser that you used before."
            )
        if not self.confirmed:
            raise ConfirmFirst("This asks for your password or second factor once more. Nothing was changed.")

    @property
    def identity(self) -> tuple[str, str]:
        """The actor as an entry writes it: (kind, id). The ledger says `customer` for a requester; components go by name.

        A requester whom a mailed code or another site's word let in is a `visitor`.
        """
        if self.role is Role.SYSTEM:
            return self.kind, self.name
        if self.kind == "visitor":
            return "visitor", str(self.member)
        return "customer" if self.role is Role.REQUESTER else str(self.role), str(self.member)


def actor_of(row: Mapping[str, Any]) -> Actor:
    """The actor that a row of `sec.peek` stands for."""
    scopes = frozenset(row["scopes"]) if row["scopes"] is not None else None
    who = (row["hash"], row["org_id"], row["member_id"], Role(row["role"]), row["kind"], row["name"], row["org_name"])
    more = (row["session_id"], scopes, row["confirmed_at"], row["weak"], row["label"], row["held_until"])
    return Actor(*who, *more)


@dataclass(frozen=True, slots=True)
class Holder:
    """The member that a session or token was made for. `live` is false where it has expired or was ended."""

    org: UUID
    member: UUID
    live: bool


@dataclass(frozen=True, slots=True)
class Traced:
    """What a record says of a try at an account: random ids that stand for the account and the address for a day, and whose it is.

    Somebody in several organisations is named as a member of the first; each organisation's own record names its own member.
    """

    account: UUID
    address: UUID
    org: UUID | None
    member: UUID | None


def system(org: UUID, component: str = "worker") -> Actor:
    """A component of the desk in one organisation (`NOBODY`: the desk itself); its name is the actor id of its entries."""
    return Actor(b"", org, NOBODY, Role.SYSTEM, kind="system", name=component)


def operator(org: UUID) -> Actor:
    """Who runs the desk, acting through the command line."""
    return Actor(b"", org, NOBODY, Role.SYSTEM, kind="operator", name="cli")
