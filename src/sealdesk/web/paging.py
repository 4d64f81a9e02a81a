"""The key of a page of a list, as links and answers carry it: where the page before ended."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sealdesk.core.clock import stamp
from sealdesk.core.errors import BadRequest

LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC)
_KEY: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Before:
    """The last row of the page before: its time and its id, which together are in no other row."""

    at: datetime
    id: UUID


TOP: Final = Before(LATEST, UUID(int=2**128 - 1))
"""Before it comes everything: the first page."""


def written_key(before: Before) -> str:
    """The key as it goes into a link."""
    return f"{stamp(before.at)}_{before.id}"


def read_key(text: str | None) -> Before | None:
    """The key that a link carried; `BadRequest` if it is none of ours."""
    if text is None:
        return None
    try:
        if match := _KEY.fullmatch(text):
            return Before(datetime.fromisoformat(match[1]), UUID(match[2]))
    except ValueError:
        pass
    raise BadRequest("Take the key of a page from the answer before.", pointer="/before")
