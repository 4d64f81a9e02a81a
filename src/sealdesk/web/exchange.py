"""One request and its answer, as the kit sees them."""

import re
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

from litestar.types import HTTPScope, Message, Receive, Send

from sealdesk.access.actor import Actor, Holder, Traced
from sealdesk.core.errors import Refusal
from sealdesk.core.ids import new_id
from sealdesk.web.answer_headers import NO_STORE, AnswerHeaders, Field, new_nonce
from sealdesk.web.fields import Fields
from sealdesk.web.intake import Intake

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

current: ContextVar["Exchange"] = ContextVar("sealdesk_exchange")
"""The exchange that the running task answers, for logs."""


class Exchange:
    """Facts of one request, gathered from outside in.

    `request_id` is made here; `client_request_id` is what the client calls the request, kept for logs alone. `fields` are the header
    fields that the kit looks at, `form` a form's fields once read, `document` the bytes of a JSON body once read, `route` the route's
    template once known, `refusal` the no that was answered, if one was, `public` whether the route is one that nobody signs in for,
    `holder` whose the token of a refused request was, `traced` at whose account it was a try. `ancestors` are the sites that may show
    the page in a frame (None for what is no frame), `shared` says that other sites may load the answer: the widget's frame and script alone
    set them.
    """

    __slots__ = (
        "_headers",
        "_nonce",
        "_send",
        "actor",
        "address",
        "ancestors",
        "client_request_id",
        "document",
        "fields",
        "form",
        "holder",
        "intake",
        "method",
        "path",
        "public",
        "query",
        "refusal",
        "request_id",
        "route",
        "set_cookies",
        "shared",
        "status",
        "traced",
    )

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send, headers: AnswerHeaders) -> None:
        self.request_id = str(new_id())
        self.client_request_id: str | None = None
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        client = scope["client"]
        self.address: str = client[0] if client else "local"
        self.fields: Fields = {}
        # Unread until the fields are judged: a refusal before that must end the connection.
        self.intake = Intake(receive, declared=None, chunked=True)
        self.form: dict[str, str] | None = None
        self.document = b""
        self.actor: Actor | None = None
        self.set_cookies: list[Field] = []
        self.route: str | None = None
        self.refusal: Refusal | None = None
        self.public = False
        self.holder: Holder | None = None
        self.traced: Traced | None = None
        self.ancestors: tuple[str, ...] | None = None
        self.shared = False
        self.status = 0
        self._headers = headers
        self._nonce: str | None = None
        self._send = send

    def take_fields(self, fields: Fields, receive: Receive) -> None:
        """Accept the judged header `fields`: from here on the body can be read."""
        self.fields = fields
        length = fields.get(b"content-length")
        self.intake = Intake(
            receive, declared=int(length) if length is not None else None, chunked=b"transfer-encoding" in fields
        )

    def take_client_id(self, value: bytes | None) -> None:
        """Keep the client's own request id if it is short and plain; a log line must stay one line."""
        if value is not None and _CLIENT_ID.fullmatch(text := value.decode("latin-1")):
            self.client_request_id = text

    @property
    def nonce(self) -> str:
        """The CSP nonce of this answer."""
        if self._nonce is None:
            self._nonce = new_nonce()
        return self._nonce

    @property
    def answered(self) -> bool:
        """Whether the status line has been sent."""
        return self.status != 0

    async def send(self, message: Message) -> None:
        """ASGI's send; adds the header fields that every answer carries."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._complete(list(message["headers"]))
        await self._send(message)

    def _complete(self, headers: list[Field]) -> list[Field]:
        html = stored = False
        for name, value in headers:
            if name == b"content-type":
                html = value.startswith(b"text/html")
            elif name == b"cache-control":
                stored = True
        headers.extend(self._policy(html=html))
        if not stored:
            headers.append(NO_STORE)
        headers.append((b"x-request-id", self.request_id.encode("ascii")))
        headers.extend(self.set_cookies)
        if not self.intake.finished:
            # The rest of the body would be read as the next request, or read at all.
            headers.append((b"connection", b"close"))
        return headers

    def _policy(self, *, html: bool) -> Sequence[Field]:
        # A refusal is no frame and no script, whoever asked for one.
        given = self.refusal is None
        if html and given and self.ancestors is not None:
            return self._headers.frame(self.nonce, self.ancestors)
        if html:
            return self._headers.page(self.nonce)
        return self._headers.shared if given and self.shared else self._headers.data


def for_people(exchange: Exchange) -> bool:
    """Whether the answer is read by a person in a browser's window."""
    accept = exchange.fields.get(b"accept", b"")
    # A script of ours that posts a page's form asks for the problem itself.
    return (
        not exchange.path.startswith("/api/") and b"text/html" in accept and b"application/problem+json" not in accept
    )
