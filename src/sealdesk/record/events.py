"""Refusals as facts."""

from datetime import datetime
from uuid import UUID

from sealdesk.core.clock import stamp
from sealdesk.ledger.events import Event, Stream


def refused(
    stream: Stream,
    entry_type: str,
    kind: str,
    route: str,
    bucket: UUID | None,
    count: int,
    first: datetime,
    last: datetime,
) -> Event:
    """`count` refusals of one kind by one actor or address bucket on one route."""
    body = {
        "kind": kind,
        "route": route,
        "thread": None,
        "bucket": str(bucket) if bucket else None,
        "count": count,
        "first_at": stamp(first),
        "last_at": stamp(last),
        "interrupted": "no",
    }
    return Event(entry_type, stream, body)
