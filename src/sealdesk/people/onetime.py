"""Codes that work once: TOTP (RFC 6238, SHA-1, six digits, steps of 30 seconds) and recovery codes of 128 bits."""

import base64
import secrets
from hashlib import sha256
from itertools import accumulate
from urllib.parse import quote
from uuid import UUID

from pyotp.totp import TOTP
from pyotp.utils import strings_equal

from sealdesk.core import clock

STEP = 30
DIGITS = 6
SEED_BYTES = 20
"""RFC 4226, 4: at least 128 bits, 160 recommended."""
RECOVERY_CODES = 10
_RECOVERY_BYTES = 16
_GROUPS = (5, 5, 5, 5, 6)


def new_seed() -> bytes:
    """160 random bits."""
    return secrets.token_bytes(SEED_BYTES)


def seed_label(factor: UUID) -> bytes:
    """What a sealed seed is bound to: it opens for this factor alone."""
    return b"sealdesk/totp/v1" + factor.bytes


def seed_text(seed: bytes) -> str:
    """The seed as authenticator apps take it: 32 letters and digits of base32 (RFC 4648, 6)."""
    return base64.b32encode(seed).decode("ascii")


def seed_uri(seed: bytes, account: str, issuer: str) -> str:
    """The address that the QR code holds (Key Uri Format of Google Authenticator)."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    return f"otpauth://totp/{label}?secret={seed_text(seed)}&issuer={quote(issuer, safe='')}"


def step_of(seed: bytes, code: str) -> int | None:
    """The step of our own clock that `code` belongs to, at most one away from now; None for a wrong code."""
    totp, now = TOTP(seed_text(seed), digits=DIGITS, interval=STEP), int(clock.now().timestamp()) // STEP
    # All three are compared, whichever fits: the time taken says nothing.
    fitting = [step for step in (now, now - 1, now + 1) if strings_equal(totp.at(step * STEP), code)]
    return fitting[0] if fitting else None


def is_totp(code: str) -> bool:
    """Whether a plain `code` has the form of a TOTP; else it can only be a recovery code."""
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def plain(code: str) -> str:
    """A code as it was typed, without blanks, hyphens and case."""
    return "".join(code.split()).replace("-", "").lower()


def new_recovery_codes() -> list[str]:
    """Ten codes of 128 random bits each, in five groups of letters and digits (ASVS 6.5.2, 6.5.3, 6.5.4)."""
    return [_grouped(secrets.token_bytes(_RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> bytes:
    """What is stored of a recovery code: SHA-256 suffices for 128 random bits (ASVS 6.5.2)."""
    return sha256(plain(code).encode()).digest()


def _grouped(raw: bytes) -> str:
    text = base64.b32encode(raw).rstrip(b"=").decode("ascii").lower()
    ends = list(accumulate(_GROUPS))
    return "-".join(text[end - size : end] for size, end in zip(_GROUPS, ends, strict=True))
