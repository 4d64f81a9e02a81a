"""Who waits for an answer, longest first: a follower keeps the line, so that no list has to look for it."""

from typing import Final

from sealdesk.access.permissions import Permission
from sealdesk.ledger.read import Stored
from sealdesk.unit import Change, Reading

CUSTOMERS: Final = frozenset({"customer", "visitor"})
COUNT_TO: Final = 1000
_DONE: Final = frozenset({"solved", "closed"})


class Queue:
    """The follower. Whoever writes as a customer waits, until somebody of the desk answers or the matter is closed."""

    name = "queue"
    permission = Permission.THREAD_READ
    types = frozenset({"message.posted", "thread.closed", "ticket.changed"})

    async def handle(self, change: Change, entry: Stored) -> bool:
        """Put the conversation into the line or take it out; that leaves no entry."""
        if entry.stream_kind != "thread":
            return False  # notes and desk work answer nobody
        if entry.type == "message.posted" and entry.actor_kind in CUSTOMERS:
            await change.execute(
                "insert into app.waiting (org_id, thread_id, since) values ($1, $2, $3)"
                " on conflict (org_id, thread_id) do update set since = coalesce(waiting.since, excluded.since)",
                change.actor.org,
                entry.stream_id,
                entry.at,
            )
        elif entry.type != "ticket.changed" or _ends(entry):
            await change.execute(
                "update app.waiting set since = null where org_id = $1 and thread_id = $2 and since is not null",
                change.actor.org,
                entry.stream_id,
            )
        return False


async def length(work: Reading) -> int:
    """How many wait, counted up to 1,000 only."""
    found = await work.value(
        f"select count(*) from (select from app.waiting where org_id = $1 and since is not null limit {COUNT_TO}) x",  # noqa: S608 - a constant
        work.actor.org,
    )
    return found if isinstance(found, int) else 0


def _ends(entry: Stored) -> bool:
    return any(change["field"] == "status" and change["new"] in _DONE for change in entry.body["changes"])
