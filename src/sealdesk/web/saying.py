"""How a refusal is worded for whoever asked: problem details for programs, a page for people, the way to sign in for pages."""

from http import HTTPStatus
from urllib.parse import quote

from sealdesk.core.errors import Refusal
from sealdesk.web.answers import Sent
from sealdesk.web.exchange import Exchange
from sealdesk.web.kit import Kit
from sealdesk.web.origin import SAFE_METHODS
from sealdesk.web.pages import Page, plain_problem_page
from sealdesk.web.problems import PROBLEM_TYPE, encode, header_fields
from sealdesk.web.telemetry import log_fault


def say(kit: Kit, exchange: Exchange, refusal: Refusal) -> Sent:
    """The answer that carries `refusal`."""
    if not _for_people(exchange):
        return Sent(
            refusal.status,
            [(b"content-type", PROBLEM_TYPE), *header_fields(refusal)],
            encode(refusal, exchange.request_id),
        )
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return _to_sign_in(exchange)
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


def _for_people(exchange: Exchange) -> bool:
    accept = exchange.fields.get(b"accept", b"")
    # A script of ours that posts a page's form asks for the problem itself.
    return (
        not exchange.path.startswith("/api/") and b"text/html" in accept and b"application/problem+json" not in accept
    )


def _to_sign_in(exchange: Exchange) -> Sent:
    back = exchange.path
    if exchange.query:
        back += "?" + exchange.query.decode("latin-1")
    target = f"/sign-in?next={quote(back, safe='/')}" if exchange.method in SAFE_METHODS else "/sign-in"
    if exchange.fields.get(b"hx-request") == b"true":
        # A fragment can't be replaced by the sign-in page; htmx loads it as a whole.
        return Sent(HTTPStatus.UNAUTHORIZED, [(b"hx-redirect", target.encode("ascii"))])
    return Sent(HTTPStatus.SEE_OTHER, [(b"location", target.encode("ascii"))])
