"""What a sign-in consists of, and where a request says it comes from."""

from typing import Annotated

import msgspec

from sealdesk.people.browsers import label_of
from sealdesk.people.sessions import Issued, Visit
from sealdesk.web.exchange import Exchange
from sealdesk.web.forms import MOST, SECRET
from sealdesk.web.limits import Limit
from sealdesk.web.tokens import (
    DEVICE_COOKIE,
    PRESESSION_COOKIE,
    SESSION_COOKIE,
    clear_cookie,
    cookie_token,
    set_cookie,
    token_hash,
)

DEVICE_SECONDS = 365 * 24 * 3600
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024, extra=SECRET)]
Challenge = Annotated[str, msgspec.Meta(max_length=43, pattern="^[A-Za-z0-9_-]{43}$")]
MaybeChallenge = Annotated[str, msgspec.Meta(max_length=43, pattern="^([A-Za-z0-9_-]{43})?$")]
Code = Annotated[str, msgspec.Meta(max_length=64, extra=SECRET)]
"""Of an app or a recovery code, as it was typed."""
Next = Annotated[str, msgspec.Meta(max_length=2048)]
"""Where to go afterwards."""
Carried = Annotated[str, msgspec.Meta(max_length=MOST)]
"""A form that waits to be sent afterwards (`web.forms`)."""
CONFIRMING = Limit("confirm", per_person="30/minute", per_address="120/minute")


def agent_of(exchange: Exchange) -> str:
    """What the browser or program says it is."""
    return exchange.fields.get(b"user-agent", b"").decode("latin-1")


def origin_of(exchange: Exchange) -> dict[str, str]:
    """Where a request comes from, for the sealed slot `origin`: address, user agent and a fingerprint of the session."""
    agent = agent_of(exchange)[:300]
    session = exchange.actor.session_hash[:8].hex() if exchange.actor else ""
    return {"address": exchange.address, "agent": agent, "session": session}


def visit_of(exchange: Exchange) -> Visit:
    """The browser or program that signs in."""
    cookies = exchange.fields.get(b"cookie")
    presession = cookie_token(cookies, PRESESSION_COOKIE)
    old = cookie_token(cookies, SESSION_COOKIE)
    return Visit(
        origin_of(exchange),
        exchange.address,
        cookie_token(cookies, DEVICE_COOKIE),
        token_hash(presession) if presession else bytes(32),
        label_of(agent_of(exchange)),
        token_hash(old) if old else None,
    )


def enter(exchange: Exchange, issued: Issued) -> None:
    """Give a session to whoever sent the request: its cookie, and that of a browser that is known from now on."""
    exchange.set_cookies += [set_cookie(SESSION_COOKIE, issued.token), clear_cookie(PRESESSION_COOKIE)]
    if issued.device:
        exchange.set_cookies.append(set_cookie(DEVICE_COOKIE, issued.device, DEVICE_SECONDS))
    exchange.actor = issued.actor
