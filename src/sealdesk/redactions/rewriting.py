"""After erasures, the table of wrapped keys is written anew, so that no copy of the database's files made from then on holds one of theirs.

A deleted row's bytes stay in the file until something writes over them, which may be never. The sealed text stays there too, and nothing
opens it. What `ledger.rewrite_keys` did or why it waits is in the log; the note of what waits is the database's, so that a killed
worker forgets nothing.
"""

import asyncio
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

import structlog

from sealdesk.core import clock
from sealdesk.core.db import ABSENT
from sealdesk.unit import Desk

EVERY: Final = 5.0
AT_MOST: Final = 600.0
"""Seconds between looks, and between tries for a lock that others hold."""
SMALL: Final = 16 << 20
"""Bytes of the table up to which it is written anew at once: some 100,000 keys, 0.3 seconds. Nobody reads a text meanwhile."""
PATIENCE: Final = timedelta(hours=20)
"""How long erasures are gathered where the table is larger."""
LATE: Final = timedelta(days=1)
"""By then it is done, or the log says why not: backups from the day after an erasure hold no key of it."""

log = structlog.get_logger("security")


async def settle(desk: Desk, small: int = SMALL, patience: timedelta = PATIENCE) -> str | None:
    """Write the keys anew if it is time. What stands in the way of those that wait: `size`, `snapshot` or `lock`; None if none do."""
    pool, began = await desk.database.pool("desk_worker"), perf_counter()
    row = await pool.fetchrow("select * from ledger.rewrite_keys($1, $2)", small, patience)
    if row is None:
        return None
    reason, since = row["reason"], row["since"]
    if row["rewritten"]:
        log.info("erased_keys_rewritten", keys=row["rewritten"], seconds=round(perf_counter() - began, 3))
    if isinstance(since, datetime) and since < clock.now() - LATE:
        log.warning("erased_keys_wait", keys=row["waiting"], since=since.isoformat(), reason=reason)
    return reason


async def run(desk: Desk, stop: asyncio.Event) -> None:
    """Look every few seconds until `stop`; ever more rarely where others hold the lock, as each try makes who comes wait behind it."""
    wait = EVERY
    while not stop.is_set():
        try:
            wait = min(AT_MOST, wait * 2) if await settle(desk) == "lock" else EVERY
        except ABSENT as error:
            log.warning("rewriting.interrupted", reason=str(error))
        try:
            await asyncio.wait_for(stop.wait(), wait)
        except TimeoutError:
            continue
