"""Refusals as facts."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sealdesk.core.clock import stamp
from sealdesk.ledger.events import Event, Stream


@dataclass(frozen=True, slots=True)
class Where:
    """The route of a refusal, the conversation where there is one, and what stands for the address of a stranger."""

    route: str
    thread: UUID | None = None
    bucket: UUID | None = None


def refused(
    stream: Stream,
    entry_type: str,
    kind: str,
    where: Where,
    count: int,
    first: datetime,
    last: datetime,
) -> Event:
    """`count` refusals of one kind by one actor or address bucket in one place."""
    body = {
        "kind": kind,
        "route": where.route,
        "thread": str(where.thread) if where.thread else None,
        "bucket": str(where.bucket) if where.bucket else None,
        "count": count,
        "first_at": stamp(first),
        "last_at": stamp(last),
        "interrupted": "no",
    }
    return Event(entry_type, stream, body)
