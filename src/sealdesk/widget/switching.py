"""What admins do to their organisation's widget: each an entry."""

import secrets
from collections.abc import Callable
from dataclasses import replace

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.ledger.events import Stream
from sealdesk.members.rules import set_setting
from sealdesk.people.events import session_revoked
from sealdesk.unit import Change, Desk
from sealdesk.web.tokens import new_token
from sealdesk.widget import queries
from sealdesk.widget.model import OVERLAP, Arrangement
from sealproof.canonical import JSON

log = structlog.get_logger("security")


async def switch(desk: Desk, actor: Actor, *, on: bool, require: Callable[[int], None]) -> int:
    """Switch the widget on or off; off ends every visit. What is so already stays so. Gives the version."""
    async with desk.change(actor) as change:
        change.demand(Permission.RULES_MANAGE)
        before, version = await _held(change)
        require(version)
        if before.on == on:
            change.nothing()
            return version
        if on:
            return await _set(change, replace(before, on=True, id=before.id or _new_id()), require)
        # The streams of whoever's visits end stand after the organisation's in the order of locks.
        version = await _set(change, replace(before, on=False), require)
        ended = await change.rows("select * from sec.end_visits() as member")
        await change.lock(*(Stream("user", row["member"]) for row in ended))
        for row in ended:
            change.record(session_revoked(row["member"], "widget_off"))
    return version


async def turn_key(desk: Desk, actor: Actor, require: Callable[[int], None]) -> str:
    """A new key for the site to sign with: 32 random bytes as 43 characters, given this once. The one before it works for another day."""
    key = new_token()
    async with desk.change(actor) as change:
        change.demand(Permission.RULES_MANAGE)
        before, version = await _held(change)
        require(version)
        number = before.key + 1
        await _set(change, replace(before, id=before.id or _new_id(), key=number), require)
        sealed = queries.sealed_key(desk.sealer, actor.org, number, key)
        await change.value("select sec.turn_site_key($1, $2, $3)", number, sealed, OVERLAP)
    log.info("site_key_turned", owasp="authz_change", org=str(actor.org), member=str(actor.member))
    return key


def _new_id() -> str:
    """128 random bits: it stands in the pages of the site, and is no secret."""
    return secrets.token_urlsafe(16)


async def _held(change: Change) -> tuple[Arrangement, int]:
    await change.lock(Stream("org", change.actor.org))
    return await queries.arrangement(change)


async def _set(change: Change, after: Arrangement, require: Callable[[int], None]) -> int:
    written: dict[str, JSON] = {**after.written()}
    return await set_setting(change, "widget", written, require)
