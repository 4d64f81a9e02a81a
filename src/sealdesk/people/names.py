"""Names of people and organisations, as they are shown."""

from sealdesk.core.errors import BadRequest
from sealdesk.core.seen import JOINERS, shows

MAX_NAME = 400
"""Bytes of UTF-8."""
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u3000"), " ")


def checked_name(name: str) -> str:
    """The name on one line; `BadRequest` if it shows nothing, is too long, or holds what isn't printed (controls, turned direction)."""
    line = name.translate(_SPACES).strip()
    if not shows(line):
        raise BadRequest("A name is needed.", pointer="/name")
    if len(line.encode("utf-8", "replace")) > MAX_NAME or not line.translate(JOINERS).isprintable():
        raise BadRequest(
            f"A name is one line that can be printed, of at most {MAX_NAME} characters (fewer in some scripts).",
            pointer="/name",
        )
    return line
