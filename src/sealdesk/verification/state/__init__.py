"""The tables of the application, rebuilt from entries and compared: what was never recorded shows, and so does an edit behind our back.

Not bound by entries, and so not compared: names (of organisations, members, contacts: their record is sealed content), `person_id`,
the place and key of a kept bundle, an export's progress, and the exact `created_at` of a row, which only has to be near its entry's.
"""

from collections.abc import Awaitable, Callable

from sealdesk.ledger.fsck import Difference, Differs
from sealdesk.ledger.fsck.logs import SYS, View
from sealdesk.ledger.fsck.unreadable import stumbling_differs
from sealdesk.verification.state import conversations, exports, flags, people, redactions

UNBOUND = (
    "Names, addresses, password hashes and the person behind a member were not compared: an entry binds the member and its role.",
    "The places of kept bundles were not compared: an entry binds the digest of each bundle itself.",
)
"""What `fsck` says that it does not compare."""

PROJECTIONS: tuple[Callable[[View], Awaitable[None]], ...] = (
    people.judge,
    conversations.judge,
    exports.judge,
    redactions.judge,
    flags.judge,
)


async def check_state(view: View) -> Difference | None:
    """The first row of an organisation that is not what its entries say, or None."""
    if view.org == SYS:
        return None
    try:
        for judge in PROJECTIONS:
            async with stumbling_differs(view):
                await judge(view)
    except Differs as differs:
        return differs.difference
    return None
