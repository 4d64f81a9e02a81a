"""Secrets that are planted, and every way in which one might be written down."""

import base64
from collections.abc import Iterable, Mapping
from urllib.parse import quote_from_bytes


def spellings(secret: bytes) -> set[bytes]:
    """As it is, in hex, in base64 of both alphabets wherever it begins within three bytes, and as a URL has it."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), quote_from_bytes(secret, safe="").encode()}
    found.add("".join(f"%{byte:02x}" for byte in secret).encode())
    for before in range(3):
        whole = (before + len(secret)) * 8 // 6  # characters that say something of nothing but these bytes
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(bytes(before) + secret)[-(-before * 8 // 6) : whole])
    return found


def leaks(secrets: Mapping[str, bytes], places: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Which secret stands in which place, in any spelling."""
    return [
        (name, place)
        for name, secret in secrets.items()
        for place, text in places.items()
        if any(spelling in text for spelling in spellings(secret))
    ]


def joined(texts: Iterable[bytes]) -> bytes:
    """One after another."""
    return b"\n".join(texts)
