"""The gatherer: everybody is answered, also who asks again at once."""

import asyncio
from collections.abc import Sequence

from sealdesk.core.gather import Gatherer


async def double(items: Sequence[int]) -> list[int]:
    return [2 * item for item in items]


async def test_who_asks_again_at_once_is_answered() -> None:
    """The worker of the first question must not count as present when it has left."""
    gather: Gatherer[int, int] = Gatherer(double)
    async with asyncio.timeout(5):
        assert [await gather(number) for number in range(20)] == [2 * number for number in range(20)]


async def test_many_at_once_are_all_answered() -> None:
    gather: Gatherer[int, int] = Gatherer(double, most=3)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*(gather(number) for number in range(50))) == [2 * number for number in range(50)]
