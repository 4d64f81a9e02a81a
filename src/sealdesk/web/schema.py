"""From decoded values to typed, frozen structs; what does not fit is named by JSON pointer and never repeated."""

import re
from typing import Final, TypeVar, cast

import msgspec

from sealdesk.web.refusals import Invalid, UnknownField
from sealdesk.web.wording import named, plain

T = TypeVar("T")

_DETAIL: Final = "Part of the request does not fit; `errors` says which."
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
        raise _refusal(str(error), value, text=text) from None


def _refusal(message: str, value: object, *, text: bool) -> Invalid:
    """The refusal for msgspec's `message` about `value`; of a form, in words for whoever filled it in."""
    place = _PLACE.search(message)
    steps = [name or index for name, index in _STEP.findall(place[1])] if place else []
    body = message[: place.start()] if place else message
    if unknown := _UNKNOWN.fullmatch(body):
        return UnknownField(_DETAIL, errors=_listed(pointer(*steps), _unknown_detail(_reach(value, steps), unknown[1])))
    if missing := _MISSING.fullmatch(body):
        return _invalid(pointer(*steps, missing[1]), "This field is needed.", text=text)
    # A message that begins so is made of the schema alone; any other may repeat what was sent.
    detail = (
        body.replace("`", "") + "." if body.startswith("Expected ") else "This value is not one that is allowed here."
    )
    return _invalid(pointer(*steps), detail, text=text)


def _invalid(place: str, detail: str, *, text: bool) -> Invalid:
    if not text:
        return Invalid(_DETAIL, errors=_listed(place, detail))
    return Invalid(named(place, plain(detail)), errors=_listed(place, plain(detail)))


def _listed(place: str, detail: str) -> list[dict[str, str]]:
    return [{"pointer": place, "detail": detail}]


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
