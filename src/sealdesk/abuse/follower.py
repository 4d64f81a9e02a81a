"""Looks at every message, subject and reason of a conversation, and counts refusals.

A match flags and escalates. It drops and hides nothing, and whoever it is about sees none of it.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import structlog

from sealdesk.abuse import events, queries
from sealdesk.abuse.lexicon import Rule
from sealdesk.abuse.patience import PATIENCE, Patience, Violations, exhausted
from sealdesk.abuse.watches import Look, Watches
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.ids import new_id
from sealdesk.ledger.events import Recorded, Ref, Stream
from sealdesk.ledger.read import Stored
from sealdesk.threads.model import Thread
from sealdesk.threads.states import PAST, Code, escalate_for_cause
from sealdesk.unit import Change

MESSAGES = frozenset({"message.posted", "message.imported"})
REASONS = frozenset({*(f"thread.{act}" for act in PAST.values()), "participant.added", "participant.removed"})
SPREAD = timedelta(minutes=2)
"""How long after the last refusal that it counts an entry may stand: it is counted for a minute, and then written."""
MOST_ENTRIES = 1000
_REFUSALS = """select entry_id, leaf_hash, entry from ledger.entry
where org_id = $1 and stream_kind = 'user' and stream_id = $2 and type = $3
  and stream_seq <= $4 and at > $5 order by stream_seq desc limit $6"""
_ESCALATED = """select max(last_at) from app.flag
where org_id = $1 and author_id = $2 and about = 'person' and kinds = array[$3]"""

log = structlog.get_logger("security")


@dataclass(frozen=True, slots=True)
class _Found:
    about: str
    author: tuple[str, UUID]
    kinds: list[str]
    evidence: UUID
    thread: UUID | None = None
    last_at: datetime | None = None


class Abuse:
    """The follower. `find` reads a text, in whatever process: it is called from a thread, one text after another."""

    name = "abuse"
    permission = Permission.ABUSE_RECORD
    types = MESSAGES | REASONS | {"thread.created"} | {type_ for type_, _ in PATIENCE}

    def __init__(self, find: Callable[[Look], tuple[Rule, ...] | None] | None = None) -> None:
        self._find = find or Watches().find

    async def handle(self, change: Change, entry: Stored) -> bool:
        """Flag what a message, subject or reason says, or whom something was refused to again and again."""
        if entry.type in MESSAGES:
            return await self._look(change, entry, "message", "body")
        if entry.type == "thread.created":
            return await self._look(change, entry, "subject", "subject")
        if entry.type in REASONS:
            # What a follower escalated has none.
            return "reason" in entry.commits and await self._look(change, entry, "reason", "reason")
        patience = PATIENCE.get((entry.type, entry.body["kind"]))
        if patience is None or entry.stream_kind != "user":
            return False
        return await count(change, entry, patience)

    async def _look(self, change: Change, entry: Stored, about: str, slot: str) -> bool:
        opened = (await change.open([entry.commits[slot]])).get(entry.commits[slot])
        if opened is None:
            return False  # erased before it was looked at
        rules = await self._read(change, opened.content.decode())
        if not rules:
            return False
        await flag(change, entry, about, rules)
        return True

    async def _read(self, change: Change, text: str) -> tuple[Rule, ...] | None:
        kept = await queries.rowed(change)
        # Those who changed nothing share what is shipped.
        edition = " ".join(f"{row.name} {row.version} {row.commit.hex()}" for _, row in sorted(kept.items()))
        look = Look(text, str(change.actor.org) if kept else "", edition)
        found = await asyncio.to_thread(self._find, look)
        if found is None:
            ready = Look(look.text, look.whose, look.edition, await queries.filled(change, kept))
            found = await asyncio.to_thread(self._find, ready)
        return found


async def flag(change: Change, entry: Stored, about: str, rules: tuple[Rule, ...]) -> None:
    """Flag what an entry says, and escalate its conversation; history that was brought in is flagged alone, as it is no emergency now."""
    thread, flag_id = entry.stream_id, new_id()
    await change.find(Thread, thread, Permission.ABUSE_RECORD, lock=("ticket",))
    author = await _author(change, entry)
    cause = Ref(entry.entry_id, entry.leaf_hash)
    fact = change.record(events.flagged(flag_id, thread, about, author, rules, cause))
    kinds: list[str] = [*dict.fromkeys(rule.lexicon for rule in rules)]
    await _insert(change, fact, flag_id, _Found(about, author, kinds, entry.entry_id, thread))
    if author[0] != "contact":
        code: Code = "safety" if {"self-harm", "threat"} & set(kinds) else "abuse"
        await escalate_for_cause(change, thread, code, [cause, Ref(fact.entry_id, fact.leaf_hash)])
    log.warning(
        "abuse_flagged",
        org=str(change.actor.org),
        member=str(author[1]),
        thread=str(thread),
        entry=str(entry.entry_id),
        kinds=kinds,
    )


async def count(change: Change, entry: Stored, patience: Patience) -> bool:
    """Escalate a member whose refusals are too many for a window, once in it."""
    org, member = change.actor.org, entry.stream_id
    rows = await change.rows(
        _REFUSALS, org, member, entry.type, entry.seq, entry.at - patience.window - SPREAD, MOST_ENTRIES
    )
    told = [(row, json.loads(row["entry"])["body"]) for row in rows]
    found = sorted(
        (
            Violations(
                row["entry_id"],
                row["leaf_hash"],
                datetime.fromisoformat(body["last_at"]),
                datetime.fromisoformat(body["first_at"]),
                body["count"],
                UUID(body["thread"]) if body["thread"] else None,
            )
            for row, body in told
            if body["kind"] == entry.body["kind"]
        ),
        key=lambda each: each.last_at,
    )
    escalated_at = cast("datetime | None", await change.value(_ESCALATED, org, member, patience.violation))
    within = exhausted(patience, found, escalated_at)
    role = await change.value("select role from app.member where org_id = $1 and member_id = $2", org, member)
    if not within or role is None:
        return False
    await _escalate(change, (_kind(str(role)), member), patience, within)
    return True


async def _escalate(change: Change, member: tuple[str, UUID], patience: Patience, within: list[Violations]) -> None:
    org, flag_id, newest = change.actor.org, new_id(), within[-1]
    await change.lock(Stream("org", org))
    fact = change.record(events.escalated(org, flag_id, member, patience, within))
    found = _Found("person", member, [patience.violation], newest.entry, last_at=newest.last_at)
    await _insert(change, fact, flag_id, found)
    log.warning(
        "actor_escalated",
        owasp=_OWASP[patience.violation],
        org=str(org),
        member=str(member[1]),
        violation=patience.violation,
        count=sum(each.count for each in within),
    )


_OWASP = {
    "rate-limit": "excess_rate_limit_exceeded",
    "unauthorised": "authz_fail",
    "cross-tenant": "malicious_direct_reference",
}


async def _insert(change: Change, fact: Recorded, flag_id: UUID, found: _Found) -> None:
    await change.insert(
        "app.flag",
        flag_id=flag_id,
        about=found.about,
        thread_id=found.thread,
        author_id=found.author[1],
        author_kind=found.author[0],
        kinds=found.kinds,
        at=fact.at,
        last_at=found.last_at or fact.at,
        entry_id=fact.entry_id,
        evidence=found.evidence,
    )


async def _author(change: Change, entry: Stored) -> tuple[str, UUID]:
    """Who wrote it: the entry's actor, or for history that was brought in, the contact."""
    imported = entry.type == "message.imported" or entry.body.get("channel") == "import"
    if not imported:
        return entry.actor_kind, UUID(entry.actor_id)
    query = (
        "select author_id from app.message where org_id = $1 and thread_id = $2 and entry_id = $3"
        if entry.type == "message.imported"
        else "select opener_id from app.thread where org_id = $1 and thread_id = $2 and $3::uuid is not null"
    )
    found = await change.value(query, change.actor.org, entry.stream_id, entry.entry_id)
    assert isinstance(found, UUID)
    return "contact", found


def _kind(role: str) -> str:
    return "customer" if role == Role.REQUESTER else role
