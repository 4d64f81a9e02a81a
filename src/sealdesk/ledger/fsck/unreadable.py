"""A check that stumbles is a check that failed: whoever can write any row could otherwise end every check with one that nobody foresaw."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sealdesk.core.db import LOST
from sealdesk.ledger.fsck.difference import Differs
from sealdesk.ledger.fsck.logs import View


@asynccontextmanager
async def stumbling_differs(view: View) -> AsyncGenerator[None]:
    """Raise `Differs` for whatever the block raises about what is stored; what the block read stays apart from other checks.

    A database that is away or goes away says nothing about the record: that is raised as it is.
    """
    try:
        # A savepoint: where the database refuses a statement, the other logs of the snapshot can still be read.
        async with view.connection.transaction():
            yield
    except (Differs, *LOST):
        raise
    except Exception as error:
        raise view.differs(
            "ledger, app",
            view.origin,
            "record.unreadable",
            expected="rows that fit each other",
            found=f"what made the check stumble ({type(error).__name__}: {str(error)[:80]})",
        ) from error
