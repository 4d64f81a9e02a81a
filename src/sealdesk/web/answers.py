"""What a route gives back, and how it becomes an answer."""

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Generic, TypeVar
from urllib.parse import quote

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from sealdesk.web.answer_headers import Field
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import none_match

T = TypeVar("T")

_JSON: Final[Field] = (b"content-type", b"application/json")
_HTML: Final[Field] = (b"content-type", b"text/html; charset=utf-8")
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A value with more to say than its status: `etag` makes a GET conditional, `status` overrides the route's (202, for example)."""

    value: T
    etag: str | None = None
    location: str | None = None
    status: int | None = None
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Html:
    """A rendered page or fragment."""

    text: str
    status: int = 200
    fields: Sequence[Field] = field(default=())


@dataclass(frozen=True, slots=True)
class SeeOther:
    """Look at another address of this desk next (RFC 9110, 15.4.4); the answer to a form that was taken."""

    path: str
    fields: Sequence[Field] = field(default=())


@dataclass(frozen=True, slots=True)
class Bytes:
    """A body as it is."""

    body: bytes
    content_type: str
    etag: str | None = None
    fields: Sequence[Field] = field(default=())
    status: int = 200


@dataclass(frozen=True, slots=True)
class Download:
    """A file of `size` bytes that is sent as it is read, to be saved under `filename`."""

    chunks: AsyncIterable[bytes]
    size: int
    filename: str
    content_type: str = "application/octet-stream"


class Sent(ASGIResponse):
    """An answer ready to go, as the ASGI application that Litestar expects of a handler."""

    __slots__ = ("chunks", "fields", "status")

    def __init__(
        self, status: int, fields: list[Field], body: bytes = b"", chunks: AsyncIterable[bytes] | None = None
    ) -> None:
        # Not super().__init__: its header objects cost more than the rest of an answer, and `__call__` here needs none of them.
        self.status = status
        self.fields = fields
        self.body = body
        self.chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        del receive
        if self.chunks is not None and scope["type"] == "http" and scope["method"] != "HEAD":
            await self._stream(send, self.chunks)
            return
        if self.chunks is None and self.status not in (204, 304):
            self.fields.append((b"content-length", str(len(self.body)).encode("ascii")))
        await send({"type": "http.response.start", "status": self.status, "headers": self.fields})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})

    async def _stream(self, send: Send, chunks: AsyncIterable[bytes]) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.fields})
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def encode_answer(value: object, status: int, exchange: Exchange) -> Sent:
    """`value`, as a route returned it, as an answer with `status` unless it brings its own."""
    match value:
        case None:
            return Sent(204 if status == 200 else status, [])
        case Html():
            return Sent(value.status, [_HTML, *value.fields], value.text.encode())
        case SeeOther():
            return Sent(303, [(b"location", value.path.encode("ascii")), *value.fields])
        case Bytes():
            fields = [(b"content-type", value.content_type.encode("ascii")), *value.fields]
            return _conditional(Sent(value.status, fields, value.body), value.etag, exchange)
        case Download():
            return _encode_download(value)
        case Answer():
            return _encode_answer(value, status, exchange)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return Sent(status, [_JSON], _encode(value))


def _encode_download(download: Download) -> Sent:
    # RFC 6266, 4.3 and appendix D: a plain name for old readers, the true one in UTF-8.
    plain = "".join(
        letter if letter.isalnum() or letter in "._-" else "_" for letter in download.filename if letter.isascii()
    )
    disposition = (
        f"attachment; filename=\"{plain or 'download'}\"; filename*=UTF-8''{quote(download.filename, safe='')}"
    )
    fields = [
        (b"content-type", download.content_type.encode("ascii")),
        (b"content-length", str(download.size).encode("ascii")),
        (b"content-disposition", disposition.encode("ascii")),
    ]
    return Sent(200, fields, chunks=download.chunks)


def _encode_answer(answer: Answer[object], status: int, exchange: Exchange) -> Sent:
    empty = (answer.status or status) == HTTPStatus.NO_CONTENT  # RFC 9110, 15.3.5: it ends with its header section
    fields: list[Field] = [] if empty else [_JSON]
    if answer.location is not None:
        fields.append((b"location", answer.location.encode("ascii")))
    if answer.retry_after is not None:
        fields.append((b"retry-after", str(answer.retry_after).encode("ascii")))
    body = b"" if empty else _encode(answer.value)
    return _conditional(Sent(answer.status or status, fields, body), answer.etag, exchange)


def _conditional(sent: Sent, etag: str | None, exchange: Exchange) -> Sent:
    """With an entity tag, and as 304 if the client has it already (RFC 9110, 13.2.2)."""
    if etag is None:
        return sent
    sent.fields.append((b"etag", etag.encode("ascii")))
    if exchange.method in ("GET", "HEAD") and none_match(exchange.fields.get(b"if-none-match"), etag):
        kept = [field for field in sent.fields if field[0] not in (b"content-type", b"content-encoding")]
        return Sent(304, kept)
    return sent
