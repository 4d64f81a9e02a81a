"""The page behind a mailed invitation."""

from dataclasses import replace
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.core.errors import Refusal, SignedOut, TooMany
from sealdesk.members import invitations, showing
from sealdesk.members.invitations import Invitation
from sealdesk.people.fields import Password, visit_of
from sealdesk.people.onward import Onward
from sealdesk.people.pages import next_step
from sealdesk.people.password_rules import WeakPassword
from sealdesk.tickets.frame import bare
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.limits import Limit
from sealdesk.web.pages import Page
from sealdesk.web.refusals import Invalid
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

Token = Annotated[str, msgspec.Meta(max_length=64)]


class AcceptForm(Input, frozen=True):
    """The present password of those who have one, else the one to have."""

    password: Password


@get("/invitation/{token:str}")
async def show_invitation(desk: Desk, page: Page, token: Token) -> Html:
    """What one is invited to. Looking uses nothing up."""
    return _form(page, await invitations.look(desk, token), token)


@post("/invitation/{token:str}", limit=Limit("invitation", per_address="20/minute"))
async def accept(
    desk: Desk, page: Page, token: Token, form: Submitted[AcceptForm], exchange: Exchange
) -> Html | SeeOther:
    """Join, and be signed in."""
    invitation = await invitations.look(desk, token)
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        found = await invitations.accept(desk, token, form.value.password, visit_of(exchange))
    except (WeakPassword, SignedOut, TooMany, Invalid) as refusal:
        exchange.refusal = refusal
        return _form(page, invitation, token, refusal)
    return next_step(page, exchange, found, invitation.email, Onward())


def _form(page: Page, invitation: Invitation, token: str, refusal: Refusal | None = None) -> Html:
    error = refusal.said if refusal else None
    if isinstance(refusal, SignedOut):
        error = "This is not your password."
    view = showing.invitation(invitation, token, error)
    shown = page.render("invitation.html", frame=bare(page, "Invitation"), view=view)
    wait = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()] if refusal else []
    return replace(shown, status=refusal.status if refusal else 200, fields=[*shown.fields, *wait])


ROUTES: tuple[HTTPRouteHandler, ...] = (show_invitation, accept)
