"""A check that stumbles is a check that failed: whoever can write any row could otherwise end every check with one that nobody foresaw."""

from typing import Final

from sealdesk.ledger.fsck.difference import Difference, Differs
from sealdesk.ledger.fsck.logs import View

UNREADABLE: Final = (
    Differs,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a check raises about what is stored. Not what the driver raises: a database that went away says nothing about the record."""


def named(view: View, error: BaseException) -> Difference:
    """The difference that `error` stands for."""
    if isinstance(error, Differs):
        return error.difference
    return view.differs(
        "ledger, app",
        view.origin,
        "record.unreadable",
        expected="rows that fit each other",
        found=f"what made the check stumble ({type(error).__name__}: {str(error)[:80]})",
    ).difference
