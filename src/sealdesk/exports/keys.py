"""The key of a page of the history, as links carry it."""

import re
from datetime import datetime
from uuid import UUID

from sealdesk.core.clock import stamp
from sealdesk.core.errors import BadRequest
from sealdesk.exports.queries import NO_KEY, Before

_KEY = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def written_key(before: Before) -> str:
    """The key of a page as it goes into a link."""
    return f"{stamp(before.at)}_{before.export}"


def read_key(text: str | None) -> Before | None:
    """The key that a link carried; `BadRequest` if it is none of ours."""
    if text is None:
        return None
    try:
        if match := _KEY.fullmatch(text):
            return Before(datetime.fromisoformat(match[1]), UUID(match[2]))
    except ValueError:
        pass
    raise BadRequest(NO_KEY, pointer="/before")
