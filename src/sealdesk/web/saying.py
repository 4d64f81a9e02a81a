"""How a refusal is worded for whoever asked: problem details for programs, a page for people, the way to sign in for pages."""

from http import HTTPStatus
from urllib.parse import quote

from sealdesk.access.actor import ConfirmFirst, FactorNeeded
from sealdesk.core.errors import BadOrigin, Refusal
from sealdesk.web.answers import Sent
from sealdesk.web.exchange import Exchange, for_people
from sealdesk.web.kit import Kit
from sealdesk.web.origin import SAFE_METHODS
from sealdesk.web.pages import Page, plain_problem_page
from sealdesk.web.problems import PROBLEM_TYPE, encode, header_fields
from sealdesk.web.telemetry import log_fault
from sealdesk.web.tokens import SESSION_COOKIE, cookie_token

WRITTEN = {"subject": "Subject", "body": "Message", "purpose": "Purpose"}
"""The fields of forms that hold what people write, and what they are called."""


def say(kit: Kit, exchange: Exchange, refusal: Refusal) -> Sent:
    """The answer that carries `refusal`."""
    if not for_people(exchange):
        return Sent(
            refusal.status,
            [(b"content-type", PROBLEM_TYPE), *header_fields(refusal)],
            encode(refusal, exchange.request_id),
        )
    if refusal.status == HTTPStatus.UNAUTHORIZED and not typed(exchange):
        return _to_sign_in(exchange)
    if exchange.method in SAFE_METHODS and isinstance(refusal, ConfirmFirst | FactorNeeded):
        return _onward(exchange, way_on(refusal, _here(exchange)), HTTPStatus.FORBIDDEN)
    page = Page(exchange, kit.pages, kit.csrf)
    try:
        text = kit.problem_page(page, refusal)
    except Exception as error:
        # A fault in the error page must not cost the answer its header fields.
        log_fault("problem_page_failed", exchange, error)
        text = plain_problem_page(page, refusal)
    return Sent(
        refusal.status, [(b"content-type", b"text/html; charset=utf-8"), *header_fields(refusal)], text.encode()
    )


def typed(exchange: Exchange) -> dict[str, str]:
    """What a person wrote into the fields of a refused form that hold text, by the field's name: it must not be lost."""
    if isinstance(exchange.refusal, BadOrigin):
        return {}  # another site wrote it
    return {name: text for name, text in (exchange.form or {}).items() if name in WRITTEN and text.strip()}


def way_on(refusal: ConfirmFirst | FactorNeeded, back: str) -> str:
    """Where a person can do what is asked for first: show who they are again, or set up a second factor."""
    return f"/confirm?next={quote(back, safe='/')}" if isinstance(refusal, ConfirmFirst) else "/account"


def _to_sign_in(exchange: Exchange) -> Sent:
    back = _here(exchange)
    target = f"/sign-in?next={quote(back, safe='/')}" if exchange.method in SAFE_METHODS else "/sign-in?next=/"
    if cookie_token(exchange.fields.get(b"cookie"), SESSION_COOKIE):
        target += "&ended=yes"
    return _onward(exchange, target, HTTPStatus.UNAUTHORIZED)


def _here(exchange: Exchange) -> str:
    return exchange.path + ("?" + exchange.query.decode("latin-1") if exchange.query else "")


def _onward(exchange: Exchange, target: str, status: HTTPStatus) -> Sent:
    if exchange.fields.get(b"hx-request") == b"true":
        # A fragment can't be replaced by a whole page; htmx loads it as a whole.
        return Sent(status, [(b"hx-redirect", target.encode("ascii"))])
    return Sent(HTTPStatus.SEE_OTHER, [(b"location", target.encode("ascii"))])
