"""What admins do to their organisation's widget: each an entry.

The locks of each stand in one order: the organisation's stream, whoever is on the way in, the streams of whose visits end, their persons.
So whatever was under way is in before an act and seen by it, or finds that the widget is off or its key ended.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.ledger.events import Stream
from sealdesk.members.rules import Written, set_setting, tell
from sealdesk.people.events import session_revoked
from sealdesk.people.holding import hold_role, hold_visits
from sealdesk.unit import Change, Desk
from sealdesk.web.tokens import new_token
from sealdesk.widget import queries
from sealdesk.widget.model import OVERLAP, Arrangement

log = structlog.get_logger("security")


async def switch(desk: Desk, actor: Actor, *, on: bool, require: Callable[[int], None]) -> int:
    """Switch the widget on or off; off ends every visit and every key. What is so already stays so. Gives the version."""
    ended = 0
    async with desk.change(actor) as change:
        before, version = await _held(change)
        require(version)
        if before.on == on:
            change.nothing()
            return version
        if on:
            done = await _set(change, replace(before, on=True, id=before.id or _new_id()), require)
        else:
            done, ended = await _off(change, before, require)
    tell(actor, "widget", done)
    if ended:
        log.info("sessions_revoked", owasp="session_expired", org=str(actor.org), by=str(actor.member), count=ended)
    return done.version


async def turn_key(desk: Desk, actor: Actor, require: Callable[[int], None]) -> str:
    """A new key for the site to sign with: 32 random bytes as 43 characters, given this once.

    The one before it works for another day, unless it is ended; one before that is over at once.
    """
    key = new_token()
    async with desk.change(actor) as change:
        before, version = await _held(change)
        require(version)
        after = before.turned()
        done = await _set(change, replace(after, id=before.id or _new_id()), require)
        sealed = queries.sealed_key(desk.sealer, actor.org, after.key, key)
        await change.value("select sec.turn_site_key($1, $2, $3)", after.key, sealed, OVERLAP)
    tell(actor, "widget", done)
    log.info("site_key_turned", owasp="authz_change", org=str(actor.org), member=str(actor.member))
    return key


async def end_former_key(desk: Desk, actor: Actor) -> None:
    """End the key before the present one: it lets nobody in any more. Where there is none, or its day is over, nothing happens."""
    async with desk.change(actor) as change:
        before, _ = await _held(change)
        if not any(key.until for key in await queries.good_keys(change)):
            change.nothing()
            return
        done = await _set(change, replace(before, keys=before.keys[-1:]), lambda _: None)
        await change.value("select sec.end_site_keys(false)")
    tell(actor, "widget", done)
    log.info("site_key_ended", owasp="authz_change", org=str(actor.org), member=str(actor.member))


async def _off(change: Change, before: Arrangement, require: Callable[[int], None]) -> tuple[Written, int]:
    """With all visits, whose streams come after the organisation's, and all keys; gives how many had visits."""
    visitors = [row["member"] for row in await change.rows("select * from sec.visitors() as member")]
    await change.lock(*(Stream("user", member) for member in visitors))
    await hold_role(change, (Role.ADMIN,), *visitors)
    done = await _set(change, before.off(), require)
    await change.value("select sec.end_site_keys(true)")
    ended = await change.rows("select * from sec.end_visits() as member")
    for row in ended:
        change.record(session_revoked(row["member"], "widget_off"))
    return done, len(ended)


def _new_id() -> str:
    """128 random bits: it stands in the pages of the site, and is no secret."""
    return secrets.token_urlsafe(16)


async def _held(change: Change) -> tuple[Arrangement, int]:
    change.demand(Permission.RULES_MANAGE)
    await change.lock(Stream("org", change.actor.org))
    await hold_visits(change)
    return await queries.arrangement(change)


async def _set(change: Change, after: Arrangement, require: Callable[[int], None]) -> Written:
    return await set_setting(change, "widget", after.written(), require)
