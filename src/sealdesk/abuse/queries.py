"""Lexicons in force, and the queue of what was flagged."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from sealdesk.abuse.lexicon import LEXICONS, Lexicon, LexiconName, shipped
from sealdesk.abuse.model import Flag, Standing
from sealdesk.access.permissions import Permission
from sealdesk.core.db import Row
from sealdesk.threads import redacted
from sealdesk.threads.redacted import Redaction
from sealdesk.unit import Reading
from sealdesk.web.paging import TOP, Before

PAGE = 25
EXCERPT = 400
"""Characters of a flagged text that the queue shows."""
_QUEUE = """select f.*, coalesce(m.name, c.name, '') as author_name, t.subject_commit, k.number, x.body_commit,
  e.entry as told, v.entry as shown_by
from app.flag f
left join app.member m on m.org_id = f.org_id and m.member_id = f.author_id
left join app.contact c on c.org_id = f.org_id and c.contact_id = f.author_id
left join app.thread t on t.org_id = f.org_id and t.thread_id = f.thread_id
left join app.ticket k on k.org_id = f.org_id and k.thread_id = f.thread_id
left join app.message x on x.org_id = f.org_id and x.thread_id = f.thread_id and x.entry_id = f.evidence
join ledger.entry e on e.org_id = f.org_id and e.entry_id = f.entry_id
left join ledger.entry v on v.org_id = f.org_id and v.entry_id = f.evidence and f.about = 'reason'
where f.org_id = $1 and """
_PAGE = _QUEUE + "f.standing = $2 and (f.at, f.flag_id) < ($3, $4) order by f.at desc, f.flag_id desc limit $5"


@dataclass(frozen=True, slots=True)
class Rowed:
    """A lexicon's row: `commit` of the entry's content that lists its lines."""

    name: LexiconName
    enabled: bool
    version: int
    commit: bytes


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flag, with what one has to see to decide it; `told` is the body of its entry. `excerpt` is None where the text is gone."""

    flag: Flag
    author_name: str
    subject: str | None
    number: int | None
    excerpt: str | None
    told: dict[str, object]


async def rowed(work: Reading) -> dict[LexiconName, Rowed]:
    """The lexicons that the organisation has changed."""
    rows = await work.rows("select name, enabled, version, commit from app.lexicon where org_id = $1", work.actor.org)
    return {row["name"]: Rowed(row["name"], row["enabled"], row["version"], row["commit"]) for row in rows}


async def filled(work: Reading, kept: dict[LexiconName, Rowed]) -> tuple[Lexicon, ...]:
    """All lexicons, with their lines."""
    opened = await work.open(row.commit for row in kept.values())
    made = list[Lexicon]()
    for name in LEXICONS:
        if row := kept.get(name):
            found = opened.get(row.commit)
            lines = cast("list[str]", json.loads(found.content)["lines"]) if found else []
            made.append(Lexicon(name, row.enabled, row.version, tuple(lines)))
        else:
            made.append(Lexicon(name, enabled=True, version=0, lines=shipped(name)))
    return tuple(made)


async def lexicons(work: Reading) -> tuple[Lexicon, ...]:
    """What the organisation looks for. `NotPermitted` (403)."""
    work.demand(Permission.ABUSE_READ)
    return await filled(work, await rowed(work))


async def queue(work: Reading, standing: Standing, before: Before | None) -> tuple[list[Flagged], Before | None]:
    """One page of flags that stand so, newest first, and where there is more the key of the next. `NotPermitted` (403)."""
    work.demand(Permission.ABUSE_READ)
    bound = before or TOP
    rows = await work.rows(_PAGE, work.actor.org, standing, bound.at, bound.id, PAGE + 1)
    found = await _shown(work, rows[:PAGE])
    last = found[-1].flag if len(rows) > PAGE else None
    return found, Before(last.at, last.id) if last else None


async def one(work: Reading, flag: UUID) -> Flagged:
    """One flag. `NotPermitted` (403), `OutsideReach` (404)."""
    work.demand(Permission.ABUSE_READ)
    await work.find(Flag, flag, Permission.ABUSE_READ)
    return (await _shown(work, await work.rows(_QUEUE + "f.flag_id = $2", work.actor.org, flag)))[0]


async def _shown(work: Reading, rows: Sequence[Row]) -> list[Flagged]:
    flagged = [_flagged(row) for row in rows]
    wanted = [each for each in (*flagged, *(row["subject_commit"] for row in rows)) if each]
    standing = await redacted.standing(work, (row["body_commit"] for row in rows if row["body_commit"]))
    opened = await work.open([*wanted, *(commit for each in standing.values() for commit in each.wanted)])

    def text(commit: bytes | None) -> str | None:
        if commit in standing:
            return Redaction.of(standing[commit], opened, {}).preview  # as in every list
        found = opened.get(commit) if commit else None
        return found.content.decode() if found else None

    return [
        Flagged(
            flag=Flag.of(row),
            author_name=row["author_name"],
            subject=text(row["subject_commit"]),
            number=row["number"],
            excerpt=_excerpt(text(commit)),
            told=json.loads(row["told"])["body"],
        )
        for row, commit in zip(rows, flagged, strict=True)
    ]


def _flagged(row: Row) -> bytes | None:
    """The commitment of the text that a flag is about; None of a person, or where its entry is out of reach."""
    if row["about"] == "reason" and row["shown_by"]:
        content = json.loads(row["shown_by"])["content"]
        return next((bytes.fromhex(each["commit"]) for each in content if each["slot"] == "reason"), None)
    commit = row["subject_commit"] if row["about"] == "subject" else row["body_commit"]
    return cast("bytes | None", commit)


def _excerpt(text: str | None) -> str | None:
    return text if text is None or len(text) <= EXCERPT else text[:EXCERPT].rstrip() + "…"
