"""One socket from its handshake to its end (RFC 6455; the closing codes are in docs/live.md)."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final
from uuid import UUID

import msgspec

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, Overloaded, Refusal, SignedOut, TooMany
from sealdesk.live import marks
from sealdesk.live.frames import Frame, Lists, Ready, Refused, Ticket, Typing, Watch, Watching, decode, encode
from sealdesk.live.hub import Hub
from sealdesk.live.listing import Listing
from sealdesk.live.observing import who_is
from sealdesk.live.policy import IN_THREAD, LIVE
from sealdesk.live.rooms import Room
from sealdesk.threads.model import Thread
from sealdesk.unit import Desk
from sealdesk.web.actor import find_actor, presented
from sealdesk.web.kit import Kit
from sealdesk.web.limits import Crowded, Limit
from sealdesk.web.socket_protocol import LATER, POLICY, TOO_MANY_FRAMES
from sealdesk.web.sockets import Ended, Socket

TICKET_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
"""How long a reader that is behind keeps a closing frame from going out."""
MOST_WATCHED: Final = 20
MOST_WAITING: Final = 64
"""Frames that wait for a reader; bells of one conversation wait as one."""
SIGNED_OUT, OUT_OF_REACH, IDLE = 4401, 4404, 4408
_HEADS: Final = "select kind, seq from ledger.stream where org_id = $1 and stream_id = $2 and kind = any ($3)"


async def serve(hub: Hub, desk: Desk, kit: Kit, socket: Socket) -> None:
    """Serve one socket. What is refused before it opens is answered as a request is."""
    exchange = socket.exchange
    await kit.limiter.admit_early(LIVE, exchange.address)
    if b"authorization" in exchange.fields:
        raise BadRequest("A bearer token opens a socket by a ticket, which is its first frame.")
    actor = await find_actor(exchange, kit.peek)
    if actor is None and presented(exchange) is not None:
        raise SignedOut("No live session comes with this handshake.")
    if actor is not None:
        actor.demand(Permission.THREAD_READ)
    who = (str(actor.member), str(actor.org)) if actor else (None, None)
    await kit.limiter.admit_change(LIVE, exchange.address, who[0], exchange.path, who[1])
    async with hub.leases.counted(exchange.address) as lease:
        if actor is not None:
            await hub.leases.count_member(lease, actor.member)
        await socket.accept()
        actor = actor or await _by_ticket(hub, desk, kit, socket, lease)
        if actor is not None:
            await Visit(hub, desk, kit, socket, actor).run()


async def _by_ticket(hub: Hub, desk: Desk, kit: Kit, socket: Socket, lease: UUID) -> Actor | None:
    """Who the first frame says it is; None where the socket was closed instead."""
    exchange = socket.exchange
    try:
        text = await socket.receive(TICKET_SECONDS)
        # Counted by its address before anybody is asked whose it is, and by person and organisation when that is known.
        await kit.limiter.admit_change(LIVE, exchange.address, None, exchange.path)
        frame = decode(text)
        actor = await marks.redeem(desk, frame.ticket) if isinstance(frame, Ticket) else None
        exchange.actor = actor
        if actor is None:
            raise SignedOut("The first frame has to be a ticket that opens a socket.")
        actor.demand(Permission.THREAD_READ)
        await kit.limiter.admit_change(LIVE, None, str(actor.member), exchange.path, str(actor.org))
        await hub.leases.count_member(lease, actor.member)
    except TimeoutError:
        await socket.close(POLICY, "no ticket in time")
    except Refusal as refusal:
        await socket.close(LATER if isinstance(refusal, TooMany | Overloaded) else POLICY, _reason(refusal))
        await socket.note(refusal)
    else:
        return actor
    return None


class Visit:
    """Somebody's socket, open."""

    def __init__(self, hub: Hub, desk: Desk, kit: Kit, socket: Socket, actor: Actor) -> None:
        self.staff = actor.may(Permission.NOTE_READ)
        self.who = who_is(actor)
        self._hub, self._desk, self._kit, self._socket, self._actor = hub, desk, kit, socket, actor
        self._rooms: dict[UUID, tuple[Room, ExitStack]] = {}
        self._waiting: dict[tuple[object, ...], str] = {}
        self._listing = Listing(desk.bells, actor.org, self.push)
        self._ending: tuple[int, str] | None = None
        self._to_do = asyncio.Event()

    async def run(self) -> None:
        """Until either side ends it."""
        writing = asyncio.create_task(self._write())
        with ExitStack() as stack:
            stack.callback(writing.cancel)
            stack.callback(self._listing.stop)
            stack.enter_context(self._staying(None, SIGNED_OUT, "signed out"))
            self.push(("ready",), encode(Ready(self.who.member)))
            try:
                await self._listen()
            except Ended as end:
                if end.reason == TOO_MANY_FRAMES:
                    await self._socket.note(TooMany("Too many frames in ten seconds."))
            except TimeoutError:
                self._end(IDLE, "idle")
            finally:
                for room, held in self._rooms.values():
                    held.close()
                    self._hub.leave(self, room)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(writing), CLOSE_SECONDS if self._ending else 0)

    def push(self, key: tuple[object, ...], text: str) -> None:
        """Send when the reader is ready; who is too far behind is let go."""
        self._waiting[key] = text
        if len(self._waiting) > MOST_WAITING:
            self._waiting.clear()
            self._end(LATER, "too slow")
        self._to_do.set()

    def _end(self, code: int, reason: str) -> None:
        if self._ending is None:
            self._ending = code, reason
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._socket.hang_up)
        self._to_do.set()

    async def _write(self) -> None:
        with suppress(Ended):
            while self._ending is None:
                await self._to_do.wait()
                self._to_do.clear()
                while self._waiting and self._ending is None:
                    key = next(iter(self._waiting))
                    await self._socket.send(self._waiting.pop(key))
            await self._socket.close(*self._ending)

    # What the other side says.

    async def _listen(self) -> None:
        while self._ending is None:
            text = await self._socket.receive(self._hub.bounds.idle)
            try:
                await self._take(text)
            except Crowded as refusal:
                # Others may have used that up: this socket stays.
                self._answer(Refused.of(refusal))
                await self._socket.note(refusal, text)
            except (BadRequest, TooMany) as refusal:
                # Whoever writes what is no frame, or too many, has a program that goes wrong.
                self._end(POLICY, _reason(refusal))
                await self._socket.note(refusal, text)
            except SignedOut:
                self._end(SIGNED_OUT, "signed out")
            except Refusal as refusal:
                self._answer(Refused.of(refusal))
                await self._socket.note(refusal, text)

    async def _take(self, text: str) -> None:
        match await self._decode(text):
            case Ticket():
                raise BadRequest("A ticket is a first frame.")
            case Watch() as frame:
                if frame.only:
                    await self._leave(*(self._rooms.keys() - {frame.thread}))
                await (self._watch if frame.on else self._leave)(frame.thread)
            case Typing() as frame:
                await self._typing(frame)
            case Lists() as frame:
                self._actor.demand(Permission.NOTE_READ)
                (self._listing.start if frame.on else self._listing.stop)()
            case frame:
                moved = await marks.mark_read(self._desk, self._actor, frame.thread, frame.seq)
                if moved is not None:
                    self._hub.has_read(self._actor.org, frame.thread, *moved)
                    if moved[1] and frame.thread in self._rooms:
                        self._hub.show(self.who.member, self._rooms[frame.thread][0])

    async def _decode(self, text: str) -> Frame:
        """The frame, which is counted, or what is none, which is counted too."""
        try:
            frame = decode(text)
        except BadRequest:
            await self._count(LIVE, "")
            raise
        thread = None if isinstance(frame, Ticket | Lists) else frame.thread
        await self._count(IN_THREAD if thread else LIVE, f"/{thread}")
        return frame

    async def _count(self, limit: Limit, path: str) -> None:
        who = str(self._actor.member), str(self._actor.org)
        await self._kit.limiter.admit_change(limit, self._socket.exchange.address, who[0], path, who[1])

    def _answer(self, frame: msgspec.Struct) -> None:
        self.push(("answer", object()), encode(frame))

    async def _watch(self, thread: UUID) -> None:
        """Found as every read finds it: out of reach and absent are one answer."""
        org = self._actor.org
        async with self._desk.read(self._actor) as work:
            await work.find(Thread, thread, Permission.THREAD_READ)
            shown = bool(await work.value("select app.is_seen($1)", thread))
        if thread not in self._rooms and len(self._rooms) >= MOST_WATCHED:
            raise BadRequest(f"At most {MOST_WATCHED} conversations at once.")
        room = self._hub.enter(self, org, thread, shown=shown)
        if thread not in self._rooms:
            held = ExitStack()
            held.enter_context(self._staying(thread, OUT_OF_REACH, "out of reach"))
            self._rooms[thread] = room, held
        # Now that bells are heard: how far it has gone meanwhile.
        async with self._desk.read(self._actor) as work:
            read = await marks.marks(work, thread)
            kinds = ["thread", "ticket"] if self.staff else ["thread"]
            heads = {row["kind"]: row["seq"] for row in await work.rows(_HEADS, org, thread, kinds)}
        room.known[self] = heads
        present = room.present(staff=self.staff, but=self.who.member)
        seq, ticket = heads.get("thread", 0), heads.get("ticket", 0) if self.staff else None
        self._answer(Watching(thread, seq, ticket, present, read))

    async def _leave(self, *threads: UUID) -> None:
        for found in [self._rooms.pop(thread, None) for thread in threads]:
            if found is not None:
                room, held = found
                held.close()
                self._hub.leave(self, room)

    async def _typing(self, frame: Typing) -> None:
        if frame.thread not in self._rooms:
            raise OutsideReach
        if not self._actor.may(Permission.MESSAGE_POST):
            raise NotPermitted("Who may not write here is not shown as writing.")
        if frame.on:
            async with self._desk.read(self._actor) as work:
                if (await work.find(Thread, frame.thread, Permission.THREAD_READ)).locked:
                    return  # nobody writes there, so nobody is shown to
        self._hub.writes(self, self._rooms[frame.thread][0], on=frame.on)

    def _staying(self, thread: UUID | None, code: int, reason: str) -> "ExitStack":
        held = ExitStack()
        if self._desk.bells is not None:
            lost: Callable[[], None] = lambda: self._end(code, reason)  # noqa: E731 - named for its type
            held.enter_context(self._desk.bells.guests.staying((self._actor.session_hash, thread), lost))
        return held


def _reason(refusal: Refusal) -> str:
    """Why, in a closing frame; where a limit is used up, with the seconds that HTTP has in Retry-After."""
    wait = f", again in {refusal.wait} s" if refusal.wait else ""
    return refusal.title.lower() + wait
