"""The outermost ASGI application: what holds for every answer, also where no route is found.

Litestar's middleware does not run for unknown paths, wrong methods and malformed ids; this does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import cast

from litestar.types import ASGIApp, HTTPScope, LifeSpanScope, Receive, Scope, Send, WebSocketScope

from sealdesk.core.errors import BadOrigin, BadRequest, OutsideReach, Refusal
from sealdesk.web.answer_headers import AnswerHeaders
from sealdesk.web.answers import Sent
from sealdesk.web.body import FORM_TYPE, read_form
from sealdesk.web.exchange import Exchange, current, for_people
from sealdesk.web.fields import check_framing, check_target, read_fields
from sealdesk.web.intake import Disconnected
from sealdesk.web.origin import SAFE_METHODS, Origins
from sealdesk.web.peers import Peers
from sealdesk.web.problems import PROBLEM_TYPE, encode, header_fields, refusal_for
from sealdesk.web.refusals import Misdirected, Unexpected
from sealdesk.web.sockets import Socket, as_rejection, as_request
from sealdesk.web.telemetry import log_fault

Say = Callable[[Exchange, Refusal], Awaitable[Sent]]
Note = Callable[[Exchange, Refusal], Awaitable[None]]
Serve = Callable[[Socket], Awaitable[None]]


class Outer:
    """Guards and completes what `inner` does.

    `say` words a refusal for whoever asked; `note` is told of each one after its answer went out, for the record. `sockets` are the
    addresses that speak WebSocket, and who serves what is opened there.
    """

    def __init__(
        self,
        inner: ASGIApp,
        origins: Origins,
        headers: AnswerHeaders,
        say: Say,
        note: Note,
        peers: Peers | None = None,
        sockets: Mapping[str, Serve] | None = None,
    ) -> None:
        self.inner = inner
        self._sockets = dict(sockets or {})
        self._origins = origins
        self._peers = peers or Peers()
        self.headers = headers
        self._say = say
        self._note = note

    async def __call__(self, scope: Scope | LifeSpanScope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.inner(cast("Scope", scope), receive, send)
        else:
            await self._open(cast("WebSocketScope", scope), receive, send)

    async def _open(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        """A socket. Until it is open, a no is the answer that a request would get, and is judged and noted in the same way."""
        asked = as_request(scope)
        exchange = Exchange(asked, receive, as_rejection(send), self.headers)
        exchange.route = exchange.path if exchange.path in self._sockets else None
        socket = Socket(exchange, scope, receive, send, self._note)
        current.set(exchange)
        await receive()
        try:
            self._judge(exchange, asked, receive)
            self._origins.demand(exchange.fields)
            await self._sockets.get(exchange.path, _nowhere)(socket)
        except Disconnected:
            return
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if socket.opened:
                log_fault("socket_broken", exchange, error)
                await socket.close(1011, "something went wrong on our side")
                return
            await self._refuse(exchange, asked, receive, error)
            if exchange.refusal is not None:
                await self._note(exchange, exchange.refusal)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, self.headers)
        current.set(exchange)
        try:
            self._judge(exchange, scope, receive)
            await self.inner(scope, cast("Receive", exchange.intake.receive), exchange.send)
        except Disconnected:
            return
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if exchange.answered:
                # Half an answer is out; only a broken connection tells the client so.
                log_fault("answer_broken", exchange, error)
                raise
            await self._refuse(exchange, scope, receive, error)
        if exchange.refusal is not None:
            await self._note(exchange, exchange.refusal)

    def _judge(self, exchange: Exchange, scope: HTTPScope, receive: Receive) -> None:
        fields = read_fields(scope["headers"])
        check_framing(fields)
        exchange.take_fields(fields, receive)
        exchange.address = self._peers.client(exchange.address, fields.get(b"x-forwarded-for"))
        exchange.take_client_id(fields.get(b"x-request-id"))
        host = fields.get(b"host")
        if host is None:
            raise BadRequest("A request needs one Host.")
        if host not in self._origins.hosts:
            raise Misdirected("This desk does not answer for that host.")
        check_target(scope["raw_path"] or b"", scope["query_string"])
        if scope["method"] not in SAFE_METHODS:
            self._origins.check(fields)

    async def _refuse(self, exchange: Exchange, scope: HTTPScope, receive: Receive, error: Exception) -> None:
        refusal = refusal_for(error)
        if isinstance(refusal, Unexpected):
            log_fault("unexpected", exchange, error)
        exchange.refusal = refusal
        if _worth_keeping(exchange, refusal):
            await _keep_form(exchange)
        try:
            sent = await self._say(exchange, refusal)
        except Exception as fault:
            # Whatever is wrong with the words, the answer has its form, its header fields and its place in the record.
            log_fault("words_failed", exchange, fault)
            sent = Sent(
                refusal.status,
                [(b"content-type", PROBLEM_TYPE), *header_fields(refusal)],
                encode(refusal, exchange.request_id),
            )
        await sent(scope, receive, exchange.send)


async def _nowhere(_: Socket) -> None:
    raise OutsideReach


def _worth_keeping(exchange: Exchange, refusal: Refusal) -> bool:
    """Whether a person may have written into the form, and not another site; whoever floods the desk gets nothing read."""
    return (
        exchange.method not in SAFE_METHODS
        and for_people(exchange)
        and not isinstance(refusal, BadOrigin | Misdirected)
        and (exchange.actor is not None or refusal.status == HTTPStatus.UNAUTHORIZED)
    )


async def _keep_form(exchange: Exchange) -> None:
    """Read what a person typed, though it is refused: the answer gives it back."""
    with suppress(Refusal, Disconnected):
        if exchange.form is None and exchange.fields.get(b"content-type", b"").lower().startswith(FORM_TYPE.encode()):
            await read_form(exchange)
