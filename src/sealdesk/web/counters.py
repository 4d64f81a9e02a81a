"""Counters of one process, behind the interface of the `limits` library.

The library's own memory storage walks every key at every hit, so a flood from many addresses would slow everybody down. This one does a
constant amount of work and is bounded: when it is full it forgets what has expired, and then what is oldest.
"""

import time
from typing import Final

from limits.aio.storage import Storage

_MOST_KEYS: Final = 100_000


class ProcessCounters(Storage):
    """Exact within one process; many processes need a shared storage."""

    STORAGE_SCHEME = ["sealdesk+process"]  # noqa: RUF012 - the library's name and type

    def __init__(self, most: int = _MOST_KEYS) -> None:
        super().__init__("sealdesk+process://")
        self._most = most
        self._windows: dict[str, tuple[float, int]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the count of `key`, whose window of `expiry` seconds opens with its first hit; gives the new count."""
        now = time.time()
        end, count = self._windows.get(key, (0.0, 0))
        if end <= now:
            if key not in self._windows and len(self._windows) >= self._most:
                self._forget(now)
            self._windows.pop(key, None)  # so that the order of keys stays the order in which windows opened
            end, count = now + expiry, 0
        self._windows[key] = end, count + amount
        return count + amount

    async def get(self, key: str) -> int:
        end, count = self._windows.get(key, (0.0, 0))
        return count if end > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """When the window of `key` ends, in Unix seconds."""
        return self._windows.get(key, (time.time(), 0))[0]

    async def check(self) -> bool:
        return True

    async def reset(self) -> int | None:
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    def _forget(self, now: float) -> None:
        self._windows = {key: window for key, window in self._windows.items() if window[0] > now}
        for key in list(self._windows)[: len(self._windows) - self._most * 9 // 10]:
            del self._windows[key]
