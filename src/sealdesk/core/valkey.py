"""Counts of windows in Valkey (or Redis), for desks with many web processes; PostgreSQL takes over whenever it does not answer.

Only counts that may be lost with the server are here. What decides on somebody's account stays in the database, on its disk.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, cast
from urllib.parse import urlsplit

import structlog
from valkey.asyncio import Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import ValkeyError

from sealdesk.core import clock
from sealdesk.core.faults import Fault

SCHEMES = ("valkey", "valkeys", "redis", "rediss", "unix")
PATIENCE = 0.25
"""Seconds for an answer; whoever posts does not wait longer for a server that is away."""
AGAIN_AFTER = 2.0
"""Seconds for which a server that did not answer is left alone."""
# One window a key: it opens with its first hit, and its end does not move (as in `sec.hit`).
_HIT = """
local answer = {}
for n, key in ipairs(KEYS) do
  local amount = tonumber(ARGV[2 * n - 1])
  local count = redis.call('incrby', key, amount)
  local left = redis.call('pttl', key)
  if left < 0 then
    left = tonumber(ARGV[2 * n])
    redis.call('pexpire', key, left)
  end
  answer[2 * n - 1], answer[2 * n] = count, left
end
return answer
"""
_TLS = ("valkeys", "rediss")

log = structlog.get_logger("valkey")


class ValkeyAway(Exception):
    """The server does not answer, or has not done so a moment ago."""


def checked_url(text: str) -> str:
    """The URL of a server, or nothing. Raises `Fault` for what makes no sense."""
    parts = urlsplit(text)
    if text and (parts.scheme not in SCHEMES or not (parts.hostname or (parts.scheme == "unix" and parts.path))):
        raise Fault(
            "SEALDESK_VALKEY_URL must look like valkeys://:password@cache.example.org:6379/0, or valkey:// without TLS."
        )
    return text


def client_of(url: str, *, patience: float = PATIENCE, silence: float | None = None) -> Valkey:
    """A client that tries nothing twice; `patience` are the seconds for a connection, `silence` those for what is waited for on it."""
    tls: dict[str, Any] = {"ssl_check_hostname": True} if urlsplit(url).scheme in _TLS else {}
    return Valkey.from_url(
        url, socket_timeout=silence or patience, socket_connect_timeout=patience, retry=Retry(NoBackoff(), 0), **tls
    )


def prefix_of(name: str) -> bytes:
    """What the keys and channels of the desk `name` begin with: it sets desks that share a server apart."""
    return b"sealdesk:" + blake2b(name.encode(), digest_size=8).hexdigest().encode() + b":"


class ValkeyCounts:
    """Counts of the desk `name`. Keys are hashes: neither addresses nor accounts are stored."""

    def __init__(self, url: str, name: str, *, patience: float = PATIENCE) -> None:
        self._client = client_of(url, patience=patience)
        self._patience = patience
        self._hit = self._client.register_script(_HIT)
        self._prefix = prefix_of(name)
        self._away_until = 0.0

    async def hit(
        self, keys: Sequence[bytes], amounts: Sequence[int], seconds: Sequence[int]
    ) -> list[tuple[int, datetime]]:
        """Add `amounts` to `keys`, each in a window of its `seconds`; gives each count, and when its window ends. Raises `ValkeyAway`."""
        if time.monotonic() < self._away_until:
            raise ValkeyAway
        arguments = [number for amount, each in zip(amounts, seconds, strict=True) for number in (amount, each * 1000)]
        try:
            async with asyncio.timeout(2 * self._patience):
                answer = cast(
                    "list[int]",
                    await self._hit(keys=[self._prefix + key.hex().encode() for key in keys], args=arguments),
                )
        except (ValkeyError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + AGAIN_AFTER
            log.warning("valkey.away", reason=type(error).__name__)
            raise ValkeyAway from error
        now = clock.now()
        return [
            (count, now + timedelta(milliseconds=left)) for count, left in zip(answer[::2], answer[1::2], strict=True)
        ]

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()
