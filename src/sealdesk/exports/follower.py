"""The builder: takes requests as they come, one at a time, and keeps the finished bundles.

Crash points. A builder holds an advisory lock, on a connection of its own, for the export it works on; killed, it loses the lock, and the
next builder finds the row `building`, puts it back, clears the stage and begins again. Killed after the bundle was stored but before
`export.built` was committed, it leaves a blob that no row names; `tidy` deletes it. Killed after that commit, all is done.
"""

import asyncio
import shutil
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog

from sealdesk.access.actor import NOBODY, system
from sealdesk.core import clock
from sealdesk.core.blobs import Blobs
from sealdesk.core.db import Connection
from sealdesk.core.errors import Overloaded, StateConflict
from sealdesk.exports import commands, keeping
from sealdesk.exports.build import bundle
from sealdesk.exports.build.entries import ContentMissing
from sealdesk.exports.build.excuses import erased_since
from sealdesk.exports.build.pin import COMPONENT, Pin, pin
from sealdesk.exports.build.stage import Stage
from sealdesk.exports.clearing import clear
from sealdesk.exports.model import KEEP_FOR, ErasedSince
from sealdesk.ledger.seal import Unopenable
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.refusal import SignerRefused, SignerUnavailable
from sealdesk.unit import Desk

LOOK_EVERY = 0.5
TIDY_EVERY = 60.0
TELL_EVERY = 0.5
SEALED_WITHIN = timedelta(minutes=10)
ATTEMPTS = 3
_LOCK = 7_325_430

log = structlog.get_logger("exports")


class Outdated(Exception):
    """Content in scope was erased while the bundle was built; it is built again from a later state."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that has no bundle yet."""

    org: UUID
    export: UUID
    state: str
    requested_at: datetime


class Builder:
    """Builds bundles in `folder` and keeps them in `store`. Several may run, in one process or in many."""

    def __init__(self, desk: Desk, signer: SignerClient, store: Blobs, folder: Path) -> None:
        self._desk, self._signer, self._store, self._folder = desk, signer, store, folder
        self._least: dict[UUID, int] = {}
        self._failures: dict[UUID, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, taking up again after any loss of the database or the signer."""
        tidied = -TIDY_EVERY
        while not stop.is_set():
            try:
                if time.monotonic() - tidied >= TIDY_EVERY:
                    tidied = time.monotonic()
                    await self.tidy()
                busy = await self.step()
            except Exception as error:
                log.warning("exports.interrupted", reason=repr(error))
                busy = False
            if not busy:
                await _pause(stop, LOOK_EVERY)

    async def step(self) -> bool:
        """Build one bundle, the longest waiting that can be; whether there was one."""
        waiting = await self._waiting()
        if not waiting:
            return False
        connection = await self._desk.database.connect("desk_worker")
        try:
            for each in waiting:
                if await connection.fetchval("select pg_try_advisory_lock($1, hashtext($2))", _LOCK, str(each.export)):
                    if await self._attend(each):
                        return True
                    await _unlock(connection, each.export)
        finally:
            connection.terminate()
        return False

    async def tidy(self) -> None:
        """Give up bundles past their time, and any that hold what was erased since; delete blobs that no row names."""
        async with self._desk.keep(system(NOBODY, COMPONENT)) as connection:
            rows = await connection.fetch(
                "select org_id, export_id, org_size, finished_at from app.export where state = 'built'"
            )
        for row in rows:
            async with self._desk.keep(system(row["org_id"], COMPONENT)) as connection:
                erased = await erased_since(connection, row["org_id"], row["export_id"], row["org_size"])
            if erased or row["finished_at"] + KEEP_FOR < clock.now():
                await self._give_up(row["org_id"], row["export_id"], "erasure" if erased else "age")
        await clear(self._desk, self._store)
        await self._delete_orphans()
        await self._delete_stages()

    async def _give_up(self, org: UUID, export: UUID, reason: str) -> None:
        try:
            await commands.expire(self._desk, system(org, COMPONENT), export, reason)
        except StateConflict:
            log.info("exports.gone_already", export=str(export))

    async def _delete_orphans(self) -> None:
        # The names first: a bundle stored in between is not among them, one being stored has no lock but no row either.
        names = [name async for name in self._store.names(keeping.FOLDER)]
        async with self._desk.keep(system(NOBODY, COMPONENT)) as connection:
            rows = await connection.fetch("select blob_name from app.export where blob_name = any ($1)", names)
            building = await connection.fetchval("select count(*) from app.export where state = 'building'")
        if not building:
            for name in set(names) - {row["blob_name"] for row in rows}:
                await self._store.delete(name)

    async def _delete_stages(self) -> None:
        """What killed builders left: plain content, whatever was erased since. Who works on an export has its lock."""
        left = [path for path in self._folder.iterdir() if path.is_dir()] if self._folder.is_dir() else []
        if not left:
            return
        connection = await self._desk.database.connect("desk_worker")
        try:
            for stage in left:
                if await connection.fetchval("select pg_try_advisory_lock($1, hashtext($2))", _LOCK, stage.name):
                    await asyncio.to_thread(shutil.rmtree, stage, ignore_errors=True)
        finally:
            connection.terminate()

    async def _waiting(self) -> list[Waiting]:
        async with self._desk.keep(system(NOBODY, COMPONENT)) as connection:
            rows = await connection.fetch(
                "select org_id, export_id, state, requested_at from app.export where state in ('queued', 'building')"
                " order by requested_at limit 100"
            )
        return [Waiting(*row.values()) for row in rows]

    async def _attend(self, each: Waiting) -> bool:
        """Build it, if its request is under a published checkpoint; under the lock, so nobody else does."""
        found = await pin(self._desk, each.org, each.export, org_size=self._least.get(each.export, 0))
        if found is None:
            await self._put_back(each)
            if each.requested_at + SEALED_WITHIN < clock.now():
                await self._fail(each, "ledger.not_sealed")
            return False
        try:
            await self._build(each, found)
        except (SignerRefused, SignerUnavailable) as error:
            log.warning("exports.not_sealed", export=str(each.export), reason=str(error))
            await self._put_back(each)
            return False
        except Overloaded as error:
            # Somebody erases at length, or the database is away: no fault of what is built.
            log.warning("exports.interrupted", export=str(each.export), reason=str(error))
            await self._put_back(each)
            return False
        except Outdated:
            await self._put_back(each)
            self._least[each.export] = await self._present_size(each.org)
        except (ContentMissing, Unopenable, ValueError) as error:
            log.critical(
                "exports.content_differs",
                export=str(each.export),
                reason=repr(error),
                event_name="security.export_content_differs",
            )
            await self._fail(each, "content.missing" if isinstance(error, ContentMissing) else "content.mismatch")
        except Exception as error:
            await self._try_again(each, error)
        return True

    async def _build(self, each: Waiting, found: Pin) -> None:
        actor = system(each.org, COMPONENT)
        last_told = 0.0
        async with self._desk.keep(actor) as connection:
            await connection.execute("select ledger.know_size()")

        async def progress(done: int, total: int) -> None:
            nonlocal last_told
            if done in (0, total) or time.monotonic() - last_told >= TELL_EVERY:
                last_told = time.monotonic()
                await self._tell(each, done, total)
                # Not at the end alone: of a large bundle what was erased would stand in the stage for minutes.
                if await self._erased_since(each, found):
                    raise Outdated

        async with Stage(self._folder / str(each.export)) as stage:
            try:
                built = await bundle.build(self._desk, self._signer, each.org, found, stage, progress)
            except ContentMissing as error:
                # Erased after the pinned state: the entry that excuses it lies behind. Anything else is damage.
                if await self._erased_since(each, found):
                    raise Outdated from error
                raise
            if await self._erased_since(each, found):
                raise Outdated
            kept = await keeping.keep(self._desk, self._store, each.org, each.export, built.path)
        try:
            await commands.complete(self._desk, actor, each.export, built.digests, kept)
        except ErasedSince as error:
            await self._store.delete(kept[0])
            raise Outdated from error
        except BaseException:
            await self._store.delete(kept[0])
            raise
        self._least.pop(each.export, None)
        self._failures.pop(each.export, None)
        log.info("exports.built", export=str(each.export), bytes=built.digests.zip_bytes)

    async def _tell(self, each: Waiting, done: int, total: int) -> None:
        async with self._desk.keep(system(each.org, COMPONENT)) as connection:
            await connection.execute(
                "update app.export set state = 'building', done = $3, total = $4, version = version + 1"
                " where org_id = $1 and export_id = $2 and state in ('queued', 'building')",
                each.org,
                each.export,
                done,
                total,
            )

    async def _put_back(self, each: Waiting) -> None:
        async with self._desk.keep(system(each.org, COMPONENT)) as connection:
            await connection.execute(
                "update app.export set state = 'queued', done = 0, version = version + 1"
                " where org_id = $1 and export_id = $2 and state = 'building'",
                each.org,
                each.export,
            )

    async def _try_again(self, each: Waiting, error: Exception) -> None:
        failures = self._failures[each.export] = self._failures.get(each.export, 0) + 1
        log.error("exports.build_failed", export=str(each.export), attempt=failures, reason=repr(error))
        if failures >= ATTEMPTS:
            await self._fail(each, "build.failed")
        else:
            await self._put_back(each)
            await asyncio.sleep(LOOK_EVERY)

    async def _fail(self, each: Waiting, reason: str) -> None:
        try:
            await commands.fail(self._desk, system(each.org, COMPONENT), each.export, reason)
        except StateConflict:
            log.info("exports.finished_already", export=str(each.export))

    async def _erased_since(self, each: Waiting, found: Pin) -> UUID | None:
        async with self._desk.keep(system(each.org, COMPONENT)) as connection:
            return await erased_since(connection, each.org, each.export, found.log.size)

    async def _present_size(self, org: UUID) -> int:
        # The erasure may still wait for its index: it will have one of the next.
        async with self._desk.keep(system(org, COMPONENT)) as connection:
            return await connection.fetchval(
                "select h.size + (select count(*) from ledger.pending p where p.org_id = h.org_id) from ledger.head h where h.org_id = $1",
                org,
            )


async def _unlock(connection: Connection, export: UUID) -> None:
    await connection.execute("select pg_advisory_unlock($1, hashtext($2))", _LOCK, str(export))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
