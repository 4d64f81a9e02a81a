"""Connections to PostgreSQL: one small pool per login, none of which can do what another may."""

import asyncio
import json
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from sealdesk.core.faults import Fault

Row: TypeAlias = Mapping[str, Any]
"""One row of an answer, by column name."""


class Transaction(Protocol):
    """A block that commits when left, and rolls back when left by an error."""

    async def __aenter__(self) -> object: ...

    async def __aexit__(self, *args: object) -> bool | None: ...


class Queries(Protocol):
    """What a connection and a pool have in common; the driver itself tells its types only in part."""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run a command (or, without arguments, several); gives the last one's tag."""
        ...

    async def executemany(self, command: str, args: Iterable[Sequence[object]]) -> None:
        """Run a command once for each set of arguments."""
        ...

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """All rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first column of the first row."""
        ...


class Connection(Queries, Protocol):
    """One connection."""

    def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> Transaction:
        """A transaction, or a savepoint inside one."""
        ...

    def get_server_pid(self) -> int:
        """The process id of the backend that serves it."""
        ...

    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def cursor(self, query: str, *args: object, prefetch: int | None = None) -> AsyncIterable[Row]:
        """Rows as they are asked for; only inside a transaction."""
        ...

    def add_log_listener(self, callback: Callable[[object, object], None]) -> None:
        """Be told of the server's notices and warnings."""
        ...

    def remove_log_listener(self, callback: Callable[[object, object], None]) -> None:
        """Be told no more."""
        ...

    def add_termination_listener(self, callback: Callable[[object], None]) -> None:
        """Be told when the connection has ended, for whatever reason."""
        ...

    async def add_listener(self, channel: str, callback: Callable[[object, int, str, object], None]) -> None:
        """LISTEN to a channel; the callback gets the connection, the sender's process id, the channel and the payload."""
        ...

    def terminate(self) -> None:
        """Hang up at once."""
        ...

    async def close(self) -> None:
        """Hang up in good order."""
        ...


class Pool(Queries, Protocol):
    """Connections of one login."""

    async def acquire(self) -> Connection:
        """A connection for one's own until it is released."""
        ...

    async def release(self, connection: Connection) -> None:
        """Give it back."""
        ...

    async def close(self) -> None:
        """Close all, after those in use were given back."""
        ...

    def terminate(self) -> None:
        """Close all at once."""
        ...


POOL_SIZE = 8
ABSENT = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What the driver raises where the server is away or refuses a statement; the third where it goes in the middle of an answer."""
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""Of these, what says nothing about what is stored: the server is away, goes away, or has no room."""


class DatabaseUnfit(Fault):
    """The database can't be used as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the desk's database is. `host` is a host name or the folder of a Unix socket."""

    host: str
    port: int
    database: str

    @classmethod
    def of_url(cls, url: str) -> "Whereabouts":
        """From `postgresql://host:port/database` or `postgresql:///database?host=/folder&port=5432`; logins in it are ignored."""
        parts = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        host = query.get("host") or parts.hostname or "localhost"
        return cls(
            unquote(host), int(query.get("port") or parts.port or 5432), unquote(parts.path.lstrip("/")) or "sealdesk"
        )


class Database:
    """The pools of the logins, each opened when first asked for."""

    def __init__(self, where: Whereabouts, passwords: Mapping[str, str], *, pool_size: int = POOL_SIZE) -> None:
        self.where = where
        self._passwords = passwords
        self._size = pool_size
        self._pools: dict[str, Pool] = {}
        self._opening = asyncio.Lock()

    @classmethod
    def of_credentials(cls, path: Path, *, url: str = "", pool_size: int = POOL_SIZE) -> "Database":
        """From the credentials file; `url` (SEALDESK_DATABASE_URL) overrides the place it names."""
        try:
            document = json.loads(path.read_text())
            where = (
                Whereabouts.of_url(url)
                if url
                else Whereabouts(document["host"], int(document["port"]), document["database"])
            )
            return cls(where, document["logins"], pool_size=pool_size)
        except (OSError, ValueError, KeyError) as error:
            raise DatabaseUnfit(
                f"{path} can't be read as the credentials of the database; run `sealdesk db migrate` first."
            ) from error

    async def pool(self, login: str) -> Pool:
        """The pool of `login`, opened on first use."""
        found = self._pools.get(login)
        if found is None:
            async with self._opening:
                found = self._pools.get(login)
                if found is None:
                    found = self._pools[login] = await self._open(login)
        return found

    async def connect(self, login: str) -> Connection:
        """A connection of its own, outside any pool (the sequencer's lock, a listener)."""
        return cast("Connection", await asyncpg.connect(**self._arguments(login)))

    async def close(self) -> None:
        """Close every pool, giving running work ten seconds."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            try:
                await asyncio.wait_for(pool.close(), 10)
            except TimeoutError:
                pool.terminate()

    async def _open(self, login: str) -> Pool:
        # Without a reset of our own, each release costs a round trip. A transaction is always ended by the unit.
        pool = await asyncpg.create_pool(
            **self._arguments(login),
            min_size=0,
            max_size=self._size,
            reset=_no_reset,
            max_inactive_connection_lifetime=300,
        )
        return cast("Pool", pool)

    def _arguments(self, login: str) -> dict[str, Any]:
        return {
            "host": self.where.host,
            "port": self.where.port,
            "database": self.where.database,
            "user": login,
            "password": self._passwords[login],
            "timeout": 10,
            # A server beyond the socket must prove itself by its certificate unless it is this machine.
            "ssl": False
            if self.where.host.startswith("/") or self.where.host in ("localhost", "127.0.0.1", "::1")
            else "prefer",
            "server_settings": {"application_name": "sealdesk", "jit": "off"},
        }


async def _no_reset(_: object) -> None:
    return None


async def refuse_unfit(database: Database, version: str) -> None:
    """Raise `DatabaseUnfit` unless the rules of access hold (app.lint), the login is plain and the schema is `version`."""
    pool = await database.pool("desk_gate")
    connection = await pool.acquire()
    try:
        if await connection.fetchval("select rolsuper from pg_roles where rolname = session_user"):
            raise DatabaseUnfit("The desk's login is a superuser; give it the login that `sealdesk db migrate` made.")
        present = await connection.fetchval("select version_num from public.alembic_version")
        if present != version:
            raise DatabaseUnfit(
                f"The schema is at version {present}, this release needs {version}; run `sealdesk db migrate`."
            )
        breaches = [row["breach"] for row in await connection.fetch("select breach from app.lint")]
    finally:
        await pool.release(connection)
    if breaches:
        raise DatabaseUnfit(f"The database breaks {len(breaches)} of the rules of access: {'; '.join(breaches[:5])}.")
