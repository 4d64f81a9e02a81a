"""The door to everything stored."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self
from uuid import UUID

import asyncpg

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.db import Connection, Database, DatabaseUnfit, refuse_unfit
from sealdesk.core.errors import Overloaded
from sealdesk.core.gather import Gatherer
from sealdesk.core.settings import Settings
from sealdesk.ledger.append import Appender
from sealdesk.ledger.seal import Sealer
from sealdesk.migrations import NEWEST
from sealdesk.unit.outcomes import refusal_of, sqlstate
from sealdesk.unit.transaction import commit, discard, enter, login_of, roll_back
from sealdesk.unit.work import Change, Key, Reading

_ROLE_CHANGED = "SD001"


class Desk:
    """The door to everything stored: three verbs, each under a signed context."""

    def __init__(self, database: Database, sealer: Sealer, ledger_name: str) -> None:
        self.database = database
        self.sealer = sealer
        self.ledger_name = ledger_name
        self.gatherers: dict[Role, Gatherer[Any, object]] = {}
        """Who gathers the posts of this process, by role (`sealdesk.gathering`)."""
        self._peeks = Gatherer(self._peek)

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
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise Overloaded("The database can't be reached right now.", headers={"Retry-After": "2"}) from error
        found = {
            row["hash"]: Actor(
                row["hash"],
                row["org_id"],
                row["member_id"],
                Role(row["role"]),
                row["kind"],
                row["name"],
                row["org_name"],
            )
            for row in rows
        }
        return [found.get(each) for each in hashes]

    @asynccontextmanager
    async def read(self, actor: Actor) -> AsyncGenerator[Reading]:
        """A read-only transaction as `actor`. `SignedOut` (401) if the session has ended."""
        async with self._entered(actor, "begin read only") as (connection, actual):
            yield Reading(connection, actual, self.sealer)

    @asynccontextmanager
    async def change(self, actor: Actor, key: Key | None = None) -> AsyncGenerator[Change]:
        """A transaction that records. With `key`, check `change.replay` first. Nothing stands unless the block ends without an error."""
        async with self._entered(actor, "begin") as (connection, actual):
            appender = Appender(connection, self.sealer, actual.org, self.origin(actual.org), actual.identity)
            change = Change(connection, actual, self.sealer, appender)
            if key is not None:
                await change.claim(key)
            yield change
            await change.settle()

    @asynccontextmanager
    async def keep(self, actor: Actor) -> AsyncGenerator[Connection]:
        """A transaction for the tables without entries: follower positions, verification state, session touch, export progress."""
        async with self._entered(actor, "begin") as (connection, _):
            yield connection

    @asynccontextmanager
    async def _entered(self, actor: Actor, begin: str) -> AsyncGenerator[tuple[Connection, Actor]]:
        pool = await self.database.pool(login_of(actor.role))
        connection = await pool.acquire()
        try:
            try:
                await enter(connection, actor, begin)
            except asyncpg.PostgresError as error:
                await connection.execute("rollback")
                if sqlstate(error) != _ROLE_CHANGED or actor.role is Role.SYSTEM:
                    raise
                await pool.release(connection)
                actor = replace(actor, role=Role(str(error.args[0]).removeprefix("role is ")))
                pool = await self.database.pool(login_of(actor.role))
                connection = await pool.acquire()
                await enter(connection, actor, begin)
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
