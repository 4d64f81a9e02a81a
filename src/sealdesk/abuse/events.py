"""What was found, and what was decided of it, as facts: ids, numbers and enumerations only. The text stays where it stands."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from sealdesk.abuse.lexicon import EDITION, LexiconName, Rule
from sealdesk.abuse.patience import MOST_THREADS, Patience, Violations
from sealdesk.access.actor import Actor
from sealdesk.core.clock import stamp
from sealdesk.ledger.events import Event, Ref, Stream, document, text
from sealproof.canonical import JSON

Act = Literal["added", "removed", "restored", "on", "off"]


def flagged(flag: UUID, thread: UUID, about: str, author: tuple[str, UUID], rules: Sequence[Rule], cause: Ref) -> Event:
    """A message, a subject or the reason of a change met rules. It stands in the desk's own stream: its author is not to learn of it."""
    told: list[JSON] = [{"lexicon": r.lexicon, "version": r.version, "term": r.term} for r in rules]
    kind, who = author
    body: dict[str, JSON] = {
        "flag": str(flag),
        "about": about,
        "author": str(who),
        "author_kind": kind,
        "edition": EDITION,
        "rules": told,
    }
    return Event("abuse.flagged", Stream("ticket", thread), body, refs=[cause])


def escalated(
    org: UUID, flag: UUID, member: tuple[str, UUID], patience: Patience, found: Sequence[Violations]
) -> Event:
    """A member was refused so often that somebody should look; it names the newest refusals, and conversations they concern."""
    kind, who = member
    newest = dict.fromkeys(str(each.thread) for each in reversed(found) if each.thread)
    threads: list[JSON] = [*reversed([*newest][:MOST_THREADS])]
    body: dict[str, JSON] = {
        "flag": str(flag),
        "member": str(who),
        "member_kind": kind,
        "violation": patience.violation,
        "count": sum(each.count for each in found),
        "window_s": int(patience.window.total_seconds()),
        "first_at": stamp(min(each.first_at for each in found)),
        "last_at": stamp(max(each.last_at for each in found)),
        "threads": threads,
    }
    refs = [Ref(each.entry, each.leaf) for each in found[-MOST_THREADS:]]
    return Event("actor.escalated", Stream("org", org), body, refs=refs)


def decided(stream: Stream, flag: UUID, standing: str, reason: str, actor: Actor, flagged_by: Ref) -> Event:
    """Somebody `confirmed` or `dismissed` a flag."""
    slots = [text("reason", reason), document("author", {"name": actor.name, "role": str(actor.role)})]
    return Event(f"abuse.{standing}", stream, {"flag": str(flag)}, slots, [flagged_by])


def lexicon_changed(
    org: UUID, lexicon: LexiconName, act: Act, version: int, lines: Sequence[str], *, enabled: bool
) -> Event:
    """A lexicon is another than before. All of its lines are content of the entry, so that a flag's rule can be looked up for ever."""
    body: dict[str, JSON] = {
        "lexicon": lexicon,
        "act": act,
        "version": version,
        "enabled": "yes" if enabled else "no",
        "terms": len(lines),
    }
    return Event("lexicon.changed", Stream("org", org), body, [document("details", {"lines": list(lines)})])
