"""The header fields of every answer, as bytes made once.

Two sets: a page's, whose policy names a nonce, and everybody else's, whose policy allows nothing at all (a browser that is made to
show JSON or a download as a document runs no script in it). Two answers differ by one field each, because other sites are to show them:
the widget's frame names in its policy who may frame it and so has no X-Frame-Options, which knows no list, and the widget's script may be
loaded from anywhere.
"""

import base64
import secrets
from collections.abc import Iterable, Sequence
from typing import Final

Field = tuple[bytes, bytes]

_FEATURES: Final = (
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), gamepad=(), geolocation=(), "
    "gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), "
    "payment=(), picture-in-picture=(), screen-wake-lock=(), serial=(), storage-access=(), usb=(), "
    "window-management=(), xr-spatial-tracking=(), fullscreen=(self), publickey-credentials-create=(self), "
    "publickey-credentials-get=(self)"
)

_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types sd; upgrade-insecure-requests; report-to csp"
)
_BEFORE_NONCE, _AFTER_NONCE = (part.encode() for part in _PAGE_POLICY.split("{nonce}"))
_DATA_POLICY: Final = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

_COMMON: Final[tuple[Field, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    # `no-referrer` would make Chromium send `Origin: null` with a form of the same origin.
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", _FEATURES.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (b"vary", b"Origin, Sec-Fetch-Site"),
)
_UNFRAMED: Final[Field] = (b"x-frame-options", b"DENY")
_OWN: Final[Field] = (b"cross-origin-resource-policy", b"same-origin")
_SHARED: Final[Field] = (b"cross-origin-resource-policy", b"cross-origin")
_TRANSPORT: Final[Field] = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
_REPORTING: Final[Field] = (b"reporting-endpoints", b'csp="/report"')
NO_STORE: Final[Field] = (b"cache-control", b"no-store")


def new_nonce() -> str:
    """A CSP nonce of 144 bits in base64, for one answer."""
    return base64.b64encode(secrets.token_bytes(18)).decode()


class AnswerHeaders:
    """The sets for a desk reached through `origins`."""

    def __init__(self, origins: Iterable[str]) -> None:
        # RFC 6797, 7.2: not over plain HTTP. Whoever serves an https origin has TLS in front of us.
        transport = (_TRANSPORT,) if any(origin.startswith("https:") for origin in origins) else ()
        policy = (b"content-security-policy", _DATA_POLICY)
        self.data: Sequence[Field] = (*_COMMON, _UNFRAMED, _OWN, *transport, policy)
        self.shared: Sequence[Field] = (*_COMMON, _UNFRAMED, _SHARED, *transport, policy)
        self._page: Sequence[Field] = (*_COMMON, _UNFRAMED, _OWN, *transport, _REPORTING)
        self._frame: Sequence[Field] = (*_COMMON, _OWN, *transport, _REPORTING)

    def page(self, nonce: str) -> list[Field]:
        """The fields of an HTML answer whose scripts carry `nonce`."""
        return [*self._page, (b"content-security-policy", _BEFORE_NONCE + nonce.encode("ascii") + _AFTER_NONCE)]

    def frame(self, nonce: str, ancestors: Iterable[str]) -> list[Field]:
        """The fields of a page that the sites `ancestors` (exact origins) may show in a frame; without any, nobody may."""
        sites = " ".join(ancestors) or "'none'"
        policy = f"{_PAGE_POLICY.format(nonce=nonce)}".replace("frame-ancestors 'none'", f"frame-ancestors {sites}")
        return [*self._frame, (b"content-security-policy", policy.encode("ascii"))]
