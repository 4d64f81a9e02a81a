"""Free SQL as one of the desk's logins: what an injection, or a thief of one login's password, could do."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import asyncpg

from sealdesk.access.actor import Actor
from sealdesk.core.db import Connection
from sealdesk.core.transactions import sqlstate
from world import World

DESK_ROLES = ("requester", "agent", "admin", "auditor")


class Undone(Exception):
    """The work was looked at, and is not to stay."""


@asynccontextmanager
async def login(world: World, name: str) -> AsyncGenerator[Connection]:
    """A bare connection as a login."""
    connection = await world.desk.database.connect(name)
    try:
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def entered(world: World, actor: Actor) -> AsyncGenerator[Connection]:
    """A connection as the actor's login, in a transaction with the actor's context; rolled back at the end."""
    with suppress(Undone):
        async with login(world, f"desk_{actor.role}") as connection, connection.transaction():
            await connection.execute("select sec.enter($1)", actor.session_hash)
            yield connection
            raise Undone


async def attempt(connection: Connection, statement: str) -> str:
    """How a statement ends, by its SQLSTATE where it fails and else by its tag; what it did is undone."""
    try:
        async with connection.transaction():
            raise Undone(await connection.execute(statement))
    except Undone as undone:
        return str(undone)
    except asyncpg.PostgresError as error:
        return sqlstate(error)


async def context_of(connection: Connection) -> str:
    """The signed context as it stands in the session's settings, where free SQL can read it."""
    return str(await connection.fetchval("select current_setting('desk.context')"))


async def put_context(connection: Connection, context: str) -> None:
    """Set it, as free SQL can."""
    await connection.execute("select set_config('desk.context', $1, true)", context)
