"""The request body: counted while it is read, and due by a deadline. No Python server does either."""

import asyncio
from typing import cast

from litestar.types import HTTPReceiveMessage, Receive

from sealdesk.core.errors import BadRequest, TooLarge
from sealdesk.web import caps
from sealdesk.web.refusals import TooSlow


class Disconnected(Exception):
    """The client left before its request was complete; there is nobody to answer."""


class Intake:
    """One request's body. `cap` may be raised or lowered by the route until the first read."""

    __slots__ = ("_opened", "_receive", "cap", "count", "declared", "finished")

    def __init__(self, receive: Receive, *, declared: int | None, chunked: bool) -> None:
        self._receive = receive
        self._opened = 0.0
        self.cap = caps.BODY_BYTES
        self.count = 0
        self.declared = declared
        self.finished = not chunked and not declared

    @property
    def seconds(self) -> float:
        """How long the whole body may take to arrive."""
        return caps.BODY_SECONDS + max(0, self.cap - caps.BODY_BYTES) / caps.BODY_BYTES_PER_SECOND

    async def receive(self) -> HTTPReceiveMessage:
        """ASGI's receive, within cap and deadline. Raises `TooLarge`, `TooSlow` or `BadRequest` (a length that lied)."""
        if self.finished:
            return cast("HTTPReceiveMessage", await self._receive())
        if self.declared is not None and self.declared > self.cap:
            await self._drain(self.declared)
            raise self._too_large()
        message = await self._next()
        if message["type"] == "http.request":
            self.count += len(message["body"])
            if self.count > self.cap:
                self.finished = not message["more_body"]
                await self._drain(None)
                raise self._too_large()
            if not message["more_body"]:
                self._finish()
        return message

    async def body(self) -> bytes:
        """The whole body. Raises as `receive`, and `Disconnected`."""
        if self.finished:
            return b""
        parts: list[bytes] = []
        while not self.finished:
            message = await self.receive()
            if message["type"] != "http.request":
                raise Disconnected
            parts.append(message["body"])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _finish(self) -> None:
        if self.declared is not None and self.count != self.declared:
            raise BadRequest("The body does not have the length that was declared.")
        self.finished = True

    async def _next(self) -> HTTPReceiveMessage:
        loop = asyncio.get_running_loop()
        self._opened = self._opened or loop.time()
        try:
            async with asyncio.timeout_at(self._opened + self.seconds):
                return cast("HTTPReceiveMessage", await self._receive())
        except TimeoutError:
            raise TooSlow(f"The body has to arrive within {self.seconds:.0f} seconds.") from None

    async def _drain(self, declared: int | None) -> None:
        """Throw away a little more than the cap, so that the sender can read the refusal; a longer body is cut off."""
        limit = self.cap + caps.DRAIN_BYTES - caps.RECEIVE_BYTES
        if declared is not None and declared > limit:
            return
        while self.count <= limit and not self.finished:
            message = await self._next()
            if message["type"] != "http.request":
                return
            self.count += len(message["body"])
            self.finished = not message["more_body"]

    def _too_large(self) -> TooLarge:
        return TooLarge(f"This is more than the {self.cap // caps.KIB:,} kB that are taken here.")
