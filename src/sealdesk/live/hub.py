"""The live sockets of one web process, by conversation; what they have to tell goes to the other processes too."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Final, Literal
from uuid import UUID

import msgspec
import structlog

from sealdesk.core.db import ABSENT
from sealdesk.live.frames import Mark
from sealdesk.live.leases import RENEW_EVERY, Leases
from sealdesk.live.policy import Bounds
from sealdesk.live.rooms import Attendant, Guest, Room
from sealdesk.unit import Desk

LOOK_EVERY: Final = 5.0
"""Seconds after which all conversations that are looked at are asked for, so that a bell that was lost loses nothing."""
ANSWERED: Final = 0.2
"""Seconds within which the other processes have said who is there with them."""
KEPT: Final = 30.0
"""Seconds for which a room stays after a request: whoever asks again and again misses nothing in between."""
Asked = tuple[UUID, str, UUID]
log = structlog.get_logger("live")


class Word(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one process tells the others of a conversation: who is there, asks who is, who writes, who has read."""

    kind: Literal["here", "who", "typing", "read"]
    process: bytes
    org: UUID
    thread: UUID
    people: tuple[Attendant, ...] = ()
    mark: Mark | None = None
    on: bool = False


class Hub:
    """Rooms, and what happens in them."""

    def __init__(self, desk: Desk, bounds: Bounds) -> None:
        self._desk = desk
        self.bounds = bounds
        self.leases = Leases(desk.database, bounds)
        self._process = secrets.token_bytes(8)
        self._rooms: dict[tuple[UUID, UUID], Room] = {}
        self._asked: set[Asked] = set()
        self._rung = asyncio.Event()

    @asynccontextmanager
    async def running(self, _: object = None) -> AsyncGenerator[None]:
        """Ring, renew and refresh for as long as the block lasts."""
        if self._desk.bells is not None:
            self._desk.bells.hear_word = self._hear
        tasks = [asyncio.create_task(self._ring()), asyncio.create_task(self._refresh())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # Who is where.

    def enter(self, guest: Guest, org: UUID, thread: UUID, *, shown: bool) -> Room:
        """Have somebody in a conversation's room, who may look at it."""
        room = self._room(org, thread)
        room.guests[guest] = shown
        self._changed(room)
        return room

    @asynccontextmanager
    async def observing(self, guest: Guest, org: UUID, thread: UUID) -> AsyncGenerator[Room]:
        """Have somebody hear what is told in a conversation's room, who may look at it, without being there."""
        room = self._room(org, thread)
        room.observers.add(guest)
        try:
            await asyncio.sleep(max(0.0, room.opened + ANSWERED - time.monotonic()))
            yield room
        finally:
            room.observers.discard(guest)
            room.told.pop(guest, None)
            room.kept_until = time.monotonic() + KEPT
            asyncio.get_running_loop().call_later(KEPT, self._close, room)

    def _room(self, org: UUID, thread: UUID) -> Room:
        room = self._rooms.get((org, thread))
        if room is None:
            room = self._rooms[org, thread] = Room(org, thread, ExitStack())
            if self._desk.bells is not None:
                for kind in ("thread", "ticket"):
                    room.hearing.enter_context(
                        self._desk.bells.hearing(org, (kind, thread), self._asking(org, kind, thread))
                    )
            self._say(Word("who", self._process, org, thread))
        return room

    def _close(self, room: Room) -> None:
        """Give a room up in which nobody is, and that nobody asks for any more."""
        place = room.org, room.thread
        empty = not room.guests and not room.observers and time.monotonic() >= room.kept_until
        if empty and self._rooms.get(place) is room:
            room.hearing.close()
            del self._rooms[place]

    def leave(self, guest: Guest, room: Room) -> None:
        """Somebody looks no longer."""
        room.guests.pop(guest, None)
        room.told.pop(guest, None)
        room.known.pop(guest, None)
        self._close(room)
        self._changed(room)

    def show(self, member: UUID, room: Room) -> None:
        """Somebody has spoken in public by now: requesters see them."""
        hidden = [guest for guest, shown in room.guests.items() if guest.who.member == member and not shown]
        for guest in hidden:
            room.guests[guest] = True
        if hidden:
            self._changed(room)

    def _changed(self, room: Room) -> None:
        room.tell_present()
        self._say(Word("here", self._process, room.org, room.thread, room.here()))

    # What they do.

    def writes(self, guest: Guest, room: Room, *, on: bool) -> None:
        """Somebody who is there writes, or no longer."""
        writer = Attendant(guest.who, shown=room.guests.get(guest, False))
        room.tell_writes(writer, on=on)
        self._say(Word("typing", self._process, room.org, room.thread, (writer,), on=on))

    def has_read(self, org: UUID, thread: UUID, mark: Mark, shown: bool) -> None:  # noqa: FBT001 - as `marks.mark_read` gives it
        """Somebody has read on."""
        if (room := self._rooms.get((org, thread))) is not None:
            room.tell_read(mark, shown=shown)
        self._say(Word("read", self._process, org, thread, mark=mark, on=shown))

    def _say(self, word: Word) -> None:
        if self._desk.bells is not None:
            self._desk.bells.say(msgspec.msgpack.encode(word))

    def _hear(self, said: bytes) -> None:
        word = msgspec.msgpack.decode(said, type=Word)
        room = self._rooms.get((word.org, word.thread))
        if room is None:
            return
        match word.kind:
            case "who":
                self._say(Word("here", self._process, room.org, room.thread, room.here()))
            case "here":
                room.elsewhere[word.process] = time.monotonic(), word.people
                room.tell_present()
                for each in word.people:
                    if each.shown:
                        self.show(each.who.member, room)
            case "typing":
                room.tell_writes(word.people[0], on=word.on)
            case "read" if word.mark is not None:
                room.tell_read(word.mark, shown=word.on)
            case _:
                pass

    # Bells.

    def _asking(self, org: UUID, kind: str, thread: UUID) -> Callable[[], None]:
        return partial(self._ask, (org, kind, thread))

    def _ask(self, place: Asked) -> None:
        self._asked.add(place)
        self._rung.set()

    async def _ring(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), LOOK_EVERY)
            if not self._rung.is_set():
                self._asked = {(org, kind, thread) for org, thread in self._rooms for kind in ("thread", "ticket")}
            self._rung.clear()
            asked, self._asked = self._asked, set()
            try:
                await self._tell(asked)
            except ABSENT as error:
                log.warning("live.interrupted", reason=type(error).__name__)

    async def _tell(self, asked: set[Asked]) -> None:
        if not asked:
            return
        gate = await self._desk.database.pool("desk_gate")
        columns = [list(column) for column in zip(*asked, strict=True)]
        for row in await gate.fetch("select * from sec.live_heads($1, $2, $3)", *columns):
            if (room := self._rooms.get((row["org_id"], row["stream_id"]))) is not None:
                room.went_on(row["kind"], row["seq"])

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            await self.leases.renew()
            for room in tuple(self._rooms.values()):
                self._say(Word("here", self._process, room.org, room.thread, room.here()))
                room.tell_present()
