"""The clock of verification: what is new every minute, everything every night."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog

from sealdesk.core.db import ABSENT, LOST, Connection
from sealdesk.core.errors import Refusal
from sealdesk.ledger.fsck.logs import snapshot
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.unit import Desk
from sealdesk.verification.commands import settle
from sealdesk.verification.jobs import RUNS, Job, Outcome

INCREMENTAL_EVERY = 60.0
NIGHTLY_EVERY = 86_400.0
ADVISORY_LOCK = 7_325_422
NIGHTLY: tuple[Job, ...] = ("full", "state")

log = structlog.get_logger("verification")

_GROWN = """
select l.org_id from ledger.log l left join ledger.head h using (org_id)
left join ledger.verified v on v.org_id = l.org_id and v.job = 'incremental'
where v.org_id is null or v.result = 'failed' or coalesce(h.size, 0) <> v.size or h.root is distinct from v.root
or exists (select from ledger.pending p where p.org_id = l.org_id and p.at < clock_timestamp() - interval '10 seconds') order by l.org_id
"""
_DUE = """
select l.org_id from ledger.log l left join ledger.verified v on v.org_id = l.org_id and v.job = $1
where v.org_id is null or v.at < clock_timestamp() - $2::interval order by l.org_id
"""


class Timers:
    """One per deployment works at a time, by an advisory lock that ends with its connection; the others wait."""

    def __init__(
        self,
        desk: Desk,
        signer: SignerClient,
        *,
        incremental_every: float = INCREMENTAL_EVERY,
        nightly_every: float = NIGHTLY_EVERY,
    ) -> None:
        self._desk = desk
        self._signer = signer
        self._pause = min(incremental_every, nightly_every)
        self._nightly_every = timedelta(seconds=nightly_every)

    async def run(self, stop: asyncio.Event) -> None:
        """Verify until `stop` is set, taking up again after any loss of the database."""
        while not stop.is_set():
            try:
                office = await self._desk.database.connect("desk_verifier")
                try:
                    await self._hold_office(office, stop)
                finally:
                    office.terminate()
            except ABSENT as error:
                log.warning("verification.waits", reason=str(error))
                await _wait(stop, 1)

    async def round(self, office: Connection) -> list[Outcome]:
        """One round: what grew, and what is due for the night. `office` is the connection that holds the lock."""
        done: list[Outcome] = []
        due: list[tuple[Job, UUID]] = []
        due.extend(("incremental", row["org_id"]) for row in await office.fetch(_GROWN))
        for job in NIGHTLY:
            due.extend((job, row["org_id"]) for row in await office.fetch(_DUE, job, self._nightly_every))
        for job, org in due:
            try:
                done += await self._verify(org, (job,))
            except LOST:
                raise
            except Exception:
                # A fault of ours in one log's check must not keep the others unverified.
                log.critical("security.verification_stumbled", org=str(org), job=job, exc_info=True)
        return done

    async def _hold_office(self, office: Connection, stop: asyncio.Event) -> None:
        while not await office.fetchval("select pg_try_advisory_lock($1)", ADVISORY_LOCK):
            if await _wait(stop, 1):
                return
        while not stop.is_set():
            await self.round(office)
            await _wait(stop, self._pause)

    async def _verify(self, org: UUID, jobs: Sequence[Job]) -> list[Outcome]:
        outcomes = await verify(self._desk, self._signer, org, jobs)
        for outcome in outcomes:
            try:
                await settle(self._desk, self._signer, outcome)
            except (Refusal, asyncpg.PostgresError) as error:
                # What was tampered with may be the very stream that the entry belongs in: the freeze stands all the same.
                log.exception("verification.not_recorded", org=str(org), job=outcome.job, reason=str(error))
        return outcomes


async def verify(desk: Desk, signer: SignerClient, org: UUID, jobs: Sequence[Job]) -> list[Outcome]:
    """Run `jobs` on the log of `org`, in one snapshot. Writes nothing."""
    async with snapshot(desk.database, signer) as shot:
        views = await shot.views(org)
        # Only the state job opens content, and only what admins have set: the others would open all of it.
        return [
            await RUNS[job](replace(view, sealer=desk.sealer) if job == "state" else view)
            for view in views
            for job in jobs
        ]


async def _wait(stop: asyncio.Event, seconds: float) -> bool:
    """Wait; true if `stop` was set meanwhile."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
