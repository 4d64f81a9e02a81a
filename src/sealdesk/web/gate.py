"""What a request has to pass before its handler runs, cheapest first: address, actor, person, anti-CSRF token."""

from sealdesk.core.errors import BadToken
from sealdesk.web.actor import find_actor, require_actor
from sealdesk.web.body import FORM_TYPE, read_form
from sealdesk.web.csrf import FORM_FIELD, FORM_OVER, HEADER
from sealdesk.web.exchange import Exchange
from sealdesk.web.kit import Kit
from sealdesk.web.limits import READ
from sealdesk.web.origin import SAFE_METHODS
from sealdesk.web.public import PublicRoute
from sealdesk.web.route import Route
from sealdesk.web.tokens import PRESESSION_COOKIE, cookie_token


async def admit(exchange: Exchange, route: Route, row: PublicRoute | None, kit: Kit) -> dict[str, str] | None:
    """Let the request in; gives the form's fields if they had to be read to find the token.

    Raises `TooMany`, `SignedOut`, `BadToken` and what reading a body raises.
    """
    exchange.public = row is not None
    limit = row.limit if row else route.limit or READ
    if route.mutates:
        await kit.limiter.admit_early(limit, exchange.address)
    else:
        await kit.limiter.admit_address(limit, exchange.address)
    actor = await find_actor(exchange, kit.peek) if row else await require_actor(exchange, kit.peek)
    if route.mutates:
        who = (str(actor.member), str(actor.org)) if actor else (None, None)
        await kit.limiter.admit_change(limit, exchange.address, who[0], exchange.path, who[1])
    elif actor is not None:
        await kit.limiter.admit_person(limit, str(actor.member), exchange.path)
    if exchange.method in SAFE_METHODS:
        return None
    return await _check_token(exchange, row, kit)


async def _check_token(exchange: Exchange, row: PublicRoute | None, kit: Kit) -> dict[str, str] | None:
    if b"authorization" in exchange.fields and row is None:
        return None  # no browser sends a bearer token by itself
    if row is not None and row.csrf == "none":
        return None
    form: dict[str, str] | None = None
    token = exchange.fields.get(HEADER, b"").decode("latin-1")
    if not token and exchange.fields.get(b"content-type", b"").lower().startswith(FORM_TYPE.encode()):
        form = await read_form(exchange)
        token = form.get(FORM_FIELD, "")
    if exchange.actor is not None:
        kit.csrf.check_session(token, exchange.actor.session_hash)
    else:
        cookie = cookie_token(exchange.fields.get(b"cookie"), PRESESSION_COOKIE)
        if cookie is None:
            raise BadToken(FORM_OVER)
        kit.csrf.check_presession(token, cookie)
    return form
