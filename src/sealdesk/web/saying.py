"""How a refusal is worded for whoever asked: problem details for programs, a page for people, the way to sign in for pages."""

from http import HTTPStatus
from urllib.parse import SplitResult, quote, urlsplit

from sealdesk.access.actor import ConfirmFirst, FactorNeeded
from sealdesk.core.errors import BadOrigin, Refusal
from sealdesk.web.answers import Sent
from sealdesk.web.exchange import Exchange, for_people
from sealdesk.web.kit import Kit
from sealdesk.web.origin import SAFE_METHODS
from sealdesk.web.pages import Page, plain_problem_page, safe_next
from sealdesk.web.problems import PROBLEM_TYPE, encode, header_fields
from sealdesk.web.refusals import MethodNotAllowed
from sealdesk.web.telemetry import log_fault
from sealdesk.web.tokens import SESSION_COOKIE, cookie_token
from sealdesk.web.wording import shown


async def say(kit: Kit, exchange: Exchange, refusal: Refusal) -> Sent:
    """The answer that carries `refusal`."""
    if not for_people(exchange):
        return Sent(
            refusal.status,
            [(b"content-type", PROBLEM_TYPE), *header_fields(refusal)],
            encode(refusal, exchange.request_id),
        )
    page = Page(exchange, kit.pages, kit.csrf, kit.forms)
    if elsewhere := _elsewhere(page, refusal):
        return elsewhere
    if refusal.status == HTTPStatus.UNAUTHORIZED and not exchange.public:
        exchange.actor = None  # whose session it was, it has ended: the page's forms are for a browser that signs in
    try:
        text = await kit.problem_page(page, refusal)
    except Exception as error:
        # A fault in the error page must not cost the answer its header fields.
        log_fault("problem_page_failed", exchange, error)
        text = await plain_problem_page(page, refusal)
    return Sent(
        refusal.status, [(b"content-type", b"text/html; charset=utf-8"), *header_fields(refusal)], text.encode()
    )


def waiting(page: Page) -> str:
    """The form that was refused, packed to go along through a question; empty where nothing may."""
    forged = isinstance(page.exchange.refusal, BadOrigin)
    return "" if forged or page.exchange.method in SAFE_METHODS else page.forms.pack(page.exchange)


def typed(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """What a person wrote into the fields of a refused form that hold text: it must not be lost."""
    if isinstance(exchange.refusal, BadOrigin) or exchange.public:
        return ()  # another site wrote it, or it is no more than an address
    return shown(exchange.form or {})


def way_on(refusal: ConfirmFirst | FactorNeeded, back: str) -> str:
    """Where a person can do what is asked for first: show who they are again, or set up a second factor."""
    return f"/confirm?next={quote(back, safe='/')}" if isinstance(refusal, ConfirmFirst) else "/account"


def _elsewhere(page: Page, refusal: Refusal) -> Sent | None:
    """Another page that a person is led to, where that says it better than an error."""
    exchange = page.exchange
    looks = exchange.method in SAFE_METHODS
    if looks and isinstance(refusal, MethodNotAllowed) and (stands := page.forms.stands(exchange.path)):
        return _onward(exchange, stands, HTTPStatus.METHOD_NOT_ALLOWED)
    if looks and isinstance(refusal, ConfirmFirst | FactorNeeded):
        return _onward(exchange, way_on(refusal, _here(page)), HTTPStatus.FORBIDDEN)
    kept = typed(exchange) or (waiting(page) and not page.fragment)
    return _to_sign_in(page) if refusal.status == HTTPStatus.UNAUTHORIZED and not kept else None


def _to_sign_in(page: Page) -> Sent:
    exchange = page.exchange
    back = _here(page) if exchange.method in SAFE_METHODS else page.standing.href
    target = f"/sign-in?next={quote(back, safe='/')}"
    if cookie_token(exchange.fields.get(b"cookie"), SESSION_COOKIE):
        target += "&ended=yes"
    return _onward(exchange, target, HTTPStatus.UNAUTHORIZED)


def _here(page: Page) -> str:
    """The page that was asked for; for a part of one, the page that it stands in, as htmx tells it."""
    exchange = page.exchange
    stands = _standing(exchange.fields.get(b"hx-current-url", b"").decode("latin-1")) if page.fragment else None
    if stands and stands.path:
        return safe_next(stands.path + (f"?{stands.query}" if stands.query else ""))
    return exchange.path + ("?" + exchange.query.decode("latin-1") if exchange.query else "")


def _standing(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None  # whoever wrote that is no page of ours


def _onward(exchange: Exchange, target: str, status: HTTPStatus) -> Sent:
    if exchange.fields.get(b"sd-poll"):
        # Nobody asked, the page did: it stays, with what was typed there and was not sent yet, and says what is so.
        return Sent(status, [])
    if exchange.fields.get(b"hx-request") == b"true":
        # A fragment can't be replaced by a whole page; htmx loads it as a whole.
        return Sent(status, [(b"hx-redirect", target.encode("ascii"))])
    return Sent(HTTPStatus.SEE_OTHER, [(b"location", target.encode("ascii"))])
