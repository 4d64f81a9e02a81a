"""The widget's settings over JSON, for admins: how it stands, and the end of a key that leaked."""

from datetime import datetime

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.members.fields import MANAGING
from sealdesk.unit import Desk
from sealdesk.web.answers import Answer
from sealdesk.web.headers import etag
from sealdesk.web.routes import delete, get
from sealdesk.widget import queries, switching


class SiteKeyView(msgspec.Struct, frozen=True):
    """A key that your site may sign with, by its number; `until` is null for the present one."""

    number: int
    until: datetime | None


class SettingsView(msgspec.Struct, frozen=True):
    """Whether the widget is on, its public id (empty before it was ever on), and the keys that are good now."""

    on: bool
    widget: str
    keys: tuple[SiteKeyView, ...]


@get("/api/v1/organisation/widget", permission=Permission.RULES_MANAGE)
async def show_settings(desk: Desk, actor: Actor) -> Answer[SettingsView]:
    """How the widget is set."""
    async with desk.read(actor) as work:
        keys = await queries.good_keys(work)
        held, version = await queries.arrangement(work)
    listed = tuple(SiteKeyView(key.number, key.until) for key in keys)
    return Answer(SettingsView(held.on, held.id, listed), etag=etag(version))


@delete(
    "/api/v1/organisation/widget/former-key",
    limit=MANAGING,
    status=204,
    permission=Permission.RULES_MANAGE,
    repeats="What has ended has ended.",
)
async def end_former_key(desk: Desk, actor: Actor) -> Answer[None]:
    """End the key before the present one at once; it lets nobody in any more."""
    await switching.end_former_key(desk, actor)
    return Answer(None, status=204)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_settings, end_former_key)
