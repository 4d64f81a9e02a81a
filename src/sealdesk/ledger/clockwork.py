"""The ledger's clockwork: sequence every 100 ms, sign every second that saw growth, publish to `sys`, beat once an hour."""

import asyncio
import time
from collections.abc import Coroutine
from uuid import UUID

import structlog

from sealdesk.core.db import ABSENT, LOST, Connection, Database
from sealdesk.ledger import checkpoint, sequence
from sealdesk.ledger.events import Event, Stream
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.refusal import SignerRefused, SignerUnavailable

TICK = 0.1
SIGN_EVERY = 1.0
PUBLISH_EVERY = 2.0
HEARTBEAT_EVERY = 3600.0

log = structlog.get_logger("ledger")


class Clockwork:
    """One per deployment works at a time; the others wait for its advisory lock."""

    def __init__(self, database: Database, signer: SignerClient, ledger_name: str) -> None:
        self._database = database
        self._signer = signer
        self._sys_origin = f"{ledger_name}/ledger/sys"
        self._published: dict[UUID, float] = {}
        self._complained: dict[UUID, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, taking up again after any loss of the database or the signer."""
        while not stop.is_set():
            try:
                connection = await self._database.connect("desk_sequencer")
            except ABSENT as error:
                log.warning("sequencer.waits", reason=str(error))
                await _pause(stop, 1)
                continue
            try:
                await self._hold_office(connection, stop)
            except ABSENT as error:
                # The last is what the driver raises where the server ends a connection between a statement and its COMMIT.
                log.warning("sequencer.interrupted", reason=str(error))
                await _pause(stop, 0.2)
            finally:
                connection.terminate()

    async def _hold_office(self, connection: Connection, stop: asyncio.Event) -> None:
        while not await sequence.elected(connection):
            if await _pause(stop, 1):
                return
        log.info("sequencer.elected")
        signed = beat = 0.0
        while not stop.is_set():
            began = time.monotonic()
            for org in await sequence.waiting(connection):
                await self._apart(org, self._drain(connection, org))
            if began - signed >= SIGN_EVERY:
                signed = began
                await self._sign_grown(connection)
            if began - beat >= HEARTBEAT_EVERY:
                beat = began
                await self._heartbeat(connection)
            await _pause(stop, max(0.0, TICK - (time.monotonic() - began)))

    @staticmethod
    async def _drain(connection: Connection, org: UUID) -> None:
        taken = sequence.BATCH
        while taken == sequence.BATCH:
            taken = await sequence.sequence(connection, org)

    async def _sign_grown(self, connection: Connection) -> None:
        # `sys` last, so that a published checkpoint is itself covered within the next second.
        for org in sorted(await checkpoint.grown(connection), reverse=True):
            try:
                if await self._apart(org, checkpoint.sign(connection, self._signer, org)):
                    self._complained.pop(org, None)
            except (SignerRefused, SignerUnavailable) as error:
                # Entries go on being recorded and sequenced; what is not signed is shown as unsealed.
                if self._complained.get(org) != str(error):
                    self._complained[org] = str(error)
                    # What the signer calls an alarm (a rewritten or shortened log) is one for whoever is on duty.
                    told = log.critical if isinstance(error, SignerRefused) and error.alarm else log.warning
                    told("security.ledger_not_signed", org=str(org), reason=str(error))
        now = time.monotonic()
        rows = await connection.fetch(
            "select h.org_id from ledger.head h where h.org_id <> $1 and exists (select from ledger.checkpoint c where c.org_id = h.org_id"
            " and c.size > coalesce((select p.size from ledger.published p where p.org_id = h.org_id order by p.size desc limit 1), 0))",
            checkpoint.SYS,
        )
        for row in rows:
            if now - self._published.get(row["org_id"], -PUBLISH_EVERY) >= PUBLISH_EVERY:
                self._published[row["org_id"]] = now
                await self._apart(row["org_id"], checkpoint.publish(connection, row["org_id"], self._sys_origin))

    async def _apart(self, org: UUID, work: Coroutine[None, None, object]) -> bool:
        """Do `work` on one log. Should what is stored make it stumble, that log stands still, with an alarm, and no other does."""
        try:
            await work
        except (SignerRefused, SignerUnavailable, *LOST):
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            if self._complained.get(org) != told:
                self._complained[org] = told
                log.critical("security.ledger_stands_still", org=str(org), reason=told[:300])
            return False
        return True

    async def _heartbeat(self, connection: Connection) -> None:
        async with connection.transaction():
            if await connection.fetchval("select 1 from ledger.log where org_id = $1", checkpoint.SYS):
                await checkpoint.append_system(
                    connection, self._sys_origin, Event("log.heartbeat", Stream("log", checkpoint.SYS), {})
                )


async def _pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait; true if `stop` was set meanwhile."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
