"""Holding a row in the database, so that what runs beside it waits at a known place: races without chance."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from sealdesk.core.db import Connection
from world import World


@asynccontextmanager
async def holding(world: World, rows: str, *arguments: object) -> AsyncGenerator[Connection]:
    """A transaction that holds what the query `rows` locks, and commits at the end of the block."""
    connection = await world.superuser()
    try:
        async with connection.transaction():
            assert await connection.fetch(rows, *arguments)
            yield connection
    finally:
        await connection.close()


async def waits(connection: Connection, *works: Coroutine[Any, Any, object]) -> tuple[asyncio.Task[object], ...]:
    """Begin each work in turn, and go on once it waits for a lock. Fails where one is done without waiting."""
    begun: list[asyncio.Task[object]] = []
    for work in works:
        task = asyncio.create_task(work)
        begun.append(task)
        while await _waiting(connection) < len(begun):
            assert not task.done(), "it did not wait"
            await asyncio.sleep(0.005)
    return tuple(begun)


async def _waiting(connection: Connection) -> int:
    await connection.execute("select pg_stat_clear_snapshot()")  # or it is the same for the whole transaction
    found = await connection.fetchval(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    assert isinstance(found, int)
    return found
