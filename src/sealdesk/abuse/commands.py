"""Deciding what was flagged, and changing what is looked for."""

import asyncio
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import structlog

from sealdesk.abuse import events, queries
from sealdesk.abuse.lexicon import (
    Lexicon,
    LexiconName,
    checked_lexicon,
    checked_lines,
    checked_together,
    shipped,
    tidied,
)
from sealdesk.abuse.model import Flag
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest
from sealdesk.ledger.events import Ref, Stream
from sealdesk.people.holding import hold_role
from sealdesk.threads.states import checked_reason
from sealdesk.unit import Change, Desk

Decision = Literal["confirmed", "dismissed"]
Wish = Literal["on", "off", "add", "remove", "restore"]

log = structlog.get_logger("security")


async def decide(desk: Desk, actor: Actor, flag_id: UUID, decision: Decision, reason: str) -> None:
    """Confirm or dismiss a flag. What it made of the conversation stays: an escalation is taken back where it stands.

    `OutsideReach` (404), `NotPermitted` (403), `BadRequest` (400) without a reason, `Decided` (409) where somebody was faster.
    """
    async with desk.change(actor) as change:
        change.demand(Permission.ABUSE_REVIEW)
        flag = await change.find(Flag, flag_id, Permission.ABUSE_REVIEW, lock=("flag",))
        told = checked_reason(reason)
        flag.decide()
        leaf = await change.value(
            "select leaf_hash from ledger.entry where org_id = $1 and entry_id = $2", actor.org, flag.entry_id
        )
        assert isinstance(leaf, bytes)
        stream, cause = flag.stream(actor.org), Ref(flag.entry_id, leaf)
        change.record(events.decided(stream, flag.id, decision, told, change.actor, cause))
        await change.execute(
            "update app.flag set standing = $3 where org_id = $1 and flag_id = $2", actor.org, flag.id, decision
        )


async def change_lexicon(desk: Desk, actor: Actor, name: LexiconName, wish: Wish, lines: Sequence[str] = ()) -> Lexicon:
    """Add or remove lines, switch a lexicon on or off, or have what is shipped again. What is so already leaves no entry.

    `NotPermitted` (403), `BadRequest` (400) for lines that can't be looked for, or too many.
    """
    actor.demand(Permission.LEXICON_MANAGE)
    # Before the transaction, and beside the other requests. What is to go may be too much by now.
    told = tuple(tidied(lines)) if wish == "remove" else await asyncio.to_thread(checked_lines, lines)
    async with desk.change(actor) as change:
        change.demand(Permission.LEXICON_MANAGE)
        if wish in ("add", "remove") and not told:
            raise BadRequest("Give at least one line.", pointer="/lines")
        await change.lock(Stream("org", actor.org))
        await hold_role(change, (Role.ADMIN,))
        kept = await queries.rowed(change)
        all_held = await queries.filled(change, kept)
        held = next(each for each in all_held if each.name == name)
        wanted = _after(held, wish, told)
        if wanted == held:
            change.nothing()
            return held
        if wish in ("add", "restore"):
            checked_together(wanted if each is held else each for each in all_held)
        await _write(change, wanted, wish)
    log.info("lexicon_changed", owasp="authz_change", org=str(actor.org), member=str(actor.member), lexicon=name)
    return wanted


def _after(held: Lexicon, wish: Wish, lines: tuple[str, ...]) -> Lexicon:
    enabled, now = held.enabled, held.lines
    match wish:
        case "add":
            now = checked_lexicon(tuple(dict.fromkeys((*now, *lines))))
        case "remove":
            gone = set(lines)
            now = tuple(line for line in now if line not in gone)
        case "restore":
            # What is shipped, and behind it what the organisation added.
            now = checked_lexicon(tuple(dict.fromkeys((*shipped(held.name), *now))))
        case "on" | "off":
            enabled = wish == "on"
    if (enabled, now) == (held.enabled, held.lines):
        return held
    return Lexicon(held.name, enabled, held.version + 1, now)


_ACTS: dict[Wish, events.Act] = {"add": "added", "remove": "removed", "restore": "restored", "on": "on", "off": "off"}


async def _write(change: Change, lexicon: Lexicon, wish: Wish) -> None:
    org, version = change.actor.org, lexicon.version
    fact = events.lexicon_changed(org, lexicon.name, _ACTS[wish], version, lexicon.lines, enabled=lexicon.enabled)
    commit = change.record(fact).commits["details"]
    if version == 1:
        await change.insert("app.lexicon", name=lexicon.name, enabled=lexicon.enabled, version=1, commit=commit)
    else:
        await change.execute(
            "update app.lexicon set enabled = $3, version = $4, commit = $5 where org_id = $1 and name = $2",
            org,
            lexicon.name,
            lexicon.enabled,
            version,
            commit,
        )
