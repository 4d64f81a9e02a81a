"""From decoded values to typed, frozen structs; what does not fit is named by JSON pointer and never repeated."""

import re
from typing import Final, TypeVar, cast

import msgspec

from sealdesk.web.problems import Violation
from sealdesk.web.refusals import Invalid

T = TypeVar("T")

_PLACE: Final = re.compile(r" - at `(\$(?:\.[A-Za-z0-9_-]+|\[\d+\]|\[\.\.\.\])*)`$")
_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `([A-Za-z0-9_-]+)`")


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every schema of a body, form or query derives from: frozen, named, and closed.

    Subclasses repeat `frozen=True`, which type checkers ask for; the rest is inherited.
    """


def convert(value: object, schema: type[T], *, text: bool = False) -> T:
    """`value` as an instance of `schema`. With `text` every leaf is a string that still has to become its type.

    Raises `Invalid` with the first place that does not fit.
    """
    try:
        return msgspec.convert(value, schema, strict=not text)
    except msgspec.ValidationError as error:
        found = _violation(str(error), value)
        raise Invalid(
            "Part of the request does not fit; `errors` says which.",
            errors=[msgspec.to_builtins(found)],
        ) from None


def _violation(message: str, value: object) -> Violation:
    place = _PLACE.search(message)
    steps = [name or index for name, index in _STEP.findall(place[1])] if place else []
    body = message[: place.start()] if place else message
    if missing := _MISSING.fullmatch(body):
        return Violation(pointer(*steps, missing[1]), "This field is needed.")
    if unknown := _UNKNOWN.fullmatch(body):
        return Violation(pointer(*steps), _unknown_detail(_reach(value, steps), unknown[1]))
    if body.startswith("Expected "):
        # Such a message is made of the schema alone; any other may repeat what was sent.
        return Violation(pointer(*steps), body.replace("`", "") + ".")
    return Violation(pointer(*steps), "This value is not one that is allowed here.")


def _unknown_detail(holder: object, name: str) -> str:
    if isinstance(holder, dict) and name in holder:
        names = list(cast("dict[str, object]", holder))
        return f"Field number {names.index(name) + 1} is not known here."
    return "A field is not known here."


def _reach(value: object, steps: list[str]) -> object:
    for step in steps:
        match value:
            case dict():
                value = cast("dict[str, object]", value).get(step)
            case list() if step.isdigit() and int(step) < len(cast("list[object]", value)):
                value = cast("list[object]", value)[int(step)]
            case _:
                return None
    return value


def pointer(*steps: str) -> str:
    """A JSON pointer (RFC 6901) through `steps`."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
