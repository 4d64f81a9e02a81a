"""A member as admins see one, and what may become of them."""

from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

from sealdesk.access.permissions import Role
from sealdesk.core.errors import StateConflict
from sealdesk.ledger.events import Event, Stream
from sealdesk.members import events
from sealdesk.unit import Change, Reading


class NotThem(StateConflict):
    """The member's state does not allow it."""


class Yourself(StateConflict):
    """The act would lower or remove whoever does it, and they have not said that they mean it."""

    slug = "yourself"
    title = "This is you"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the reader's organisation. `active` may sign in; `invited` has not answered yet."""

    id: UUID
    name: str
    role: Role
    active: bool
    invited: bool
    version: int

    @classmethod
    async def find(cls, work: Reading, key: UUID, lock: tuple[str, ...]) -> Self | None:
        """The member, read after the member's own stream was locked."""
        found = await cls._read(work, key)
        if found is None or not lock or not isinstance(work, Change):
            return found
        await work.lock(*(Stream(kind, key) for kind in lock))
        return await cls._read(work, key)

    @classmethod
    async def _read(cls, work: Reading, key: UUID) -> Self | None:
        row = await work.row(
            "select member_id, name, role, active, invited, version from app.member where org_id = $1 and member_id = $2",
            work.actor.org,
            key,
        )
        return (
            cls(row["member_id"], row["name"], Role(row["role"]), row["active"], row["invited"], row["version"])
            if row
            else None
        )

    @property
    def state(self) -> str:
        """In a word."""
        return "active" if self.active else "invited" if self.invited else "deactivated"

    def became(self, after: Self) -> str:
        """What was done to them, in a word for whoever did it."""
        if self == after:
            return "same"
        if self.active != after.active:
            return "returned" if after.active else "removed"
        return "withdrawn" if self.invited and not after.invited else "changed"

    def with_role(self, role: Role, *, signs_in: bool) -> tuple[Self, list[Event]]:
        """The member with another role; no events where it is so already.

        `NotThem` (409) unless they are active, and for a role of staff unless they can sign in: a visitor never can.
        """
        if not self.active:
            raise NotThem("Only an active member's role can be changed. Invite them again with the role you want.")
        if role is self.role:
            return self, []
        if role is not Role.REQUESTER and not signs_in:
            raise NotThem(
                "They come as a visitor and can't sign in. Invite them by their address with the role you want."
            )
        return self._next(role=role), [events.role_changed(self.id, str(self.role), str(role))]

    def deactivated(self, was: Role | None = None) -> tuple[Self, list[Event]]:
        """The member without access, or the invitation withdrawn and their role as it `was` before; no events where it is so already."""
        if not self.active and not self.invited:
            return self, []
        after, facts = self._next(active=False, invited=False), [events.member_deactivated(self.id)]
        if was is None or was is self.role:
            return after, facts
        return after._next(role=was), [events.role_changed(self.id, str(self.role), str(was)), *facts]

    def reactivated(self, *, joined: bool) -> tuple[Self, list[Event]]:
        """The member with access again. `NotThem` (409) for somebody who never `joined`."""
        if self.active:
            return self, []
        if self.invited or not joined:
            raise NotThem("They have not joined yet. Invite them again.")
        return self._next(active=True), [events.member_reactivated(self.id)]

    def reset(self, *, signs_in: bool) -> Event:
        """Having a link mailed with which they choose another password. `NotThem` (409) unless they are active and can sign in."""
        if not self.active:
            raise NotThem("Only an active member can choose a new password.")
        if not signs_in:
            raise NotThem(
                "They come as a visitor and have no password. Invite them by their address, and they choose one."
            )
        return events.reset_asked(self.id)

    def lowers(self, after: Self) -> bool:
        """Whether an admin would be none any more."""
        return self.role is Role.ADMIN and self.active and not (after.role is Role.ADMIN and after.active)

    def _next(self, *, role: Role | None = None, active: bool | None = None, invited: bool | None = None) -> Self:
        return replace(
            self,
            role=role or self.role,
            active=self.active if active is None else active,
            invited=self.invited if invited is None else invited,
            version=self.version + 1,
        )
