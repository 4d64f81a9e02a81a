"""A conversation that somebody of this process looks at: who is there, here and in other processes, and how far it has gone."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Protocol
from uuid import UUID

import msgspec

from sealdesk.live.frames import TYPING_SECONDS, Bell, HasRead, Mark, Present, Who, Writes, encode

GONE_AFTER: Final = 50.0
"""Seconds after which who is in another process is gone unless that process says again that they are there."""
MOST_NAMED: Final = 10
SOMEBODY: Final = Who(UUID(int=0), "Somebody of the desk", "desk")
"""Who writes, for a requester to whom that one has not written yet."""


class Guest(Protocol):
    """One socket, or one request that waits, as a room knows it."""

    who: Who
    staff: bool

    def push(self, key: tuple[object, ...], text: str, /) -> None:
        """Send `text` when its reader is ready; a newer one of the same key takes its place."""
        ...


class Attendant(msgspec.Struct, frozen=True):
    """Somebody there, and whether requesters are told: they are their own, and who has written to them."""

    who: Who
    shown: bool


@dataclass(eq=False)
class Room:
    """One conversation."""

    org: UUID
    thread: UUID
    hearing: ExitStack
    guests: dict[Guest, bool] = field(default_factory=dict["Guest", bool])
    observers: set[Guest] = field(default_factory=set["Guest"])
    """Who hears what is told and is not there: requests."""
    told: dict[Guest, tuple[Who, ...]] = field(default_factory=dict["Guest", tuple[Who, ...]])
    heads: dict[str, int] = field(default_factory=dict[str, int])
    known: dict[Guest, Mapping[str, int]] = field(default_factory=dict[Guest, Mapping[str, int]])
    """How far each guest was told that it has gone, when they began to watch."""
    writers: dict[UUID, tuple[Attendant, float]] = field(default_factory=dict[UUID, tuple[Attendant, float]])
    opened: float = field(default_factory=time.monotonic)
    kept_until: float = 0.0
    elsewhere: dict[bytes, tuple[float, tuple[Attendant, ...]]] = field(
        default_factory=dict[bytes, tuple[float, tuple[Attendant, ...]]]
    )

    def here(self) -> tuple[Attendant, ...]:
        """Who is there in this process."""
        found = {guest.who.member: Attendant(guest.who, shown) for guest, shown in self.guests.items()}
        return tuple(list(found.values())[:MOST_NAMED])

    def present(self, *, staff: bool, but: UUID) -> tuple[Who, ...]:
        """Who is there at all, for a reader."""
        now = time.monotonic()
        found = {each.who.member: each for each in self.here()}
        for told, people in self.elsewhere.values():
            if now - told < GONE_AFTER:
                found.update({each.who.member: each for each in people})
        seen = (each.who for each in found.values() if (staff or each.shown) and each.who.member != but)
        return tuple(sorted(seen, key=lambda who: (who.name, who.member.bytes)))

    def writes(self, *, staff: bool, but: UUID) -> tuple[Who, ...]:
        """Who writes, for a reader."""
        now = time.monotonic()
        self.writers = {member: found for member, found in self.writers.items() if found[1] > now}
        seen = {
            each.who if staff or each.shown else SOMEBODY
            for each, _ in self.writers.values()
            if each.who.member != but and (staff or each.shown or each.who.side == "desk")
        }
        return tuple(sorted(seen, key=lambda who: (who.name, who.member.bytes)))

    def quiet_in(self) -> float:
        """Seconds until the next of them writes no longer, unless that is renewed."""
        return min((until for _, until in self.writers.values()), default=0.0) - time.monotonic()

    def went_on(self, kind: str, seq: int) -> None:
        """Ring, unless that was rung before. Of the desk's own work requesters hear nothing, not even when."""
        if seq <= self.heads.get(kind, 0):
            return
        self.heads[kind] = seq
        text = encode(Bell(self.thread, kind, seq))
        for guest in self._who(staff=kind != "thread"):
            if seq > self.known.get(guest, {}).get(kind, 0):
                guest.push(("bell", self.thread, kind), text)

    def tell_present(self) -> None:
        """Say who is there now, to those for whom that is news: not even when somebody comes is told of whom one does not see."""
        for guest in chain(self.guests, self.observers):
            people = self.present(staff=guest.staff, but=guest.who.member)
            if people != self.told.get(guest, ()):
                self.told[guest] = people
                guest.push(("present", self.thread), encode(Present(self.thread, people)))

    def tell_writes(self, writer: Attendant, *, on: bool) -> None:
        """Say who writes; to requesters, that somebody of the desk does, where they are not told who."""
        member = writer.who.member
        self.writers.pop(member, None)
        if on:
            self.writers[member] = writer, time.monotonic() + TYPING_SECONDS
        unnamed = writer.who.side == "desk" and self._unnamed(writer, on=on)
        named, somebody = encode(Writes(self.thread, writer.who, on)), encode(Writes(self.thread, SOMEBODY, on))
        for guest in self._who(staff=False, but=member):
            if guest.staff or writer.shown:
                guest.push(("typing", self.thread, member), named)
            if unnamed and not guest.staff:
                guest.push(("typing", self.thread, SOMEBODY.member), somebody)

    def _unnamed(self, writer: Attendant, *, on: bool) -> bool:
        """Whether this changes what is said of those without a name: one of them writes, or the last of them no longer does.

        The first answer makes its author known, and ends what was said of them before.
        """
        if on:
            return not writer.shown
        now = time.monotonic()
        return all(until < now or each.shown or each.who.side != "desk" for each, until in self.writers.values())

    def tell_read(self, mark: Mark, *, shown: bool) -> None:
        """Say who has read how far."""
        text = encode(HasRead(self.thread, mark))
        for guest in self._who(staff=not shown, but=mark.member):
            guest.push(("read", self.thread, mark.member), text)

    def _who(self, *, staff: bool, but: UUID | None = None) -> Iterator[Guest]:
        everybody = chain(self.guests, self.observers)
        return (guest for guest in everybody if (guest.staff or not staff) and guest.who.member != but)
