"""The desk's lists, told to whoever has one open: something went on somewhere in the organisation, and not where."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final
from uuid import UUID

from sealdesk.core.bells import Bells, list_of
from sealdesk.live.frames import ListBell, encode

AFTER: Final = 0.5
"""Seconds from a bell to its telling: what is derived from the record (who waits) has followed by then, and many bells are one."""
APART: Final = 2.0
"""Seconds between two tellings: a list is a page, and a busy desk is busy all the time."""
_TEXT: Final = encode(ListBell())


class Listing:
    """One socket's watch over the lists of an organisation; `push` takes what is to be told."""

    def __init__(self, bells: Bells | None, org: UUID, push: Callable[[tuple[object, ...], str], None]) -> None:
        self._bells, self._org, self._push = bells, org, push
        self._hearing = ExitStack()
        self._on = False
        self._due: asyncio.TimerHandle | None = None
        self._told = 0.0

    def start(self) -> None:
        """From now on."""
        if not self._on and self._bells is not None:
            self._on = True
            self._hearing.enter_context(self._bells.hearing(self._org, list_of(self._org), self._rang))

    def stop(self) -> None:
        """No longer."""
        self._on = False
        self._hearing.close()
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _rang(self) -> None:
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_at(max(loop.time() + AFTER, self._told + APART), self._tell)

    def _tell(self) -> None:
        self._due, self._told = None, asyncio.get_running_loop().time()
        self._push(("list",), _TEXT)
