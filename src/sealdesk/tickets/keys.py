"""The key of a page of a list, as links carry it."""

import re
from datetime import datetime
from uuid import UUID

from sealdesk.core.clock import stamp
from sealdesk.core.errors import BadRequest
from sealdesk.tickets.queries import NO_KEY, After

_KEY = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def written_key(after: After) -> str:
    """The key of a page as it goes into a link."""
    return f"{stamp(after.at)}_{after.thread_id}"


def read_key(text: str | None) -> After | None:
    """The key that a link carried; `BadRequest` if it is none of ours."""
    if text is None:
        return None
    match = _KEY.fullmatch(text)
    try:
        return After(datetime.fromisoformat(match[1]), UUID(match[2])) if match else _no_key()
    except ValueError:
        return _no_key()


def _no_key() -> After:
    raise BadRequest(NO_KEY, pointer="/before")
