"""uvicorn's WebSocket protocol with deadlines and counts on the socket itself.

uvicorn keeps a message within its cap, but counts no frames, waits for ever for the rest of a message and for a reader, ends a breach of
RFC 6455 without the closing code that says so, and hangs up while the closing frame may still be on its way.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from uvicorn.server import ServerState
from wsproto import events
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError

from sealdesk.web import caps
from sealdesk.web.sockets import HANG_UP

POLICY, TOO_LARGE, FAULT, LATER = 1008, 1009, 1011, 1013
TOO_MANY_FRAMES = "too many frames"
"""The reason of a close that counts as a refusal for a limit."""


_quiet = logging.getLogger("sealdesk.sockets")
_quiet.setLevel(logging.WARNING)


class GuardedSocket(WSProtocol):
    """One connection from its handshake on."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _quiet  # it would tell addresses and queries
        self.close_timeout = caps.SOCKET_CLOSE_SECONDS
        self._deaf = False
        self._window = 0.0
        self._frames = 0
        self._unfinished: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._last_call: asyncio.TimerHandle | None = None

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self.transport.set_write_buffer_limits(high=caps.SOCKET_BUFFER)

    def shake_hands(self, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Take over a handshake whose header section was read and judged by the HTTP protocol."""
        lines = [b"GET " + target + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._unfinished, self._unread, self._last_call):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; behind a breach of the protocol nothing has a meaning, and is thrown away."""
        if not self._deaf and not self.transport.is_closing():
            super().data_received(data)

    def pause_writing(self) -> None:
        """The client does not read: it has a while."""
        super().pause_writing()
        self._unread = self._unread or self.loop.call_later(caps.WRITE_SECONDS, self._drop)

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _drop(self) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": LATER, "reason": "nobody reads"})
        self.transport.abort()

    def handle_connect(self, event: events.Request) -> None:
        """The application is asked; it may cut the connection, too."""
        super().handle_connect(event)
        self.scope["extensions"][HANG_UP] = self.transport.abort  # pyright: ignore[reportArgumentType,reportTypedDictNotRequiredAccess]

    async def send(self, message: ASGISendEvent) -> None:
        """ASGI's send, in time: nothing goes out behind a closing frame of ours."""
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    # Frames.

    def handle_message(self, event: events.TextMessage | events.BytesMessage) -> None:
        """A frame of a message, or a part of one that has arrived."""
        if event.frame_finished and self._beyond():
            return
        size = len(event.data.encode()) if isinstance(event, events.TextMessage) else len(event.data)
        if self.buffer.length + size > self.buffer.max_length:
            self._deaf = True
            self._end(TOO_LARGE, f"at most {self.buffer.max_length:,} bytes")
            return
        super().handle_message(event)
        if event.message_finished:
            if self._unfinished is not None:
                self._unfinished.cancel()
                self._unfinished = None
        elif self._unfinished is None:
            self._unfinished = self.loop.call_later(caps.BODY_SECONDS, self._end, POLICY, "unfinished message")

    def handle_ping(self, event: events.Ping) -> None:
        """Answered while there are not too many."""
        if not self._beyond():
            super().handle_ping(event)

    def handle_pong(self, event: events.Pong) -> None:
        """Those that answer nothing count too."""
        if not self._beyond():
            super().handle_pong(event)

    def handle_close(self, event: events.CloseConnection) -> None:
        """The other side closes, or has broken the protocol: then it is told so (RFC 6455, 7.1.7)."""
        if not self.close_sent and self.conn.state is ConnectionState.OPEN:
            self._deaf = True
            self._end(int(event.code), "not as RFC 6455 has it")
            return
        super().handle_close(event)

    def keepalive_timeout(self) -> None:
        """No pong came."""
        self.pong_timer = None
        if not self.close_sent and not self.transport.is_closing():
            self._end(FAULT, "no pong")

    def _beyond(self) -> bool:
        now = self.loop.time()
        if now - self._window >= caps.SOCKET_FRAMES_SECONDS:
            self._window, self._frames = now, 0
        self._frames += 1
        if self._frames > caps.SOCKET_FRAMES:
            self._end(POLICY, TOO_MANY_FRAMES)
            return True
        return False

    # The end.

    def _end(self, code: int, reason: str) -> None:
        """Close, and give the other side a moment to say that it has heard."""
        if self.close_sent:
            return
        self.close_sent = True
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.transport.is_closing():
            return
        with suppress(LocalProtocolError):  # where the closing handshake is over on our side already
            self.transport.write(self.conn.send(events.CloseConnection(code=code, reason=reason)))
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        self._soon()

    def _soon(self) -> None:
        """What is closed is gone in the end, though nobody reads what was written last."""
        self._last_call = self._last_call or self.loop.call_later(2 * self.close_timeout, self.transport.abort)

    async def run_asgi(self) -> None:
        """The application's part; when it has done, so has the connection."""
        await super().run_asgi()
        if not self.disconnected:
            self._soon()
