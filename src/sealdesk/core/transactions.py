"""How a transaction ends, and what an error of the database means to a client."""

from contextlib import suppress

import asyncpg

from sealdesk.core.db import Connection, Pool
from sealdesk.core.errors import Overloaded, SignedOut, StateConflict

_AWAY = "The database can't be reached right now. Nothing was changed."
_LAST_ADMIN = "An organisation keeps at least one admin. Make somebody else an admin first."
_UNCERTAIN = "It is not certain that this was saved. Look before you repeat it."


class OutcomeUnknown(Overloaded):
    """The COMMIT was answered with a warning: it may or may not be durable, so it is not acknowledged."""


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
    """Hang up at once, also where the connection is lost already."""
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


def sqlstate(error: asyncpg.PostgresError) -> str:
    """The five characters of SQLSTATE (SQL standard, and PostgreSQL's appendix A)."""
    return str(getattr(error, "sqlstate", ""))


def refusal_of(error: asyncpg.PostgresError) -> Exception:
    """The refusal that a database error stands for; the error itself where it is a fault of ours."""
    match sqlstate(error):
        case "28000":
            return SignedOut("Your session has ended. Sign in again.")
        case "55P03" | "40P01" | "57014":
            return Overloaded("Somebody else is changing this. Try again in a moment.", headers={"Retry-After": "1"})
        # 57P02: another server process crashed, and PostgreSQL ends them all.
        case "53300" | "57P01" | "57P02" | "57P03" | "57P05" | "08000" | "08001" | "08003" | "08004" | "08006":
            return Overloaded(_AWAY, headers={"Retry-After": "2"})
        case "SD002":
            return StateConflict(_LAST_ADMIN)
        case "23505":
            return StateConflict("This exists already.")
        case _:
            return error
