"""How what was sent is spoken of to a person: the names of a form's fields, and what does not fit in one of them."""

import re
from collections.abc import Mapping
from typing import Final

LABELS: Final = {
    "subject": "Subject",
    "body": "Message",
    "purpose": "Purpose",
    "reason": "Why",
    "note": "Note",
    "text": "Text in its place",
    "name": "Name",
    "email": "E-mail",
    "role": "Role",
    "threads": "Conversations",
    "origins": "Origins",
    "idle_minutes": "Minutes without use",
    "absolute_hours": "Hours in all",
    "password": "Password",
    "current": "Present password",
    "new": "New password",
    "code": "Code",
}
"""What the fields of forms are called."""
_WRITTEN: Final = frozenset(LABELS) - {"password", "current", "new", "code"}
_LEAST: Final = re.compile(r"Expected int >= (-?\d+)")
_MOST: Final = re.compile(r"Expected int <= (-?\d+)")
_LONG: Final = re.compile(r"Expected str of length <= (\d+)")


def shown(fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What a person wrote or chose, with the names of the fields. Never a secret."""
    return tuple((LABELS[name], text) for name, text in fields.items() if name in _WRITTEN and text.strip())


def plain(detail: str) -> str:
    """What msgspec says of a form's field, as a person would say it."""
    if found := _LEAST.match(detail):
        return f"It has to be {int(found[1]):,} or more."
    if found := _MOST.match(detail):
        return f"It has to be {int(found[1]):,} or less."
    if found := _LONG.match(detail):
        return f"It is too long: at most {int(found[1]):,} characters are taken."
    if detail.startswith("Expected str of length >="):
        return "It is needed."
    return "It has to be a whole number." if detail.startswith("Expected int") else detail


def named(pointer: str, detail: str) -> str:
    """`detail` with the name of the field that it is about."""
    label = LABELS.get(pointer.removeprefix("/"))
    return f"{label}: {detail[:1].lower()}{detail[1:]}" if label else detail
