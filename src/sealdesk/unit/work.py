"""What is done inside one transaction: reading under a context, and changing with a permission asked and an entry recorded."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Concatenate, ParamSpec, Protocol, Self, TypeVar
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core import clock
from sealdesk.core.db import Connection, Row
from sealdesk.core.errors import KeyReused, OutsideReach
from sealdesk.core.ids import new_id
from sealdesk.ledger.append import Appender, Prepared
from sealdesk.ledger.events import Event, Head, Recorded, Stream
from sealdesk.ledger.seal import Opened, Sealer
from sealdesk.unit.outcomes import Unguarded, Unrecorded

P = ParamSpec("P")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Key:
    """An Idempotency-Key of one route, with the SHA-256 of the request's body (32 bytes)."""

    route: str
    value: str
    digest: bytes

    @classmethod
    def of(cls, route: str, value: str, body: bytes) -> Self:
        """The key of a request with this body."""
        return cls(route, value, sha256(body).digest())


class Reading:
    """Queries under one actor's context: row security decides what exists."""

    def __init__(self, connection: Connection, actor: Actor, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer
        self.actor = actor
        self.guarded = False

    async def rows(self, query: str, *arguments: object) -> list[Row]:
        """All rows of `query`."""
        return await self._connection.fetch(query, *arguments)

    async def row(self, query: str, *arguments: object) -> Row | None:
        """The first row of `query`, or None."""
        return await self._connection.fetchrow(query, *arguments)

    async def value(self, query: str, *arguments: object) -> object:
        """The first column of the first row, or None."""
        return await self._connection.fetchval(query, *arguments)

    async def ledger(
        self,
        question: "Callable[Concatenate[Connection, UUID, P], Awaitable[AnswerT]]",
        *arguments: P.args,
        **named: P.kwargs,
    ) -> AnswerT:
        """Ask one of the ledger's reading functions, in this transaction and about the actor's organisation."""
        return await question(self._connection, self.actor.org, *arguments, **named)

    def demand(self, permission: Permission) -> None:
        """Raise `NotPermitted` unless the actor's role is granted `permission`; marks the work as guarded."""
        self.actor.demand(permission)
        self.guarded = True

    async def find(
        self, noun: "type[FoundT]", key: UUID, permission: Permission, lock: tuple[str, ...] = ()
    ) -> "FoundT":
        """Load or `OutsideReach` (404), then permit or `NotPermitted` (403); `lock` names the kinds of its streams to lock first."""
        found = await noun.find(self, key, lock)
        if found is None:
            raise OutsideReach
        self.demand(permission)
        return found

    async def open(self, commits: Iterable[bytes]) -> dict[bytes, Opened]:
        """Open sealed content by commitment; what is out of reach or erased is missing from the answer."""
        wanted = list(set(commits))
        if not wanted:
            return {}
        rows = await self._connection.fetch(
            "select c.commit, c.sealed, k.wrapped from ledger.content c join ledger.content_key k using (org_id, commit)"
            " where c.org_id = $1 and c.commit = any ($2)",
            self.actor.org,
            wanted,
        )
        return {
            row["commit"]: self._sealer.open(self.actor.org, row["commit"], row["sealed"], row["wrapped"])
            for row in rows
        }


class Change(Reading):
    """Queries, new rows and entries of one transaction."""

    def __init__(self, connection: Connection, actor: Actor, sealer: Sealer, appender: Appender) -> None:
        super().__init__(connection, actor, sealer)
        self._appender = appender
        self._nothing = False
        self._minted: UUID | None = None
        self.began = clock.now()
        self.replay: UUID | None = None
        """The entry that this Idempotency-Key stands for, where the request is a repeat: answer from it and leave."""

    async def lock(self, *streams: Stream) -> None:
        """Lock streams in key order; needed before recording in them. All in one call: another order can deadlock."""
        await self._appender.lock(streams)

    def hold(self, stream: Stream, head: Head) -> None:
        """Note a head that was locked by a finding function of the database."""
        self._appender.hold(stream, head)

    def head(self, stream: Stream) -> Head:
        """The head of a held stream."""
        return self._appender.head(stream)

    def prepare(self, event: Event) -> Prepared:
        """Seal the event's content ahead of `record`, where a row needs its commitments first."""
        return self._appender.prepare(event)

    def record(self, event: Event | Prepared) -> Recorded:
        """Make the entry of `event`; it is written when the block is left."""
        entry_id, self._minted = self._minted, None
        return self._appender.record(event, entry_id)

    async def insert(self, table: str, **values: object) -> None:
        """Insert one row of the actor's organisation."""
        await self._connection.execute(_insertion(table, tuple(values)), self.actor.org, *values.values())

    async def insert_many(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Insert rows with the same columns."""
        if not rows:
            return
        names = tuple(rows[0])
        await self._connection.executemany(
            _insertion(table, names), [(self.actor.org, *(row[name] for name in names)) for row in rows]
        )

    async def execute(self, statement: str, *arguments: object) -> str:
        """Run an UPDATE; gives the command's tag, for example `UPDATE 1`."""
        return await self._connection.execute(statement, *arguments)

    async def flush(self) -> None:
        """Write the entries recorded so far, still uncommitted: a very large change stays small in memory."""
        await self._appender.flush()

    def nothing(self) -> None:
        """Say that the noun is already as asked: the repeat of a mutation leaves no entry."""
        self._nothing = True

    async def claim(self, key: Key) -> None:
        """Claim an Idempotency-Key; sets `replay` on a repeat, `KeyReused` (422) with another body. A concurrent twin waits here."""
        minted = new_id()
        row = await self._connection.fetchrow(
            "select * from sec.claim_key($1, $2, $3, $4)", key.route, key.value, key.digest, minted
        )
        assert row is not None
        if row["fresh"]:
            self._minted = minted
        elif row["same"]:
            self.replay = row["entry_id"]
        else:
            raise KeyReused("Use a new Idempotency-Key for a new request; this one belongs to another.")

    async def settle(self) -> None:
        """What must hold before COMMIT; writes the entries."""
        if self.replay is not None:
            return
        if not self.guarded:
            raise Unguarded("the change asked for no permission")
        if not self._appender.count and not self._nothing:
            raise Unrecorded("the change recorded no entry")
        await self._appender.flush()


class Findable(Protocol):
    """A noun that can be looked up under a context."""

    @classmethod
    async def find(cls, work: Reading, key: UUID, lock: tuple[str, ...]) -> Self | None:
        """The noun, or None where it is out of reach; its state is read after the streams of the kinds `lock` are locked."""
        ...


FoundT = TypeVar("FoundT", bound=Findable)


@cache
def _insertion(table: str, names: tuple[str, ...]) -> str:
    marks = ", ".join(f"${number}" for number in range(2, len(names) + 2))
    return f"insert into {table} (org_id, {', '.join(names)}) values ($1, {marks})"  # noqa: S608 - names come from code
