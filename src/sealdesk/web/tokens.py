"""Session tokens and the cookies that carry them."""

import base64
import hashlib
import re
import secrets
from typing import Final

SESSION_COOKIE: Final = "__Host-sid"
PRESESSION_COOKIE: Final = "__Host-pre"
DEVICE_COOKIE: Final = "__Host-dev"
"""Says that this browser signed in before; it opens nothing by itself."""
API_PREFIX: Final = "sdk_"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_FLAGS: Final = "; Path=/; Secure; HttpOnly; SameSite=Lax"


def new_token() -> str:
    """32 random bytes as 43 characters of base64url (RFC 4648, 5, without padding)."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode("ascii")


def new_api_token() -> str:
    """A token for programs: a prefix that scanners of leaked secrets recognise, then 32 random bytes."""
    return API_PREFIX + new_token()


def token_hash(token: str) -> bytes:
    """SHA-256 of the token's ASCII text: what is stored and looked up. Of the text, because two texts can decode to the same bytes."""
    return hashlib.sha256(token.encode("ascii")).digest()


def is_token(text: str) -> bool:
    """Whether `text` has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def set_cookie(name: str, token: str, seconds: int | None = None) -> tuple[bytes, bytes]:
    """The Set-Cookie field for a token. `__Host-` ties it to this host, `/` and TLS (RFC 6265bis, 4.1.3.2).

    Without `seconds` the browser forgets it when it is closed.
    """
    life = "" if seconds is None else f"; Max-Age={seconds}"
    return b"set-cookie", f"{name}={token}{_FLAGS}{life}".encode("ascii")


def clear_cookie(name: str) -> tuple[bytes, bytes]:
    """The Set-Cookie field that removes a token."""
    return b"set-cookie", f"{name}={_FLAGS}; Max-Age=0".encode("ascii")


def cookie_token(cookies: bytes | None, name: str) -> str | None:
    """The token in a Cookie field, or None if there is none, a malformed one, or more than one of that name."""
    if cookies is None:
        return None
    prefix = name.encode("ascii") + b"="
    found = [part.strip()[len(prefix) :] for part in cookies.split(b";") if part.strip().startswith(prefix)]
    if len(found) != 1:
        return None
    text = found[0].decode("latin-1")
    return text if is_token(text) else None
