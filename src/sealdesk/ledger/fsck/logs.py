"""One consistent view of the logs, and what is known of each from outside the database."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sealdesk.core.db import Connection, Database
from sealdesk.ledger.fsck.difference import Difference, Differs
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.refusal import SignerUnavailable
from sealdesk.ledger.signer.wire import SignedHead, Status
from sealproof.note import VerifierKey, make_vkey, parse_vkey

SYS = UUID(int=0)


@dataclass(frozen=True, slots=True)
class View:
    """One log in one snapshot. `key` verifies its checkpoints, `remembered` is what the signer signed last, `sealer` opens content.

    `due` is the origin that the log should have by the deployment's name, `signed` how many checkpoints the signer signed.
    """

    connection: Connection
    org: UUID
    origin: str
    key: VerifierKey | None
    remembered: SignedHead | None
    sealer: Sealer | None
    due: str
    signed: int | None = None

    def judge_name(self) -> None:
        """`Differs` if the log's row names it otherwise than the deployment does (an epoch may follow the name)."""
        if self.origin != self.due and not self.origin.startswith(f"{self.due}/"):
            raise self.differs("ledger.log", f"org {self.org}", "log.origin", expected=self.due, found=self.origin)

    def differs(self, table: str, key: str, finding: str, *, expected: object, found: object) -> Differs:
        """The exception that names a difference in this log."""
        return Differs(Difference(self.origin, table, key, finding, shown(expected), shown(found)))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The database as of one moment, not older than `status`: so an honest signer never seems ahead of it."""

    connection: Connection
    status: Status | None
    public_key: bytes | None
    ledger_name: str
    sealer: Sealer | None

    async def views(self, org: UUID | None = None) -> list[View]:
        """The logs, `sys` first; or only that of `org`."""
        rows = await self.connection.fetch(
            "select org_id, origin from ledger.log where $1::uuid is null or org_id = $1 order by org_id", org
        )
        remembered = {log.origin: SignedHead(log.size, log.root) for log in self.status.logs} if self.status else {}
        counted = {log.origin: log.signed for log in self.status.logs} if self.status else {}
        return [
            View(
                self.connection,
                row["org_id"],
                row["origin"],
                parse_vkey(make_vkey(row["origin"], self.public_key)) if self.public_key else None,
                remembered.get(row["origin"]),
                self.sealer,
                f"{self.ledger_name}/ledger/" + ("sys" if row["org_id"] == SYS else f"org/{row['org_id']}"),
                counted.get(row["origin"]),
            )
            for row in rows
        ]


@asynccontextmanager
async def snapshot(
    database: Database, signer: SignerClient | None, *, public_key: bytes | None = None, sealer: Sealer | None = None
) -> AsyncGenerator[Snapshot]:
    """Ask the signer, then open the database as `desk_verifier`, read-only and repeatable.

    `public_key` (32 bytes, from a policy) stands in where the signer can't be asked. Raises what the database driver raises.
    """
    status = await _status(signer)
    connection = await database.connect("desk_verifier")
    try:
        await connection.execute("select ledger.know_size()")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            name = await connection.fetchval("select sec.ledger_name()")
            key = public_key or (status.identity.public_key if status else None)
            yield Snapshot(connection, status, key, str(name), sealer)
    finally:
        connection.terminate()


async def _status(signer: SignerClient | None) -> Status | None:
    try:
        return await signer.status() if signer else None
    except SignerUnavailable:
        return None


def shown(value: object) -> str:
    """A value in a sentence: bytes as hex, shortened where they are more than a hash."""
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 32 else f"{value[:16].hex()}... ({len(value)} bytes)"
    return "nothing" if value is None else str(value)
