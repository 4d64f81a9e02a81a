"""Concurrent work of one kind, done together: what waits while a batch is under way becomes the next batch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

ItemT = TypeVar("ItemT")
OutcomeT = TypeVar("OutcomeT")

MOST = 128


class Gatherer(Generic[ItemT, OutcomeT]):
    """Calls `work` with what has gathered, at most `most` items; `work` gives one outcome for each item, in order.

    A lone caller does not wait for company: a batch begins as soon as fewer than `abreast` are under way. What `work` raises, all
    callers of the batch get.
    """

    def __init__(
        self, work: Callable[[Sequence[ItemT]], Awaitable[Sequence[OutcomeT]]], *, abreast: int = 1, most: int = MOST
    ) -> None:
        self._work = work
        self._abreast = abreast
        self._most = most
        self._waiting: list[tuple[ItemT, asyncio.Future[OutcomeT]]] = []
        self._workers: set[asyncio.Task[None]] = set()

    async def __call__(self, item: ItemT) -> OutcomeT:
        """The outcome for `item`. A caller that is cancelled leaves; its item is done all the same once its batch has begun."""
        future: asyncio.Future[OutcomeT] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._workers) < self._abreast:
            self._workers.add(asyncio.create_task(self._run()))
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._do([(item, future) for item, future in batch if not future.done()])
        finally:
            # In the step that found nothing waiting: a done callback runs later, and a caller that was just answered and asks again
            # before it would wait for a worker that has gone home.
            self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _do(self, batch: Sequence[tuple[ItemT, asyncio.Future[OutcomeT]]]) -> None:
        try:
            outcomes = await self._work([item for item, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)
