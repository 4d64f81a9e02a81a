"""Who acts: one membership, as the database knows it."""

from dataclasses import dataclass
from uuid import UUID

from sealdesk.access.permissions import GRANTS, Permission, Role
from sealdesk.core.errors import NotPermitted

NOBODY = UUID(int=0)
"""The member id of the system's own context; as an organisation id, the desk itself (`sys`)."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A member acting through one session, API token or visitor link; `session_hash` is SHA-256 of the token (32 bytes).

    The role is a hint that chooses the database login: `sec.enter` has the last word.
    """

    session_hash: bytes
    org: UUID
    member: UUID
    role: Role
    kind: str = "session"
    name: str = ""
    org_name: str = ""

    def may(self, permission: Permission) -> bool:
        """Whether the role is granted `permission`."""
        return permission in GRANTS[self.role]

    def demand(self, permission: Permission) -> None:
        """Raise `NotPermitted` (403) unless the role is granted `permission`."""
        if not self.may(permission):
            raise NotPermitted(f"As {self.role} you may not do this. An admin of your organisation can say who may.")

    @property
    def identity(self) -> tuple[str, str]:
        """The actor as an entry writes it: (kind, id). The ledger says `customer` for a requester; components go by name."""
        if self.role is Role.SYSTEM:
            return self.kind, self.name
        return "customer" if self.role is Role.REQUESTER else str(self.role), str(self.member)


def system(org: UUID, component: str = "worker") -> Actor:
    """A component of the desk in one organisation (`NOBODY`: the desk itself); its name is the actor id of its entries."""
    return Actor(b"", org, NOBODY, Role.SYSTEM, kind="system", name=component)


def operator(org: UUID) -> Actor:
    """Who runs the desk, acting through the command line."""
    return Actor(b"", org, NOBODY, Role.SYSTEM, kind="operator", name="cli")
