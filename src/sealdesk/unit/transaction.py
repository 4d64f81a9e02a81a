"""The beginning and the end of a transaction under a signed context."""

from contextlib import suppress

import asyncpg

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.db import Connection
from sealdesk.unit.outcomes import OutcomeUnknown

_AWAY = "The database can't be reached right now. Nothing was changed."
_UNCERTAIN = "It is not certain that this was saved. Look before you repeat it."
_LOGINS = {role: f"desk_{role}" for role in Role} | {Role.SYSTEM: "desk_worker"}


async def enter(connection: Connection, actor: Actor, begin: str) -> None:
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


async def taken(pool: Pool) -> Connection:
    """A connection of the pool, to be released. Raises `Overloaded` where the server is not there."""
    try:
        return await pool.acquire()
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise Overloaded(_AWAY, headers={"Retry-After": "2"}) from error
    except asyncpg.PostgresError as error:
        raise refusal_of(error) from error


async def roll_back(connection: Connection) -> None:
    """Undo what is open; a connection that can't is hung up."""
    try:
        if connection.is_in_transaction():
            await connection.execute("rollback")
    except Exception:
        # A connection that can't roll back is of no more use to anybody; what ended the work is what the caller hears of.
        discard(connection)


def discard(connection: Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # a connection that was lost has left the pool by itself
        connection.terminate()


async def commit(connection: Connection) -> None:
    """COMMIT, durably. Raises `OutcomeUnknown`."""
    # With a synchronous standby missing, a cancelled COMMIT succeeds with a warning only (01000): that is no acknowledgement.
    warnings: list[object] = []

    def listener(_: object, message: object) -> None:
        warnings.append(message)

    connection.add_log_listener(listener)
    try:
        await connection.execute("commit")
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
    ) as error:
        # The server went away while it committed: the answer is lost, the transaction may stand.
        raise OutcomeUnknown(_UNCERTAIN) from error
    finally:
        with suppress(asyncpg.InterfaceError):
            connection.remove_log_listener(listener)
    if warnings:
        raise OutcomeUnknown(_UNCERTAIN)
