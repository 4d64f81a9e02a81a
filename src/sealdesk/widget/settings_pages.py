"""The widget as its admins see it: on or off, the tag for their site, and the site's key."""

from typing import Literal

from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core import clock
from sealdesk.core.errors import Refusal, Stale
from sealdesk.core.settings import Settings
from sealdesk.members.fields import MANAGING
from sealdesk.members.queries import admit
from sealdesk.members.rules import allowed_origins
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.binding import Query, Submitted
from sealdesk.web.headers import Expected
from sealdesk.web.pages import Page
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input
from sealdesk.web.view import Flash, Moment
from sealdesk.widget import queries, switching
from sealdesk.widget.identity import audience
from sealdesk.widget.view import WidgetView

PLACE = "/rules/widget"
_DONE = {
    "on": "The widget is on. Put the tag on your site.",
    "off": "The widget is off. Every visit through it has ended, and so has every key of your site.",
    "ended": "The old key has ended. Only the present one is good now.",
}


class WidgetDone(Input, frozen=True):
    """What was just done."""

    done: Literal["", "on", "off", "ended"] = ""


class SwitchForm(Input, frozen=True):
    """On or off."""

    on: Literal["yes", "no"]


class KeyForm(Input, frozen=True):
    """Nothing but the version that the form was made for."""


@get(PLACE, permission=Permission.RULES_MANAGE)
async def show_widget(desk: Desk, actor: Actor, page: Page, query: Query[WidgetDone], settings: Settings) -> Html:
    """How it is set."""
    return await _page(desk, actor, page, settings, flash=_DONE.get(query.done, ""))


@post(PLACE, limit=MANAGING, permission=Permission.RULES_MANAGE, act="switch the widget")
async def switch_widget(
    desk: Desk, actor: Actor, page: Page, form: Submitted[SwitchForm], expected: Expected, settings: Settings
) -> Html | SeeOther:
    """On or off."""
    if form.value is None:
        raise form.refusal or Refusal()
    on = form.value.on == "yes"
    try:
        await switching.switch(desk, actor, on=on, require=expected.require)
    except Stale as refusal:
        return await _page(desk, actor, page, settings, refused=refusal)
    return SeeOther(f"{PLACE}?done={'on' if on else 'off'}")


@post(
    "/rules/widget/key",
    limit=MANAGING,
    permission=Permission.RULES_MANAGE,
    stands=PLACE,
    act="make a new key for your site",
)
async def turn_key(
    desk: Desk, actor: Actor, page: Page, form: Submitted[KeyForm], expected: Expected, settings: Settings
) -> Html:
    """A new key, shown this once."""
    if form.value is None:
        raise form.refusal or Refusal()
    try:
        key = await switching.turn_key(desk, actor, expected.require)
    except Stale as refusal:
        return await _page(desk, actor, page, settings, refused=refusal)
    return await _page(desk, actor, page, settings, key=key)


@post(
    "/rules/widget/former-key",
    limit=MANAGING,
    permission=Permission.RULES_MANAGE,
    stands=PLACE,
    act="end the old key of your site",
)
async def end_former_key(desk: Desk, actor: Actor) -> SeeOther:
    """The key before the present one, at once."""
    await switching.end_former_key(desk, actor)
    return SeeOther(f"{PLACE}?done=ended")


async def _page(
    desk: Desk,
    actor: Actor,
    page: Page,
    settings: Settings,
    *,
    flash: str = "",
    key: str | None = None,
    refused: Refusal | None = None,
) -> Html:
    admit(actor, Permission.RULES_MANAGE)
    page.exchange.refusal = refused
    async with desk.read(actor) as work:
        held, version = await queries.arrangement(work)
        keys = await queries.good_keys(work)
        origins, _ = await allowed_origins(work)
        around = await frame(work, page, "Widget", "/rules", Flash(flash) if flash else None)
    view = WidgetView(
        on=held.on,
        version=version,
        tag=_tag(settings, held.id) if held.id else "",
        audience=audience(desk.ledger_name, held.id) if held.id else "",
        has_key=bool(keys),
        had_key=held.key > 0,
        former=next((Moment.of(each.until, clock.now()) for each in keys if each.until), None),
        key=key,
        origins=origins,
        error=refused.detail if refused else None,
    )
    return page.render("widget_settings.html", status=refused.status if refused else 200, frame=around, view=view)


def _tag(settings: Settings, public_id: str) -> str:
    return f'<script async src="{settings.origins[0]}/widget.js" data-widget="{public_id}"></script>'


ROUTES: tuple[HTTPRouteHandler, ...] = (show_widget, switch_widget, turn_key, end_former_key)
