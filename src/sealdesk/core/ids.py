"""Ids are UUIDv7 (RFC 9562, 5.7): sortable by time of making, unguessable in the rest."""

import os
import re
import time
from typing import Final
from uuid import UUID

_WRITTEN: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id() -> UUID:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, 74 random bits."""
    millis = time.time_ns() // 1_000_000
    value = (millis << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def read_id(text: str) -> UUID:
    """An id in its one canonical form. `ValueError` for all else that `UUID` takes: braces, `urn:`, underscores, other digits."""
    if not _WRITTEN.fullmatch(text):
        raise ValueError
    return UUID(text)
