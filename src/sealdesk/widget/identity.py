"""What a site signs to say who its visitor is: a JSON Web Token (RFC 7519) of one shape, and nothing that resembles it.

The algorithm is ours and not the token's (RFC 8725, 3.1): HS256 under the organisation's key, which is the ASCII text that its admin was
shown. A token lives for five minutes at most, is for the widget of this organisation alone, and lets in once.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import msgspec

from sealdesk.core import clock
from sealdesk.core.errors import BadRequest
from sealdesk.web.strict_json import decode_json

MOST: Final = 4096
"""Characters in a token."""
LIFE: Final = 300
"""Seconds from `iat` to `exp`, at most."""
_SKEW: Final = 30
ShapeT = TypeVar("ShapeT")


class Unsigned(Exception):
    """The token does not say, by this organisation's site, who somebody is. `why` is for logs, one word."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    typ: str = "JWT"


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    aud: Annotated[str, msgspec.Meta(max_length=255)]
    sub: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    email: Annotated[str, msgspec.Meta(min_length=3, max_length=254)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    jti: Annotated[str, msgspec.Meta(min_length=16, max_length=128)]
    iat: Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
    exp: Annotated[int, msgspec.Meta(ge=0, lt=2**40)]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a site says it is: address, name, what it signed only once, until when (seconds since 1970), and the number of its key."""

    email: str
    name: str
    nonce: str
    until: int
    key: int


def audience(ledger_name: str, widget: str) -> str:
    """Whom a site's token is for: the widget of one organisation at one desk."""
    return f"{ledger_name}/widget/{widget}"


def read_identity(token: str, keys: Mapping[int, str], wanted: str) -> Identity:
    """What a token says that one of `keys` signed for the audience `wanted`. Raises `Unsigned`; says nothing of whether it was used."""
    parts = token.split(".")
    if len(token) > MOST or len(parts) != 3:
        raise Unsigned("form")
    header = _read(parts[0], _Header)
    if header.alg != "HS256" or header.typ != "JWT":
        raise Unsigned("algorithm")
    signature, signed = _bytes(parts[2]), f"{parts[0]}.{parts[1]}".encode()
    # Every key is tried, whichever fits: the time taken says nothing.
    tried = {n: hmac.compare_digest(hmac.digest(key.encode(), signed, "sha256"), signature) for n, key in keys.items()}
    fitting = [number for number, fits in tried.items() if fits]
    if not fitting:
        raise Unsigned("signature")
    claims, now = _read(parts[1], _Claims), int(clock.now().timestamp())
    if not hmac.compare_digest(claims.aud.encode(), wanted.encode()):
        raise Unsigned("audience")
    if claims.exp <= now:
        raise Unsigned("expired")
    if claims.iat > now + _SKEW or claims.exp > claims.iat + LIFE:
        raise Unsigned("life")
    return Identity(claims.email, claims.name, claims.jti, claims.exp, fitting[0])


def _read(part: str, shape: type[ShapeT]) -> ShapeT:
    try:
        return msgspec.convert(decode_json(_bytes(part)), shape)
    except (BadRequest, msgspec.ValidationError):
        raise Unsigned("form") from None


def _bytes(part: str) -> bytes:
    """Base64url without padding (RFC 7515, 2), in its one form: two texts that decode alike are not one token."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Unsigned("form") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise Unsigned("form")
    return raw
