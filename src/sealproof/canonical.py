"""Canonical JSON: a profile of RFC 8785 in which Python's own encoder writes the canonical bytes.

The profile: member names match `[a-z0-9_]+`; numbers are integers with |n| <= 2^53-1; strings are well-formed Unicode and
are not normalised; nesting is at most 32 deep. Names in ASCII sort alike by code point and by UTF-16 unit (RFC 8785,
3.2.3), integers have one spelling (3.2.2.3), and the encoder escapes exactly what 3.2.2.2 tells it to.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias, cast

JSON: TypeAlias = "bool | int | str | list[JSON] | dict[str, JSON] | None"

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32

_NAME = re.compile(r"[a-z0-9_]+")
_write = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


class CanonicalError(ValueError):
    """The value is outside the profile, or the bytes are not its canonical form."""


def encode(value: object) -> bytes:
    """The canonical bytes of `value` (mappings, sequences, str, int, bool, None); `CanonicalError` outside the profile."""
    _check(value, 0)
    return _encode_checked(value)


def decode(data: bytes) -> JSON:
    """The value of `data`; `CanonicalError` unless `data` is exactly its canonical form within the profile."""
    value = decode_shape(data)
    _check(value, 0)
    return value


def decode_sparse(data: bytes) -> JSON:
    """As `decode`, for large documents by strangers: refuses many more brackets than hashes and ids leave room for.

    An empty array costs its reader thirty times its length, so the length alone bounds too little.
    """
    if data.count(b"[") + data.count(b"{") > 64 + len(data) // 64:
        raise CanonicalError("more arrays and objects than such a document has")
    return decode(data)


def decode_shape(data: bytes) -> JSON:
    """As `decode`, for a caller that goes on to check names and depth itself against a closed schema.

    Duplicate names, blanks, other escapes or orders, `-0` and lone surrogates all fail here, because the value is written
    again and compared.
    """
    try:
        value = cast("JSON", _read(data.decode("utf-8")))
        same = _encode_checked(value) == data
    except CanonicalError:
        raise
    except (ValueError, RecursionError) as error:
        raise CanonicalError("not JSON") from error
    if not same:
        raise CanonicalError("not in canonical form")
    return value


def _encode_checked(value: object) -> bytes:
    try:
        return _write(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise CanonicalError("a string is not well-formed Unicode") from error


def _integer(digits: str) -> int:
    # Seventeen characters hold every integer of the profile; longer ones are never converted.
    if len(digits) > 17 or not -MAX_INTEGER <= (number := int(digits)) <= MAX_INTEGER:
        raise CanonicalError("an integer is beyond 2^53-1")
    return number


def _refuse(_: str) -> NoReturn:
    raise CanonicalError("a number is not an integer")


_read = json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse).decode


def _check(value: object, depth: int) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise CanonicalError("an integer is beyond 2^53-1")
        return
    if depth >= MAX_DEPTH:
        raise CanonicalError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        for name, member in cast("Mapping[object, object]", value).items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise CanonicalError("a member name is not [a-z0-9_]+")
            _check(member, depth + 1)
    elif isinstance(value, list | tuple):
        for element in cast("Sequence[object]", value):
            _check(element, depth + 1)
    else:
        raise CanonicalError(f"{type(value).__name__} has no place in the profile")
