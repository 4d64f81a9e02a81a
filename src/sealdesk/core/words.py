"""Words between the processes of one desk, over a channel that every login may read and write.

Each is sealed by AES-256-GCM under a key of the desk's secret, and says when: a login with free SQL learns nothing of whose it is, can't
make one, and can repeat one that it overheard only while that is fresh, and not twice.
"""

import secrets
import time
from base64 import b64decode, b64encode
from binascii import Error
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FRESH: Final = 10.0
_NONCE: Final = 12
_AT: Final = 8


class Words:
    """Seals and opens; `secret` is shared by all processes of the desk."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(sha256(b"words\n" + secret).digest())
        self._seen: dict[bytes, float] = {}

    def seal(self, word: bytes) -> str:
        """The word for the channel."""
        nonce, at = secrets.token_bytes(_NONCE), int(time.time() * 1000).to_bytes(_AT)
        self._saw(nonce)  # so that nobody tells us our own as somebody else's
        return b64encode(nonce + self._cipher.encrypt(nonce, at + word, None)).decode()

    def open(self, text: str) -> bytes | None:
        """The word, or None for what is not one of ours, is old, or was heard before."""
        try:
            sealed = b64decode(text, validate=True)
            nonce = sealed[:_NONCE]
            if nonce in self._seen:
                return None
            plain = self._cipher.decrypt(nonce, sealed[_NONCE:], None)
        except (Error, ValueError, InvalidTag):
            return None
        if abs(time.time() - int.from_bytes(plain[:_AT]) / 1000) > FRESH:
            return None
        self._saw(nonce)
        return plain[_AT:]

    def _saw(self, nonce: bytes) -> None:
        now = time.time()
        self._seen[nonce] = now
        if len(self._seen) > 10_000:
            self._seen = {each: at for each, at in self._seen.items() if now - at <= 2 * FRESH}
