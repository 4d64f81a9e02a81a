"""From a scope to the streams it names, under the requester's own reach: row security decides what exists."""

from collections.abc import Sequence
from uuid import UUID

from sealdesk.access.permissions import Permission
from sealdesk.core.errors import OutsideReach, TooLarge
from sealdesk.exports.events import StreamHead
from sealdesk.exports.model import MAX_STREAMS
from sealdesk.exports.scope import Query, Scope, Threads, Tickets
from sealdesk.unit import Reading

_QUERY = """select t.thread_id from app.thread t left join app.ticket k on k.org_id = t.org_id and k.thread_id = t.thread_id
where t.org_id = $1 and ($2::text is null or k.status = $2) and ($3::text is null or k.priority = $3)
  and ($4::timestamptz is null or t.created_at >= $4) and ($5::timestamptz is null or t.created_at < $5) limit $6"""


async def conversations(work: Reading, scope: Scope) -> list[UUID]:
    """The conversations in scope.

    `OutsideReach` (404) if one that is named is out of reach, `NotPermitted` (403) for a query by a role that may not export the
    organisation.
    """
    work.demand(Permission.EXPORT_REQUEST)
    org = work.actor.org
    match scope:
        case Threads(ids):
            rows = await work.rows(
                "select thread_id from app.thread where org_id = $1 and thread_id = any ($2)", org, ids
            )
            named = len(ids)
        case Tickets(numbers):
            rows = await work.rows(
                "select thread_id from app.ticket where org_id = $1 and number = any ($2)", org, numbers
            )
            named = len(numbers)
        case Query():
            work.demand(Permission.EXPORT_ANY)
            asked = (scope.status, scope.priority, scope.begin, scope.end)
            rows = await work.rows(_QUERY, org, *asked, MAX_STREAMS + 1)
            named = len(rows)
    if len(rows) != named:
        raise OutsideReach
    return [row["thread_id"] for row in rows]


async def heads(work: Reading, threads: Sequence[UUID], kinds: Sequence[str]) -> list[StreamHead]:
    """The streams of `kinds` of these conversations at their present heads, sorted. `TooLarge` beyond what one bundle holds."""
    rows = await work.rows(
        "select kind, stream_id, seq, head from ledger.stream where org_id = $1 and kind = any ($2) and stream_id = any ($3) and seq > 0"
        " order by kind, stream_id limit $4",
        work.actor.org,
        list(kinds),
        list(threads),
        MAX_STREAMS + 1,
    )
    if len(rows) > MAX_STREAMS:
        raise TooLarge(
            f"One bundle holds at most {MAX_STREAMS // 2:,} conversations. Ask for a shorter time or one status."
        )
    return [StreamHead(row["kind"], row["stream_id"], row["seq"], row["head"]) for row in rows]
