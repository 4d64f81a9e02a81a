"""The kinds of value that a closed schema is made of. A kind tells whether a decoded JSON value is one of its own."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias, cast

from sealproof.canonical import MAX_INTEGER

Kind: TypeAlias = Callable[[object], bool]

ZERO_HASH = "0" * 64

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z")
_ORIGIN = re.compile(r"[A-Za-z0-9._:-]{1,128}/ledger/(?:sys|org/" + _UUID.pattern + r")(?:/(?:[2-9]|[1-9][0-9]{1,5}))?")


def text(pattern: str) -> Kind:
    """Strings that match `pattern` from end to end."""
    matches = re.compile(pattern).fullmatch
    return lambda value: isinstance(value, str) and matches(value) is not None


def enum(*words: str) -> Kind:
    """One of `words`."""
    allowed = frozenset(words)
    return lambda value: isinstance(value, str) and value in allowed


def integer(least: int = 0) -> Kind:
    """Integers from `least` to 2^53-1."""

    def matches(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_INTEGER

    return matches


def optional(kind: Kind) -> Kind:
    """What `kind` takes, or null."""
    return lambda value: value is None or kind(value)


def either(*kinds: Kind) -> Kind:
    """What any of `kinds` takes."""
    return lambda value: any(kind(value) for kind in kinds)


def array(kind: Kind, least: int = 0, most: int = MAX_INTEGER) -> Kind:
    """Arrays of `least` to `most` elements, each of `kind`."""

    def matches(value: object) -> bool:
        if not isinstance(value, list):
            return False
        elements = cast("list[object]", value)
        return least <= len(elements) <= most and all(map(kind, elements))

    return matches


def record(**members: Kind) -> Kind:
    """Objects with exactly these members. A trailing underscore is not part of a name (`from_`)."""
    kinds = {name.removesuffix("_"): kind for name, kind in members.items()}
    return record_of(kinds)


def record_of(kinds: Mapping[str, Kind]) -> Kind:
    """Objects with exactly the members of `kinds`."""
    checks = tuple(kinds.items())

    def matches(value: object) -> bool:
        if not isinstance(value, dict):
            return False
        members = cast("dict[str, object]", value)
        if len(members) != len(checks):
            return False
        for name, kind in checks:  # noqa: SIM110 - a generator would cost more than the checks
            if name not in members or not kind(members[name]):
                return False
        return True

    return matches


def time(value: object) -> bool:
    """A real UTC date and time with six fractional digits, `2026-11-22T10:00:03.000000Z`."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        return False
    return True


def origin(value: object) -> bool:
    """The name of a log: `<ledger name>/ledger/sys` or `<ledger name>/ledger/org/<uuid>`, with `/2` and up after a fork."""
    return isinstance(value, str) and _ORIGIN.fullmatch(value) is not None


uuid = text(_UUID.pattern)
hash256 = text("[0-9a-f]{64}")
nonce = text("[0-9a-f]{32}")
code = text("[a-z0-9_.]{1,64}")
component = text("[a-z0-9_.-]{1,64}")
route = text("[A-Za-z0-9_./{}:-]{1,128}")
media = text(r"[a-z0-9.+-]{1,64}/[a-z0-9.+-]{1,64}")
vkey = text(r"[^\s+\x00-\x1f]{1,255}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{4,8000}")
size = integer()
positive = integer(1)
checkpoint = record(origin=origin, size=size, root=hash256)
