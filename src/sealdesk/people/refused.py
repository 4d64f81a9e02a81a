"""A refusal as a page: what is so, what was kept, and what to do next."""

from http import HTTPStatus

from sealdesk.access.actor import ConfirmFirst, FactorNeeded
from sealdesk.core.errors import BadToken, Refusal
from sealdesk.core.settings import Settings
from sealdesk.people.confirm_pages import confirm_form
from sealdesk.people.onward import Onward
from sealdesk.people.pages import SIGNING_IN, sign_in_form
from sealdesk.unit import Desk
from sealdesk.web.origin import SAFE_METHODS
from sealdesk.web.pages import Page
from sealdesk.web.refusals import Invalid
from sealdesk.web.saying import typed, waiting, way_on
from sealdesk.web.view import Frame, ProblemView

STALE = "The form was too old, so nothing was sent. Send it again; if this comes back, let your browser keep cookies of this desk."


class SignedInAlready(BadToken):
    """A form to sign in, sent when another tab had done so."""

    title = "You are signed in already"
    sentence = (
        "Another tab signed in meanwhile, so this form was not sent. To sign in as somebody else, sign out first."
    )


async def problem_page(desk: Desk, settings: Settings, page: Page, refusal: Refusal) -> str:
    """The page that answers for `refusal`. What only asks who somebody is asks it there and then, and what was typed goes along."""
    exchange = page.exchange
    whole = bool(waiting(page)) or not typed(exchange)
    if refusal.status == HTTPStatus.UNAUTHORIZED and whole and exchange.actor is None:
        onward = Onward.after(page)
        return sign_in_form(page, settings, Onward(onward.next, onward.carried, ended=True)).text
    if isinstance(refusal, ConfirmFirst) and whole and exchange.actor is not None:
        return (await confirm_form(desk, exchange.actor, page, Onward.after(page))).text
    if isinstance(refusal, BadToken) and exchange.path in SIGNING_IN:
        return _sign_in_anew(settings, page)
    return _error(page, refusal)


def _sign_in_anew(settings: Settings, page: Page) -> str:
    """The form again, with the address that was typed; who is signed in meanwhile goes on."""
    form, onward = page.exchange.form or {}, Onward.of(page.exchange.form or {})
    if page.exchange.actor is None:
        return sign_in_form(page, settings, onward, BadToken(STALE), form.get("email", "")).text
    already = SignedInAlready()
    already.way = ("Go on", onward.next)
    return _error(page, already)


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
