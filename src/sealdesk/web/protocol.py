"""uvicorn's HTTP protocol with deadlines and caps on the socket itself.

uvicorn closes no client that is silent, sends its header section slowly, or does not read its answer, and httptools takes header sections
of any size, bodies in chunks that are mostly framing, and trailers that would join the header fields after they were judged.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast
from uuid import UUID

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from sealdesk.core.errors import BadRequest, Overloaded, Refusal
from sealdesk.core.ids import new_id
from sealdesk.web import caps
from sealdesk.web.answer_headers import NO_STORE, AnswerHeaders
from sealdesk.web.handshake import check_handshake
from sealdesk.web.problems import PROBLEM_TYPE, encode, header_fields
from sealdesk.web.refusals import FieldsTooLarge, TooSlow
from sealdesk.web.socket_protocol import GuardedSocket

_PHRASES: Final = {
    400: b"Bad Request",
    408: b"Request Timeout",
    426: b"Upgrade Required",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}
_BODY_FIELDS: Final = frozenset({b"content-length", b"transfer-encoding"})
_FRAMING_SLACK: Final = 16 * caps.KIB
_FRAMING_RATIO: Final = 8  # one byte a chunk, the worst honest case, costs six

# One buffer for all connections of the process: what it holds is parsed, and copied, before the loop reads again.
_BUFFER: Final = memoryview(bytearray(caps.RECEIVE_BYTES))


class _Malformed(Exception):
    """Raised inside a parser callback to stop parsing."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection, seen by the parser."""

    answer_headers = AnswerHeaders(())
    most_connections = 2000

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0
        self._raw_bytes = 0
        self._body_bytes = 0
        self._closed = False

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        if len(self.connections) > self.most_connections:
            # uvicorn's own limit answers without any of our header fields.
            self._refuse(Overloaded("Too many connections are open. Try again shortly.", headers={"Retry-After": "5"}))
            return
        self._head_timer = self.loop.call_later(caps.HEADER_SECONDS, self._head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._stop_head_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, keeping count of what framing costs."""
        if self._closed or self.transport.is_closing():
            return
        self._raw_bytes += len(data)
        if self._in_head:
            self._head_bytes += len(data)
        self._feed(data)
        if self._closed or self.transport.is_closing():
            return
        if self._in_head:
            self._check_head()
        elif self._raw_bytes > _FRAMING_SLACK + _FRAMING_RATIO * self._body_bytes:
            self._refuse(BadRequest("The body is mostly framing."))

    def _feed(self, data: bytes) -> None:
        # As uvicorn does, but for what stands behind a handshake: there it is dropped in silence.
        self._unset_keepalive_if_required()
        try:
            cast("httptools.HttpRequestParser", self.parser).feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            if self._should_upgrade():
                self._become_socket(data[int(stop.args[0]) :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def _become_socket(self, behind: bytes) -> None:
        """Hand the connection to the protocol of sockets, which asks the application before it opens one."""
        answering = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        try:
            if answering or behind:
                raise BadRequest("A handshake stands alone: nothing goes before its answer.")
            check_handshake(self.scope["method"], self.scope["http_version"], self.headers)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._closed = True  # for this protocol
        self._stop_head_timer()
        self._stop_write_timer()
        self.connections.discard(self)
        socket = GuardedSocket(self.config, self.server_state, self.app_state, self.loop)
        socket.connection_made(self.transport)
        self.transport.set_protocol(BoundedReads(socket))
        socket.shake_hands(self.url, self.headers)

    def _check_head(self) -> None:
        # One read may bring the end of a body too, hence twice the cap; `fields` counts exactly.
        if self._head_bytes > 2 * caps.HEADER_BYTES:
            self._refuse(FieldsTooLarge(f"At most {caps.HEADER_BYTES} bytes of header fields are taken."))
        elif self._head_timer is None and self._head_bytes:
            self._head_timer = self.loop.call_later(caps.HEADER_SECONDS, self._head_late)

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        """A request begins, perhaps behind another in the same read."""
        self._in_head = True
        self._raw_bytes = self._body_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or a trailer field (RFC 9110, 6.5), which could say other than what was judged: no part of ours uses any."""
        if not self._in_head:
            raise _Malformed
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The header section is whole: from here the body's deadline counts, in `Intake`."""
        self._in_head = False
        self._head_bytes = 0
        self._stop_head_timer()
        if not self.url.startswith(b"/"):
            # Absolute and authority forms (RFC 9112, 3.2) name a second host beside Host.
            raise _Malformed
        super().on_headers_complete()
        if self._should_upgrade() and not _BODY_FIELDS.isdisjoint(name for name, _ in self.headers):
            raise _Malformed  # a handshake has no body

    def on_body(self, body: bytes) -> None:
        """A piece of the body; reading stops until the application takes it."""
        self._body_bytes += len(body)
        super().on_body(body)
        if not self.cycle.response_complete and len(self.cycle.body) >= caps.RECEIVE_BYTES:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """The request is whole."""
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = self._raw_bytes = self._body_bytes = 0

    # Deadlines.

    def _head_late(self) -> None:
        self._head_timer = None
        if self._closed or self.transport.is_closing() or not self._in_head:
            return
        if self.cycle is not None and not self.cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]
            return
        if self._head_bytes == 0:
            self.transport.close()
        else:
            self._refuse(TooSlow(f"The header section has to arrive within {caps.HEADER_SECONDS:.0f} seconds."))

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def pause_writing(self) -> None:
        """The client does not read: it has a while."""
        super().pause_writing()
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(caps.WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stop_write_timer()
        super().resume_writing()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    # Refusals for which there is no request to answer.

    def send_400_response(self, msg: str) -> None:
        """Uvicorn's answer to what is not HTTP, in our words."""
        del msg
        self._refuse(BadRequest("This is not a well-formed HTTP request."))

    def _refuse(self, refusal: Refusal) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        if not (answering and self.cycle.response_started):
            self.transport.write(_raw_answer(refusal, new_id(), self.answer_headers))
        if answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


def _raw_answer(refusal: Refusal, request_id: UUID, headers: AnswerHeaders) -> bytes:
    body = encode(refusal, str(request_id))
    lines = [b"HTTP/1.1 %d %s" % (refusal.status, _PHRASES[refusal.status])]
    fields = [
        (b"content-type", PROBLEM_TYPE),
        *header_fields(refusal),
        (b"content-length", str(len(body)).encode("ascii")),
        *headers.data,
        NO_STORE,
        (b"x-request-id", str(request_id).encode("ascii")),
        (b"connection", b"close"),
    ]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class BoundedReads(asyncio.BufferedProtocol):
    """One connection, seen by the loop.

    A plain protocol's read may be 256 KiB, more than a refused body may make us read; here it is `caps.RECEIVE_BYTES`. uvloop gives buffers
    only to protocols that are not `asyncio.Protocol` too, so this one stands in front of uvicorn's.
    """

    def __init__(self, inner: GuardedProtocol | GuardedSocket) -> None:
        self._inner = inner

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the loop writes what it reads."""
        del sizehint
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """The loop has read `nbytes`."""
        self._inner.data_received(bytes(_BUFFER[:nbytes]))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connects."""
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._inner.connection_lost(exc)

    def eof_received(self) -> None:
        """It sends no more; the connection is closed, as uvicorn does."""
        self._inner.eof_received()

    def pause_writing(self) -> None:
        """It does not keep up."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._inner.resume_writing()


def guarded_protocol(headers: AnswerHeaders, most_connections: int) -> Callable[..., BoundedReads]:
    """What makes the protocol of each connection, for uvicorn's `http` setting."""
    made = type(
        "GuardedProtocol", (GuardedProtocol,), {"answer_headers": headers, "most_connections": most_connections}
    )

    def connect(**parts: Any) -> BoundedReads:
        return BoundedReads(made(**parts))

    return connect
