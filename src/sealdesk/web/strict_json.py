"""JSON as RFC 8259 and I-JSON (RFC 7493) mean it: what common parsers let pass in silence is refused."""

import json
import re
from typing import Final, NoReturn

from sealdesk.core.errors import BadRequest
from sealdesk.web import caps

# One that is never closed counts to the end: if it did not match, each quote within would be tried anew, in quadratic time.
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS: Final = re.compile(r"[^\[\]{}]+")


class _Duplicate(ValueError):
    pass


def decode_json(data: bytes) -> object:
    """The value of a JSON text in UTF-8.

    Raises `BadRequest` for anything else, and for duplicate names, NaN and infinities, lone surrogates, NUL in a string, a byte order
    mark, more than `caps.JSON_DEPTH` levels, and numbers too long to be one of ours.
    """
    try:
        text = data.decode("utf-8")
        _check_depth(text)
        value: object = _DECODER.decode(text)
    except _Duplicate:
        raise BadRequest("The JSON text names a member twice.") from None
    except (ValueError, RecursionError):
        raise BadRequest("This is not JSON (RFC 8259) in UTF-8.") from None
    if "\\u" in text:
        # Raw control characters and surrogates can't get here; only their escapes can.
        _check_strings(value)
    return value


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= caps.JSON_DEPTH:
        return
    depth = 0
    for bracket in _NOT_BRACKETS.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > caps.JSON_DEPTH:
            raise BadRequest(f"The JSON text is nested deeper than {caps.JSON_DEPTH} levels.")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Duplicate
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _check_strings(value: object) -> None:
    match value:
        case str():
            check_text(value)
        case list():
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                _check_strings(item)  # pyright: ignore[reportUnknownArgumentType]
        case dict():
            for name, item in value.items():  # pyright: ignore[reportUnknownVariableType]
                _check_strings(name)  # pyright: ignore[reportUnknownArgumentType]
                _check_strings(item)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            pass


def check_text(text: str) -> None:
    """Refuse what a database or a UTF-8 encoder can't hold. Raises `BadRequest`."""
    if "\0" in text:
        raise BadRequest("A string may not contain NUL.")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise BadRequest("A string may not contain half of a surrogate pair.") from None
