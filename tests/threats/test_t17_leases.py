"""T17: how many sockets are open is counted by leases; those of a web process that was killed run out by themselves."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from databases import Clone
from needs import ROOT
from sealdesk.core.db import Database
from sealdesk.core.errors import TooMany
from sealdesk.live.leases import Leases
from sealdesk.live.policy import Bounds

LIFE = 3.0
MEMBER, PLACE = UUID(int=7), "203.0.113.7"
BOUNDS = Bounds(of_member=3, of_address=5, idle=600)
HOLDER = f"""
import asyncio, sys
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from uuid import UUID
from sealdesk.core.db import Database
from sealdesk.live.leases import Leases
from sealdesk.live.policy import Bounds

async def main():
    leases = Leases(Database.of_credentials(Path(sys.argv[1])), {BOUNDS!r}, timedelta(seconds={LIFE}))
    async with AsyncExitStack() as stack:
        for number in range({BOUNDS.of_address}):
            lease = await stack.enter_async_context(leases.counted("{PLACE}"))
            if number < {BOUNDS.of_member}:
                await leases.count_member(lease, UUID(int={MEMBER.int}))
        print("ready", flush=True)
        while True:
            await asyncio.sleep({LIFE} / 6)
            await leases.renew()

asyncio.run(main())
"""


@pytest.fixture
async def ours(database: Clone) -> AsyncIterator[Leases]:
    opened = Database.of_credentials(database.credentials)
    yield Leases(opened, BOUNDS, timedelta(seconds=LIFE))
    await opened.close()


async def holder(database: Clone) -> asyncio.subprocess.Process:
    """A process that holds as many as may be."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOLDER,
        str(database.credentials),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def room(leases: Leases) -> tuple[int, int]:
    """How many more may come from the address, and how many of the member from elsewhere."""
    counts: list[int] = []
    for place, by_member in ((PLACE, False), ("203.0.113.8", True)):
        async with AsyncExitStack() as stack:
            fit = 0
            for _ in range(BOUNDS.of_address + 1):
                try:
                    lease = await stack.enter_async_context(leases.counted(place))
                    if by_member:
                        await leases.count_member(lease, MEMBER)
                except TooMany:
                    break
                fit += 1
        counts.append(fit)
    return counts[0], counts[1]


async def test_it_works(ours: Leases) -> None:
    """As many as declared, and again when they have gone."""
    for _ in range(2):
        assert await room(ours) == (BOUNDS.of_address, BOUNDS.of_member)


async def test_a_killed_process_keeps_nobody_out_for_longer_than_its_leases(database: Clone, ours: Leases) -> None:
    """While it lives, they are renewed for as long as that is; after kill -9 they count to their end, and then no more."""
    process = await holder(database)
    held = time.monotonic() + LIFE * 1.3
    while time.monotonic() < held:
        assert await room(ours) == (0, 0)
        await asyncio.sleep(0.3)
    process.kill()
    await process.wait()
    killed = time.monotonic()
    assert await room(ours) == (0, 0)
    while await room(ours) != (BOUNDS.of_address, BOUNDS.of_member):
        assert time.monotonic() - killed < LIFE + 2
        await asyncio.sleep(0.1)
    assert time.monotonic() - killed > LIFE / 3
