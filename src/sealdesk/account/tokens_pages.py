"""API tokens as a page: the list, the form, and a new token, shown once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID, uuid4

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor, ConfirmFirst
from sealdesk.access.permissions import Permission
from sealdesk.account import tokens_commands as commands
from sealdesk.account import tokens_queries as queries
from sealdesk.account.tokens_api import ISSUING, REVOKING
from sealdesk.account.tokens_commands import Wanted
from sealdesk.account.tokens_view import LABELS, LIVES, TokenRow, TokensView
from sealdesk.core.errors import Refusal
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Submitted
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.view import Choice

PLACE = "/account/tokens"
Box = Literal["", "on"]


class TokenForm(Input, frozen=True):
    """A name, a life, and a box for each permission that a token may have."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    days: Literal["1", "7", "30", "90", "180", "365"] = "90"
    thread_open: Box = ""
    thread_read: Box = ""
    message_post: Box = ""
    note_post: Box = ""
    thread_state: Box = ""
    thread_reopen: Box = ""
    participant_manage: Box = ""
    note_read: Box = ""
    message_redact: Box = ""
    original_read: Box = ""
    hold_manage: Box = ""
    ticket_work: Box = ""
    member_list: Box = ""
    export_request: Box = ""
    export_any: Box = ""
    export_read: Box = ""
    ledger_read: Box = ""
    ledger_audit: Box = ""
    refusal_read: Box = ""
    abuse_read: Box = ""
    abuse_review: Box = ""
    lexicon_manage: Box = ""
    token_list: Box = ""

    def wanted(self) -> Wanted:
        """As the command takes it."""
        ticked = frozenset(str(each) for each in LABELS if getattr(self, _box(each)))
        return Wanted(self.name, ticked, int(self.days))


@get("/account/tokens", permission=Permission.SESSION_OWN)
async def show_tokens(desk: Desk, actor: Actor, page: Page) -> Html:
    """One's own tokens, and for admins everybody's."""
    return await _page(desk, actor, page, {})


@post("/account/tokens", limit=ISSUING, permission=Permission.API_OWN, act="make an API token")
async def issue_token(desk: Desk, actor: Actor, page: Page, form: Submitted[TokenForm], key: Key) -> Html:
    """Make a token and show it. Refused, the form comes back with what was typed."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        token, _ = await commands.issue(desk, actor, form.value.wanted(), key)
    except ConfirmFirst:
        raise
    except Refusal as refusal:
        if refusal.status in (401, 403, 429):
            raise
        page.exchange.refusal = refusal
        about = "permissions" if form.value and not form.value.wanted().permissions else "name"
        shown = await _page(
            desk, actor, page, form.kept, error=" ".join(form.errors.values()) or refusal.detail, about=about
        )
        return replace(shown, status=refusal.status)
    return await _page(desk, actor, page, {}, made=token)


@post(
    "/account/tokens/{token:str}/revoke",
    limit=REVOKING,
    permission=Permission.API_OWN,
    stands=PLACE,
    act="revoke an API token",
)
async def revoke_token(desk: Desk, actor: Actor, token: UUID) -> SeeOther:
    """End one's own token."""
    await commands.revoke(desk, actor, token)
    return SeeOther(PLACE)


@post(
    "/organisation/tokens/{token:str}/revoke",
    limit=REVOKING,
    permission=Permission.MEMBER_MANAGE,
    stands=PLACE,
    act="revoke an API token",
)
async def revoke_organisation_token(desk: Desk, actor: Actor, token: UUID) -> SeeOther:
    """End any member's token, as an admin."""
    await commands.revoke_of_member(desk, actor, token)
    return SeeOther(PLACE)


async def _page(
    desk: Desk,
    actor: Actor,
    page: Page,
    typed: Mapping[str, str],
    *,
    made: str | None = None,
    error: str | None = None,
    about: str = "",
) -> Html:
    async with desk.read(actor) as work:
        own = await queries.own_tokens(work)
        everybody = await queries.tokens_of_all(work) if actor.may(Permission.API_LIST) else None
        around = await frame(work, page, "API tokens", "/account")
    others = (
        None if everybody is None else tuple(TokenRow.of(each) for each in everybody if each.member != actor.member)
    )
    view = TokensView(
        rows=tuple(TokenRow.of(each) for each in own),
        others=others,
        boxes=tuple(Choice(_box(each), LABELS[each], bool(typed.get(_box(each)))) for each in queries.grantable(actor)),
        lives=tuple(Choice(str(days), label, str(days) == typed.get("days", "90")) for days, label in LIVES),
        idempotency_key=uuid4().hex,
        name=typed.get("name", ""),
        made=made,
        error=error,
        field=about,
    )
    return page.render("tokens.html", frame=around, view=view)


def _box(permission: Permission) -> str:
    return permission.value.replace(".", "_")


ROUTES: tuple[HTTPRouteHandler, ...] = (show_tokens, issue_token, revoke_token, revoke_organisation_token)
