"""Who sends a request: cookie or bearer token to the actor that the database knows."""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final

from sealdesk.access.actor import Actor, Holder, Traced
from sealdesk.core.errors import BadRequest, SignedOut, Tried
from sealdesk.web.exchange import Exchange
from sealdesk.web.tokens import SESSION_COOKIE, cookie_token, token_hash

_BEARER: Final = re.compile(r"Bearer ([A-Za-z0-9_-]{43,200})", re.IGNORECASE)


Peek = Callable[[bytes], Awaitable[Actor | None]]
"""SHA-256 of a token to the live actor behind it, or None."""


Whose = Callable[[bytes], Awaitable[Holder | None]]
"""SHA-256 of a token to whom it was made for, however long ago; None for one that never was."""


Trace = Callable[[Tried, str], Awaitable[Traced]]
"""At whose account something was tried, from which address; asked after the answer went out."""


def presented(exchange: Exchange) -> bytes | None:
    """SHA-256 of what the request shows as its session or token, whatever form it has; None where it shows nothing."""
    authorization = exchange.fields.get(b"authorization")
    if authorization is not None:
        bearer = _BEARER.fullmatch(authorization.decode("latin-1"))
        return sha256(bearer[1].encode() if bearer else authorization).digest()
    cookies = exchange.fields.get(b"cookie", b"")
    token = cookie_token(cookies, SESSION_COOKIE)
    if token is not None:
        return token_hash(token)
    return sha256(cookies).digest() if SESSION_COOKIE.encode() in cookies else None


def presented_token(exchange: Exchange) -> str | None:
    """The token that the request carries. Raises `BadRequest` if cookie and bearer token come together."""
    authorization = exchange.fields.get(b"authorization")
    cookie = cookie_token(exchange.fields.get(b"cookie"), SESSION_COOKIE)
    if authorization is None:
        return cookie
    if cookie is not None:
        raise BadRequest("Send either the session cookie or a bearer token, not both.")
    bearer = _BEARER.fullmatch(authorization.decode("latin-1"))
    return bearer[1] if bearer else None


async def find_actor(exchange: Exchange, peek: Peek) -> Actor | None:
    """The actor of the request, kept in `exchange.actor`; None for nobody or for a token that is no longer alive."""
    token = presented_token(exchange)
    if token is not None:
        exchange.actor = await peek(token_hash(token))
    return exchange.actor


async def require_actor(exchange: Exchange, peek: Peek) -> Actor:
    """As `find_actor`; raises `SignedOut` if there is none."""
    actor = await find_actor(exchange, peek)
    if actor is None:
        raise SignedOut("No live session or token comes with this request.")
    return actor
