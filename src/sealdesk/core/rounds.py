"""Work of the worker that is done in rounds: again and again, with a pause in between, until it is to stop."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sealdesk.core.db import ABSENT
from sealdesk.core.errors import Refusal

log = structlog.get_logger("worker")


async def rounds(
    name: str, step: Callable[[], Awaitable[int]], every: float, stop: asyncio.Event, *, most: int | None = None
) -> None:
    """Do `step` every so many seconds until `stop`, and at once where it did `most`, as more is waiting then.

    A database that is away, or a record that takes nothing for now, interrupts one round and no more.
    """
    while not stop.is_set():
        try:
            if await step() == most:
                continue
        except (*ABSENT, Refusal) as error:
            log.warning("job.interrupted", job=name, reason=str(error))
        try:
            await asyncio.wait_for(stop.wait(), every)
        except TimeoutError:
            continue
