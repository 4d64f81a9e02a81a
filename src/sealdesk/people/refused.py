"""A refusal as a page: what is so, what was kept, and what to do next."""

from http import HTTPStatus

from sealdesk.access.actor import ConfirmFirst, FactorNeeded
from sealdesk.core.errors import Refusal
from sealdesk.core.settings import Settings
from sealdesk.people.confirm_pages import confirm_form
from sealdesk.people.onward import Onward
from sealdesk.people.pages import sign_in_form
from sealdesk.unit import Desk
from sealdesk.web.origin import SAFE_METHODS
from sealdesk.web.pages import Page
from sealdesk.web.refusals import Invalid
from sealdesk.web.saying import typed, waiting, way_on
from sealdesk.web.view import Frame, ProblemView


async def problem_page(desk: Desk, settings: Settings, page: Page, refusal: Refusal) -> str:
    """The page that answers for `refusal`. What only asks who somebody is asks it there and then, and what was typed goes along."""
    exchange = page.exchange
    whole = bool(waiting(page)) or not typed(exchange)
    if refusal.status == HTTPStatus.UNAUTHORIZED and whole and exchange.actor is None:
        onward = Onward.after(page)
        return sign_in_form(page, settings, Onward(onward.next, onward.carried, ended=True)).text
    if isinstance(refusal, ConfirmFirst) and whole and exchange.actor is not None:
        return (await confirm_form(desk, exchange.actor, page, Onward.after(page))).text
    return _error(page, refusal)


def _error(page: Page, refusal: Refusal) -> str:
    action, href = _way(page, refusal)
    title = "Something in the form does not fit" if isinstance(refusal, Invalid) else refusal.title
    view = ProblemView(
        status=refusal.status,
        title=title,
        detail=refusal.said,
        request_id=page.exchange.request_id,
        retry_after=refusal.wait,
        action=action,
        href=href,
        written=typed(page.exchange),
    )
    return page.render("error.html", frame=Frame(title=title, nonce=page.nonce, csrf=page.csrf), view=view).text


def _way(page: Page, refusal: Refusal) -> tuple[str, str]:
    """What to do next, and where."""
    back = page.standing.href
    if refusal.way is not None:
        return refusal.way
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return "Sign in again", f"/sign-in?next={back}"
    if isinstance(refusal, ConfirmFirst | FactorNeeded):
        return refusal.title, way_on(refusal, back)
    if page.exchange.method in SAFE_METHODS or back == "/":
        return "Back to the start", "/"
    return "Back to where you were", back
