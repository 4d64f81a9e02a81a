"""Keeping a session in use alive: noted at most once a minute, and not by a page that only asks for news."""

import re
import time

from sealdesk.access.actor import Actor
from sealdesk.core.db import ABSENT
from sealdesk.unit import Desk

EVERY = 60.0
MOST = 100_000
POLLS = ("/news", "/progress", "/live")
_WAITS = re.compile(rb"(?:^|&)wait=")


class Presence:
    """What this process has noted of sessions in use."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._noted: dict[bytes, float] = {}

    async def seen(self, actor: Actor, path: str, query: bytes = b"") -> None:
        """Note that the session or token is in use, unless it was a moment ago, or it is a session's page that asks by itself.

        A program that waits for news uses its token: that is what its last use tells of.
        """
        now = time.monotonic()
        by_itself = actor.kind in ("session", "visitor") and (path.endswith(POLLS) or _WAITS.search(query) is not None)
        if by_itself or now - self._noted.get(actor.session_hash, float("-inf")) < EVERY:
            return
        if len(self._noted) >= MOST:
            self._noted.clear()
        self._noted[actor.session_hash] = now
        try:
            pool = await self._desk.database.pool("desk_gate")
            await pool.execute("select sec.touch($1)", actor.session_hash)
        except ABSENT:
            self._noted.pop(actor.session_hash, None)
