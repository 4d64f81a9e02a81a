"""Waiting for news of a conversation: the question is asked again with each bell, each time as if it were new.

No transaction and no connection is held meanwhile. Whoever may no longer look, or has signed out, is told so within a second
(`threads.reach`).
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeVar
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.unit import Desk

MOST_SECONDS: Final = 25
LOOK_EVERY: Final = 5.0
WITHOUT_BELLS: Final = 0.25
MOST_OF_ONE: Final = 12
"""Requests of one session that wait at once, in one process; more are answered at once."""
MOST: Final = 2000

FoundT = TypeVar("FoundT")
_waiting: Counter[bytes] = Counter()


async def until_news(
    desk: Desk,
    actor: Actor,
    thread: UUID,
    seconds: float,
    look: Callable[[], Awaitable[FoundT]],
    is_news: Callable[[FoundT], bool],
    *,
    look_every: float = LOOK_EVERY,
    waken: Callable[[Callable[[], None]], None] | None = None,
) -> FoundT:
    """What `look` finds as soon as it is news, and after `seconds` what it found last. Raises what `look` raises.

    `waken` is given what else than a bell can have it look again.
    """
    async with _listening(desk, actor, thread) as heard:
        if waken is not None and heard is not None:
            waken(heard.set)
        end = time.monotonic() + min(seconds, MOST_SECONDS)
        found = await look()
        with _counted(actor) as may_wait:
            while may_wait and not _over(desk) and not is_news(found) and (left := end - time.monotonic()) > 0:
                await _next(heard, min(left, look_every if heard is not None else WITHOUT_BELLS))
                found = await look()
        return found


def _over(desk: Desk) -> bool:
    return desk.bells is not None and desk.bells.closed


@asynccontextmanager
async def _listening(desk: Desk, actor: Actor, thread: UUID) -> AsyncGenerator[asyncio.Event | None]:
    if desk.bells is None:
        yield None
        return
    # Not even the time of a bell tells requesters of the desk's own work.
    kinds = ("thread", "ticket") if actor.may(Permission.NOTE_READ) else ("thread",)
    with (
        desk.bells.listening(actor.org, [(kind, thread) for kind in kinds]) as heard,
        desk.bells.guests.staying((actor.session_hash, thread), heard.set),
    ):
        yield heard


async def _next(heard: asyncio.Event | None, seconds: float) -> None:
    if heard is None:
        await asyncio.sleep(seconds)
        return
    try:
        await asyncio.wait_for(heard.wait(), seconds)
    except TimeoutError:
        return
    heard.clear()


@contextmanager
def _counted(actor: Actor) -> Generator[bool]:
    """Whether one more of this session may wait; counted while it does."""
    who = actor.session_hash
    may = _waiting[who] < MOST_OF_ONE and _waiting.total() < MOST
    _waiting[who] += 1
    try:
        yield may
    finally:
        _waiting[who] -= 1
        if not _waiting[who]:
            del _waiting[who]
