"""SPINE 3: the unit of work, the only importer of `ledger.append`.

`async with desk.read(actor)` reads under the actor's signed context. `async with desk.change(actor)` changes: state and entry are written
in one transaction, and a change that asked for no permission or recorded no entry is refused. `desk.keep(actor)` writes the listed tables
that have no entries. Nothing here knows a feature.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar
from uuid import UUID

import asyncpg

from sealdesk.access.actor import Actor, actor_of
from sealdesk.access.permissions import Permission, Role
from sealdesk.core import clock
from sealdesk.core.backlog import Backlog
from sealdesk.core.bells import Bells, with_lists
from sealdesk.core.counters import Counters
from sealdesk.core.db import ABSENT, Connection, Database, DatabaseUnfit, Row, refuse_unfit
from sealdesk.core.errors import KeyReused, OutsideReach, Overloaded
from sealdesk.core.gather import Gatherer
from sealdesk.core.ids import new_id
from sealdesk.core.settings import Settings
from sealdesk.core.statements import insertion
from sealdesk.core.transactions import commit, discard, refusal_of, roll_back, sqlstate, taken
from sealdesk.ledger.append import Appender, Prepared
from sealdesk.ledger.events import Event, Head, Recorded, Stream
from sealdesk.ledger.seal import Opened, Sealer
from sealdesk.migrations import NEWEST

P = ParamSpec("P")
AnswerT = TypeVar("AnswerT")
_ROLE_CHANGED = "SD001"
_LOGINS = {role: f"desk_{role}" for role in Role} | {Role.SYSTEM: "desk_worker"}


class Unguarded(AssertionError):
    """A change tried to commit without having asked for a permission."""


class Unrecorded(AssertionError):
    """A change tried to commit without having recorded an entry."""


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
        # Nobody's locks for who may not: and the streams of what a role may not do may lie outside its reach.
        found = await noun.find(self, key, lock if self.actor.may(permission) else ())
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
        self.went_on: set[Stream] = set()
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

    def record(self, event: Event | Prepared, *, keyed: bool = True) -> Recorded:
        """Make the entry of `event`; it is written when the block is left.

        The first that is `keyed` is what the change's Idempotency-Key stands for: what only goes before it is not.
        """
        entry_id, self._minted = (self._minted, None) if keyed else (None, self._minted)
        recorded = self._appender.record(event, entry_id)
        self.went_on.add(recorded.stream)
        return recorded

    async def insert(self, table: str, **values: object) -> None:
        """Insert one row of the actor's organisation."""
        await self._connection.execute(insertion(table, tuple(values)), self.actor.org, *values.values())

    async def insert_many(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Insert rows with the same columns."""
        if not rows:
            return
        names = tuple(rows[0])
        await self._connection.executemany(
            insertion(table, names), [(self.actor.org, *(row[name] for name in names)) for row in rows]
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


class Desk:
    """The door to everything stored: three verbs, each under a signed context."""

    def __init__(self, database: Database, sealer: Sealer, ledger_name: str) -> None:
        self.database = database
        self.sealer = sealer
        self.ledger_name = ledger_name
        self.gatherers: dict[Role, Gatherer[Any, object]] = {}
        """Who gathers the posts of this process, by role (`sealdesk.gathering`)."""
        self._peeks = Gatherer(self._peek)
        self.backlog = Backlog(database)
        self.counters = Counters(database)
        self.bells: Bells | None = None
        """Who is told of what was committed; a web process has them (`sealdesk.app`)."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, *, pool_size: int = 8) -> AsyncGenerator[Self]:
        """The desk of an installation, for as long as the block lasts. Raises `DatabaseUnfit` unless the database is fit to be trusted."""
        database = Database.of_credentials(settings.credentials, url=settings.database_url, pool_size=pool_size)
        try:
            await refuse_unfit(database, NEWEST)
            name = await (await database.pool("desk_gate")).fetchval("select sec.ledger_name()")
            yield cls(database, Sealer.of_file(settings.kek), name or settings.ledger_name)
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.InvalidPasswordError) as error:
            raise DatabaseUnfit(f"The database can't be used: {error}") from error
        finally:
            await database.close()

    def origin(self, org: UUID) -> str:
        """The origin of an organisation's log (ledger.md 3.1); the nil organisation is `sys`."""
        return f"{self.ledger_name}/ledger/sys" if org.int == 0 else f"{self.ledger_name}/ledger/org/{org}"

    async def peek(self, token_hash: bytes) -> Actor | None:
        """The actor that a token (its SHA-256, 32 bytes) stands for, or None. It chooses the login; the database decides again on entry."""
        return await self._peeks(token_hash)

    async def _peek(self, hashes: Sequence[bytes]) -> list[Actor | None]:
        try:
            rows = await (await self.database.pool("desk_gate")).fetch("select * from sec.peek($1)", hashes)
        except ABSENT as error:
            raise Overloaded("The database can't be reached right now.", headers={"Retry-After": "2"}) from error
        found = {row["hash"]: actor_of(row) for row in rows}
        return [found.get(each) for each in hashes]

    @asynccontextmanager
    async def read(self, actor: Actor) -> AsyncGenerator[Reading]:
        """A read-only transaction as `actor`, all of it at one moment. `SignedOut` (401) if the session has ended."""
        async with self._entered(actor, "begin isolation level repeatable read read only") as (connection, actual):
            yield Reading(connection, actual, self.sealer)

    @asynccontextmanager
    async def change(self, actor: Actor, key: Key | None = None, *, paced: bool = True) -> AsyncGenerator[Change]:
        """A transaction that records. With `key`, check `change.replay` first. Nothing stands unless the block ends without an error.

        `paced` is for all but what must go on while the record stands still: whoever is to look into that has to sign in.
        """
        if paced and actor.role is not Role.SYSTEM:
            await self.backlog.demand_room(actor.org)
        async with self._entered(actor, "begin") as (connection, actual):
            appender = Appender(connection, self.sealer, actual.org, self.origin(actual.org), actual.identity)
            change = Change(connection, actual, self.sealer, appender)
            if key is not None:
                await change.claim(key)
            yield change
            await change.settle()
        self.ring(actor.org, change.went_on)

    def ring(self, org: UUID, streams: Iterable[Stream]) -> None:
        """After the commit: tell who waits that these streams went on."""
        if self.bells is not None:
            self.bells.ring(org, with_lists(org, {(stream.kind, stream.id) for stream in streams}))

    @asynccontextmanager
    async def keep(self, actor: Actor) -> AsyncGenerator[Connection]:
        """A transaction for the tables without entries: follower positions, verification state, session touch, export progress."""
        async with self._entered(actor, "begin") as (connection, _):
            yield connection

    @asynccontextmanager
    async def _entered(self, actor: Actor, begin: str) -> AsyncGenerator[tuple[Connection, Actor]]:
        pool = await self.database.pool(login_of(actor.role))
        connection = await taken(pool)
        try:
            try:
                await _enter(connection, actor, begin)
            except asyncpg.PostgresError as error:
                await connection.execute("rollback")
                if sqlstate(error) != _ROLE_CHANGED or actor.role is Role.SYSTEM:
                    raise
                await pool.release(connection)
                actor = replace(actor, role=Role(str(error.args[0]).removeprefix("role is ")))
                pool = await self.database.pool(login_of(actor.role))
                connection = await taken(pool)
                await _enter(connection, actor, begin)
            yield connection, actor
            await commit(connection)
        except asyncpg.PostgresError as error:
            await roll_back(connection)
            raise refusal_of(error) from error
        except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
            discard(connection)
            raise Overloaded("The database can't be reached right now.", headers={"Retry-After": "2"}) from error
        except BaseException:
            await roll_back(connection)
            raise
        finally:
            await pool.release(connection)


async def _enter(connection: Connection, actor: Actor, begin: str) -> None:
    # One message for both: the hash is hex and the organisation a UUID, so nothing of a caller's can be SQL.
    door = (
        f"sec.enter_system('{actor.org}')"
        if actor.role is Role.SYSTEM
        else f"sec.enter('\\x{actor.session_hash.hex()}')"
    )
    await connection.execute(f"{begin}; select {door}")


def login_of(role: Role) -> str:
    """The database login of a role."""
    return _LOGINS[role]
