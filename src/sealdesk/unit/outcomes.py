"""How a unit of work can end other than well."""

import asyncpg

from sealdesk.core.errors import Overloaded, SignedOut, StateConflict


class Unguarded(AssertionError):
    """A change tried to commit without having asked for a permission."""


class Unrecorded(AssertionError):
    """A change tried to commit without having recorded an entry."""


class OutcomeUnknown(Overloaded):
    """The COMMIT was answered with a warning: it may or may not be durable, so it is not acknowledged."""


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
        case "53300" | "57P01" | "57P03" | "08006" | "08003" | "08001":
            return Overloaded(
                "The database can't be reached right now. Nothing was changed.", headers={"Retry-After": "2"}
            )
        case "23505":
            return StateConflict("This exists already.")
        case _:
            return error
