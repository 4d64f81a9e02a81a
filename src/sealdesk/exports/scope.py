"""What an export covers: conversations by id, tickets by number, or all that fit a query. Each has one canonical form."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sealdesk.core.errors import BadRequest
from sealdesk.core.ids import read_id
from sealproof.canonical import JSON
from sealproof.types import PRIORITY, STATUS

MAX_NAMED = 1000
"""Conversations or tickets that one request may name; more is a query."""
_NUMBER = re.compile(r"#?([1-9][0-9]{0,14})")


@dataclass(frozen=True, slots=True)
class Threads:
    """Conversations by id."""

    ids: tuple[UUID, ...]
    kind = "threads"

    def __post_init__(self) -> None:
        _check_count(len(self.ids), "/scope/threads")
        object.__setattr__(self, "ids", tuple(sorted(set(self.ids), key=str)))

    def written(self) -> JSON:
        """The canonical form."""
        return {"threads": [str(thread) for thread in self.ids]}


@dataclass(frozen=True, slots=True)
class Tickets:
    """Conversations by their tickets' numbers."""

    numbers: tuple[int, ...]
    kind = "tickets"

    def __post_init__(self) -> None:
        _check_count(len(self.numbers), "/scope/tickets")
        object.__setattr__(self, "numbers", tuple(sorted(set(self.numbers))))

    def written(self) -> JSON:
        """The canonical form."""
        return {"tickets": list(self.numbers)}


@dataclass(frozen=True, slots=True)
class Query:
    """All conversations of the organisation, or those whose ticket has this status and priority.

    They were opened from the day `since` to the day `until`, both included, in UTC.
    """

    status: str | None = None
    priority: str | None = None
    since: date | None = None
    until: date | None = None
    kind = "query"

    def __post_init__(self) -> None:
        if self.status not in (None, *STATUS):
            raise BadRequest(f"A status is one of {', '.join(STATUS)}.", pointer="/scope/query/status")
        if self.priority not in (None, *PRIORITY):
            raise BadRequest(f"A priority is one of {', '.join(PRIORITY)}.", pointer="/scope/query/priority")
        if self.since and self.until and self.since > self.until:
            raise BadRequest("The first day comes after the last.", pointer="/scope/query/since")

    def written(self) -> JSON:
        """The canonical form: what is not asked for is absent, and nothing at all is `{"all": true}`."""
        days = {name: day.isoformat() for name, day in (("since", self.since), ("until", self.until)) if day}
        named = {name: value for name, value in (("status", self.status), ("priority", self.priority)) if value}
        return {"query": dict[str, JSON](named | days) or {"all": True}}

    @property
    def begin(self) -> datetime | None:
        """The first moment that counts."""
        return datetime.combine(self.since, time(), UTC) if self.since else None

    @property
    def end(self) -> datetime | None:
        """The first moment that no longer counts."""
        if self.until is None or self.until == date.max:
            return None
        return datetime.combine(self.until + timedelta(days=1), time(), UTC)


Scope = Threads | Tickets | Query


def read_list(words: str) -> Threads | Tickets:
    """What a person wrote into one field: ids, or numbers with or without `#`, apart by commas or blanks."""
    parts = words.replace(",", " ").split()
    try:
        numbers = [_NUMBER.fullmatch(part) for part in parts]
        if parts and all(numbers):
            return Tickets(tuple(int(match[1]) for match in numbers if match))
        return Threads(tuple(read_id(part) for part in parts))
    except ValueError:
        raise BadRequest("Write numbers such as #1042 or ids, not both.", pointer="/threads") from None


def describe(scope_kind: str, conversations: int, written: JSON) -> str:
    """A phrase for lists, such as `3 conversations` or `status open, since 2026-01-01`."""
    if scope_kind != "query" or not isinstance(written, dict) or not isinstance(asked := written.get("query"), dict):
        return f"{conversations:,} conversation{'' if conversations == 1 else 's'}"
    words = ", ".join(f"{name} {value}" for name, value in sorted(asked.items()) if name != "all")
    return f"Conversations with {words}" if words else "All conversations"


def _check_count(count: int, pointer: str) -> None:
    if not 1 <= count <= MAX_NAMED:
        raise BadRequest(f"Name 1 to {MAX_NAMED:,} conversations; for more, use a query.", pointer=pointer)
