"""What is left in the store of bundles that were given up: it is noise, as its key went with the entry, and goes within a second or two.

The row keeps the name until the blob is deleted: a killed worker forgets none, and none waits until another bundle is built.
"""

import asyncio
from typing import Final

import structlog

from sealdesk.access.actor import NOBODY, system
from sealdesk.core.blobs import Blobs
from sealdesk.exports.build.pin import COMPONENT
from sealdesk.unit import Desk

EVERY: Final = 1.0
AT_MOST: Final = 60.0
"""Seconds between looks, and between tries where the store does not answer."""
_LEFT = "select org_id, export_id, blob_name from app.export where state = 'expired' and blob_name is not null order by random() limit 1000"
_DELETED = "update app.export set blob_name = null where org_id = $1 and export_id = $2 and state = 'expired'"

log = structlog.get_logger("exports")


async def clear(desk: Desk, store: Blobs) -> None:
    """Delete what is left. What can't be deleted holds up nothing else; raises why the first of them could not."""
    failed: list[Exception] = []
    async with desk.keep(system(NOBODY, COMPONENT)) as connection:
        left = await connection.fetch(_LEFT)
    for row in left:
        try:
            await store.delete(row["blob_name"])
        except Exception as error:
            failed.append(error)
            continue
        async with desk.keep(system(row["org_id"], COMPONENT)) as connection:
            await connection.execute(_DELETED, row["org_id"], row["export_id"])
    if failed:
        raise failed[0]


async def run(desk: Desk, store: Blobs, stop: asyncio.Event) -> None:
    """Until `stop`, whatever becomes of the database or the store meanwhile."""
    wait = EVERY
    while not stop.is_set():
        try:
            await clear(desk, store)
            wait = EVERY
        except Exception as error:
            wait = min(AT_MOST, wait * 2)
            log.warning("exports.not_cleared", reason=repr(error))
        try:
            await asyncio.wait_for(stop.wait(), wait)
        except TimeoutError:
            continue
