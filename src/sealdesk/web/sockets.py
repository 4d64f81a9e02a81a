"""A live socket as the application sees it: the handshake as a request that can be refused, then texts in both directions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from litestar.types import HTTPScope, Message, Receive, Send, WebSocketScope

from sealdesk.core.errors import BadRequest, Refusal
from sealdesk.core.ids import new_id
from sealdesk.web.exchange import Exchange
from sealdesk.web.intake import Disconnected

SUBPROTOCOL: Final = "sealdesk.live.v1"
NOT_TEXT: Final = 1003
HANG_UP: Final = "sealdesk.hang_up"
"""The ASGI extension by which a server of ours lets a connection be cut."""
Note = Callable[[Exchange, Refusal], Awaitable[None]]


class Ended(Disconnected):
    """The socket is over, whoever ended it; `code` and `reason` say why where that is known (RFC 6455, 7.4)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__()
        self.code = code
        self.reason = reason


class Socket:
    """One socket. `exchange` is its handshake; `opened` says whether it was accepted."""

    def __init__(self, exchange: Exchange, scope: WebSocketScope, receive: Receive, send: Send, note: Note) -> None:
        self.exchange = exchange
        self.opened = False
        self._offered = scope["subprotocols"]
        self._hang_up: Callable[[], None] = _extensions(scope).get(HANG_UP, _nothing)
        self._receive = receive
        self._send = send
        self._note = note
        self._closed = False

    async def accept(self) -> None:
        """Open it. Raises `BadRequest` where only subprotocols that nobody speaks here are offered."""
        if self._offered and SUBPROTOCOL not in self._offered:
            raise BadRequest(f"The subprotocol here is {SUBPROTOCOL}.")
        self.opened = True
        await self._give(
            {
                "type": "websocket.accept",
                "subprotocol": SUBPROTOCOL if self._offered else None,
                "headers": [(b"x-request-id", self.exchange.request_id.encode("ascii"))],
            }
        )

    async def receive(self, seconds: float) -> str:
        """The next text. Raises `Ended`, and TimeoutError where none came within `seconds`."""
        async with asyncio.timeout(seconds):
            message = cast("dict[str, Any]", await self._receive())
        if message["type"] == "websocket.disconnect":
            self._closed = True
            raise Ended(int(message.get("code") or 1005), str(message.get("reason") or ""))
        text = message.get("text")
        if not isinstance(text, str):
            await self.close(NOT_TEXT, "text alone is spoken here")
            raise Ended(NOT_TEXT, "")
        return text

    async def send(self, text: str) -> None:
        """Send one text; waits for a reader that is behind. Raises `Ended` where there is none any more."""
        if not self._closed:
            await self._give({"type": "websocket.send", "text": text})
        if self._closed:
            raise Ended(1006, "")

    async def close(self, code: int, reason: str) -> None:
        """Close with a code and a reason of at most 123 bytes."""
        if not self._closed:
            self._closed = True
            await self._give({"type": "websocket.close", "code": code, "reason": reason})

    async def note(self, refusal: Refusal, document: str = "") -> None:
        """Put a no on record that was said inside the socket; `document` is the text that asked. Each counts as a request of its own."""
        self.exchange.request_id = str(new_id())
        self.exchange.document = document.encode()
        await self._note(self.exchange, refusal)

    def hang_up(self) -> None:
        """End the connection at once, whatever is on its way."""
        self._closed = True
        self._hang_up()

    async def _give(self, message: dict[str, object]) -> None:
        try:
            await self._send(cast("Message", message))
        except OSError:
            self._closed = True  # `receive` says so


def as_request(scope: WebSocketScope) -> HTTPScope:
    """The handshake as the request that it is."""
    return cast("HTTPScope", {**scope, "type": "http", "method": "GET"})


def as_rejection(send: Send) -> Send:
    """Sends an answer in place of the socket."""

    async def reject(message: Message) -> None:
        told = dict(cast("dict[str, object]", message))
        told["type"] = str(told["type"]).replace("http.", "websocket.http.", 1)
        await send(cast("Message", told))

    return reject


def _extensions(scope: WebSocketScope) -> dict[str, Any]:
    return cast("dict[str, Any]", scope["extensions"] or {})


def _nothing() -> None:
    return None
