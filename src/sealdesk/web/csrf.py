"""Anti-CSRF tokens bound to the session: the signed double submit of OWASP, with the session as the second part.

A token is an HMAC of what it is bound to under the server's secret, XORed with a fresh pad that travels with it. So no two answers
carry the same token, and compressing one together with guessed text tells nothing (BREACH).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

from sealdesk.core.errors import BadToken
from sealdesk.web.tokens import token_hash

FORM_FIELD: Final = "csrf"
HEADER: Final = b"x-csrf-token"
FORM_OVER: Final = "Load the page again and send it once more; nothing was changed."
_SIZE: Final = 32
_TEXT: Final = 86  # base64url of pad and masked MAC, 64 bytes, without padding


class AntiCsrf:
    """Makes and checks tokens under one `secret` of at least 32 bytes, the same in every web process."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _SIZE:
            raise ValueError("the anti-CSRF secret needs at least 32 bytes")
        self._session = hmac.digest(secret, b"sealdesk csrf session v1", "sha256")
        self._presession = hmac.digest(secret, b"sealdesk csrf presession v1", "sha256")

    def for_session(self, session_hash: bytes) -> str:
        """A token for the session whose token has this SHA-256."""
        return _mask(hmac.digest(self._session, session_hash, hashlib.sha256))

    def for_presession(self, cookie: str) -> str:
        """A token for a browser that has no session yet, bound to its `__Host-pre` cookie."""
        return _mask(hmac.digest(self._presession, token_hash(cookie), hashlib.sha256))

    def check_session(self, token: str, session_hash: bytes) -> None:
        """Raises `BadToken` unless `token` is this session's."""
        _compare(token, hmac.digest(self._session, session_hash, hashlib.sha256))

    def check_presession(self, token: str, cookie: str) -> None:
        """Raises `BadToken` unless `token` is bound to `cookie`."""
        _compare(token, hmac.digest(self._presession, token_hash(cookie), hashlib.sha256))


def _mask(mac: bytes) -> str:
    pad = secrets.token_bytes(_SIZE)
    return base64.urlsafe_b64encode(pad + _xor(pad, mac)).rstrip(b"=").decode("ascii")


def _compare(token: str, mac: bytes) -> None:
    try:
        raw = base64.b64decode(token + "==", altchars=b"-_", validate=True) if len(token) == _TEXT else b""
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 2 * _SIZE or not hmac.compare_digest(_xor(raw[:_SIZE], raw[_SIZE:]), mac):
        raise BadToken(FORM_OVER)


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(_SIZE)
