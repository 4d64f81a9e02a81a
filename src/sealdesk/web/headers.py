"""`Idempotency-Key`, `ETag`, `If-Match` and `If-None-Match`, read strictly."""

import re
from dataclasses import dataclass
from typing import Final

from sealdesk.core.errors import BadRequest, PreconditionRequired, Stale

_STRING_KEY: Final = re.compile(r'"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE_KEY: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+")
_LONGEST_KEY: Final = 255
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]{0,128})"')


def read_idempotency_key(value: bytes | str | None) -> str:
    """The key of a creating request, 1 to 255 visible ASCII characters.

    Taken as a structured string, `"abc"`, as draft-ietf-httpapi-idempotency-key-header-07 has it, or bare, `abc`; both name the same
    key. Raises `BadRequest`, also if there is none.
    """
    if value is None:
        raise BadRequest("A request that creates something needs an Idempotency-Key.")
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    key = text if _BARE_KEY.fullmatch(text) else ""
    if quoted := _STRING_KEY.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise BadRequest(f"An Idempotency-Key has 1 to {_LONGEST_KEY} visible ASCII characters.")
    return key


def etag(version: int | str) -> str:
    """A strong entity tag (RFC 9110, 8.8.3) for a version: a sequence number or a hash."""
    return f'"{version}"'


@dataclass(frozen=True, slots=True)
class Expected:
    """The versions that an `If-Match` allows (RFC 9110, 13.1.1)."""

    tags: frozenset[str]
    any: bool = False

    def matches(self, version: int | str) -> bool:
        """Whether `version` is among them."""
        return self.any or str(version) in self.tags

    def require(self, version: int | str) -> None:
        """Raises `Stale` unless the current `version` is one of the expected."""
        if not self.matches(version):
            raise Stale("It was changed in the meantime. Read it again and repeat what you still want.")


def read_if_match(value: bytes | str | None) -> Expected:
    """The expected versions. Weak tags never match (RFC 9110, 13.1.1). Raises `PreconditionRequired` if missing, else `BadRequest`."""
    if value is None:
        raise PreconditionRequired("A change needs the expected version in If-Match.")
    text = (value.decode("latin-1") if isinstance(value, bytes) else value).strip()
    if text == "*":
        return Expected(frozenset(), any=True)
    return Expected(frozenset(tag for weak, tag in _tags(text) if not weak))


def none_match(value: bytes | None, tag: str) -> bool:
    """Whether an `If-None-Match` lists `tag`, compared weakly (RFC 9110, 13.1.2); a malformed field lists nothing."""
    if value is None:
        return False
    text = value.decode("latin-1").strip()
    if text == "*":
        return True
    try:
        return tag.removeprefix("W/").strip('"') in {opaque for _, opaque in _tags(text)}
    except BadRequest:
        return False


def _tags(text: str) -> list[tuple[str, str]]:
    found = [_TAG.fullmatch(part.strip()) for part in text.split(",")]
    if len(found) > 16 or not all(found):
        raise BadRequest("If-Match takes up to 16 entity tags in double quotes.")
    return [(match[1] or "", match[2]) for match in found if match]
