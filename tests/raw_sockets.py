"""A WebSocket client made of bytes (RFC 6455): it can say what no library would."""

import json
import os
import socket
import struct
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, Self
from urllib.parse import urlsplit

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0
FIN, MASKED = 0x80, 0x80


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """One frame as a client sends it."""
    first = (FIN if fin else 0) | reserved | opcode
    flag = MASKED if masked else 0
    if len(payload) < 126:
        head = bytes([first, flag | len(payload)])
    elif len(payload) < 65_536:
        head = bytes([first, flag | 126]) + struct.pack("!H", len(payload))
    else:
        head = bytes([first, flag | 127]) + struct.pack("!Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + mask_of(payload, mask)


def mask_of(payload: bytes, mask: bytes) -> bytes:
    """The payload under its mask (5.3)."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


class Over(Exception):
    """The connection is over; `code` and `reason` are those of the closing frame, None where there was none."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@dataclass
class Raw:
    """One connection. `answer` is what the server said to the handshake, without its body."""

    connection: socket.socket
    answer: bytes = b""
    body: bytes = b""
    pending: bytes = b""
    texts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @classmethod
    def open(
        cls, base: str, headers: Mapping[str, str], *, path: str = "/api/v1/live", source: str = "127.0.0.1"
    ) -> Self:
        """Connect and shake hands; `headers` are further header fields (None of the usual ones is added twice)."""
        place = urlsplit(base)
        made = cls(socket.create_connection((place.hostname, place.port or 80), 10, source_address=(source, 0)))
        key = b64encode(os.urandom(16)).decode()
        fields = {
            "Host": place.netloc,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
            **headers,
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value)]
        made.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        made.read_answer()
        if made.status == 101:
            accept = b64encode(sha1(key.encode() + GUID).digest())
            assert b"sec-websocket-accept: " + accept.lower() in made.answer.lower()
            assert b"sec-websocket-extensions" not in made.answer.lower()
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @property
    def status(self) -> int:
        """The status of the handshake's answer."""
        return int(self.answer[9:12]) if self.answer.startswith(b"HTTP/1.1 ") else 0

    def header(self, name: str) -> str:
        """A field of the handshake's answer."""
        lines = (line.partition(b":") for line in self.answer.split(b"\r\n")[1:])
        return next(value.strip().decode() for key, _, value in lines if key.strip().lower() == name.encode())

    def read_answer(self) -> None:
        """Read the answer to the handshake."""
        while b"\r\n\r\n" not in self.pending:
            if not (data := self.connection.recv(65_536)):
                break
            self.pending += data
        self.answer, _, self.pending = self.pending.partition(b"\r\n\r\n")
        if self.status != 101:
            self.body, self.pending = self.pending, b""
            while data := self._received():
                self.body += data

    def _received(self) -> bytes:
        try:
            return self.connection.recv(65_536)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)

    def say(self, **fields: object) -> None:
        """Send a frame of the desk's own language."""
        self.write(frame(TEXT, json.dumps(fields).encode()))

    def next_frame(self, seconds: float = 10) -> tuple[int, bytes]:
        """The next frame: first byte and payload. Raises `Over` at the end, TimeoutError where nothing comes."""
        head = self._take(2, seconds)
        assert not head[1] & MASKED, "a server masks nothing (5.1)"
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2, seconds))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8, seconds))
        payload = self._take(size, seconds)
        if head[0] & 0x0F == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if payload else None
            raise Over(code, payload[2:].decode())
        return head[0], payload

    def _take(self, size: int, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        while len(self.pending) < size:
            self.connection.settimeout(max(0.001, until - time.monotonic()))
            try:
                data = self.connection.recv(65_536)
            except ConnectionError:
                data = b""
            if not data:
                raise Over(None)
            self.pending += data
        taken, self.pending = self.pending[:size], self.pending[size:]
        return taken

    def hear(self, kind: str, seconds: float = 10, *, other: str = "") -> dict[str, Any]:
        """The next text of this type (or of the other one); what comes before it is kept in `texts`."""
        until = time.monotonic() + seconds
        while True:
            first, payload = self.next_frame(max(0.001, until - time.monotonic()))
            if first & 0x0F == TEXT:
                told = json.loads(payload)
                self.texts.append(told)
                if told["type"] in (kind, other):
                    return told

    def silent(self, kind: str, seconds: float) -> bool:
        """Whether no text of this type comes for so long."""
        try:
            self.hear(kind, seconds)
        except TimeoutError:
            return True
        return False

    def over(self, seconds: float = 10) -> Over:
        """How it ends, whatever comes before."""
        until = time.monotonic() + seconds
        while True:
            try:
                self.next_frame(max(0.001, until - time.monotonic()))
            except Over as end:
                return end
