"""The header section and target of a request, judged before anything else looks at them (RFC 9110, RFC 9112)."""

from collections.abc import Iterable
from typing import Final

from sealdesk.core.errors import BadOrigin, BadRequest, UnsupportedMedia
from sealdesk.web import caps
from sealdesk.web.refusals import FieldsTooLarge, TargetTooLong

Fields = dict[bytes, bytes]

_SINGLE: Final = frozenset(
    b"host content-length transfer-encoding content-type content-encoding authorization if-match if-none-match idempotency-key "
    b"x-csrf-token x-request-id origin sec-fetch-site hx-request hx-current-url sd-poll expect upgrade".split()
)
_LISTS: Final = {
    b"cookie": b"; ",
    b"accept": b", ",
    b"accept-encoding": b", ",
    b"user-agent": b" ",
    b"x-forwarded-for": b", ",
}
_ENCODED_TRAPS: Final = (b"%2f", b"%5c", b"%00", b"%0a", b"%0d", b"%2e%2e", b"%2e/", b"/%2e")


def read_fields(headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """The fields that this kit looks at, by lower-case name.

    A field that must come once and comes twice is refused: two readers of one request could choose differently. Raises
    `FieldsTooLarge`, `BadRequest`, and `BadOrigin` where the doubled field says who sent the request.
    """
    fields: Fields = {}
    count = size = 0
    for name, value in headers:
        count += 1
        size += len(name) + len(value) + 4
        if name in _SINGLE:
            if name in fields:
                _refuse_doubled(name)
            fields[name] = value
        elif name in _LISTS:
            fields[name] = fields[name] + _LISTS[name] + value if name in fields else value
    if count > caps.HEADER_COUNT or size > caps.HEADER_BYTES:
        raise FieldsTooLarge(
            f"At most {caps.HEADER_COUNT} header fields and {caps.HEADER_BYTES} bytes of them are taken."
        )
    return fields


def _refuse_doubled(name: bytes) -> None:
    if name in (b"origin", b"sec-fetch-site"):
        raise BadOrigin(f"The header field {name.decode()} may come only once.")
    raise BadRequest(f"The header field {name.decode()} may come only once.")


def check_framing(fields: Fields) -> None:
    """Refuse lengths and codings that two parsers could read in two ways (RFC 9112, 6.3), and content codings."""
    length = fields.get(b"content-length")
    coding = fields.get(b"transfer-encoding")
    if coding is not None and (length is not None or coding.lower() != b"chunked"):
        raise BadRequest("The body needs either a Content-Length or chunked coding.")
    if length is not None and not (length.isdigit() and len(length) <= 15):
        raise BadRequest("The Content-Length is not a number of bytes.")
    if b"content-encoding" in fields:
        # RFC 9110, 15.5.16: the answer names what would be taken.
        raise UnsupportedMedia("Bodies are taken without content coding.", headers={"Accept-Encoding": "identity"})


def check_target(raw_path: bytes, query: bytes) -> None:
    """Refuse targets that are too long, or that mean another path once decoded or normalised."""
    if len(raw_path) > caps.PATH_BYTES or len(query) > caps.QUERY_BYTES:
        raise TargetTooLong(f"A path may have {caps.PATH_BYTES} bytes, a query {caps.QUERY_BYTES}.")
    odd = not raw_path.startswith(b"/") or b"//" in raw_path or b"/." in raw_path or b"\\" in raw_path
    if odd and not raw_path.startswith(b"/.well-known/"):
        raise BadRequest("The path is not in its plain form.")
    if b"%" in raw_path:
        lowered = raw_path.lower()
        if any(trap in lowered for trap in _ENCODED_TRAPS):
            raise BadRequest("The path is not in its plain form.")
