"""Who is there, who writes and who has read, for whoever has no socket: asked again and again, or waited for."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import msgspec

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.live import marks
from sealdesk.live.frames import Mark, Who
from sealdesk.live.hub import Hub
from sealdesk.threads import waiting
from sealdesk.threads.model import Thread
from sealdesk.unit import Desk


class Attendance(msgspec.Struct, frozen=True):
    """A conversation as it is now: who is there, who writes (for six seconds after they last did), and who has read how far."""

    present: tuple[Who, ...]
    writing: tuple[Who, ...]
    read: tuple[Mark, ...]


def who_is(actor: Actor) -> Who:
    """An actor as others in a conversation see them."""
    return Who(actor.member, actor.name, "customer" if actor.role is Role.REQUESTER else "desk")


class Observer:
    """A request that waits. Nobody sees it."""

    def __init__(self, actor: Actor) -> None:
        self.who, self.staff = who_is(actor), actor.may(Permission.NOTE_READ)
        self._wake: Callable[[], None] | None = None

    def waken(self, wake: Callable[[], None]) -> None:
        """What to call when something was told."""
        self._wake = wake

    def push(self, *_: object) -> None:
        """Something was told: whoever waits looks again."""
        if self._wake is not None:
            self._wake()


async def attendance(
    desk: Desk, hub: Hub, actor: Actor, thread: UUID, seconds: float, is_news: Callable[[Attendance], bool]
) -> Attendance:
    """A conversation as it is once that is news, or after so many seconds. `OutsideReach` (404)."""
    observer = Observer(actor)
    async with desk.read(actor) as work:
        await work.find(Thread, thread, Permission.THREAD_READ)  # nobody has a room opened that they may not look into
    async with hub.observing(observer, actor.org, thread) as room:

        async def look() -> Attendance:
            async with desk.read(actor) as work:
                read = await marks.marks(work, thread)
            present = room.present(staff=observer.staff, but=actor.member)
            writing = room.writes(staff=observer.staff, but=actor.member)
            if writing:  # that it is over is told by nobody
                asyncio.get_running_loop().call_later(max(0.0, room.quiet_in()) + 0.05, observer.push)
            return Attendance(present, writing, read)

        return await waiting.until_news(desk, actor, thread, seconds, look, is_news, waken=observer.waken)
