"""Reading conversations: the timeline is the thread's entries themselves, so that page, list, poll and export can't differ."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import BadRequest, OutsideReach
from sealdesk.ledger.events import Recorded
from sealdesk.ledger.read import ENTRY_COLUMNS, Stored
from sealdesk.ledger.seal import Opened
from sealdesk.threads import redacted
from sealdesk.threads.model import Draft
from sealdesk.threads.redacted import Redaction
from sealdesk.unit import Reading

PAGE = 100
_CURSOR = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")
_END = 10**18 - 1  # beyond every sequence number, and still a cursor
_ENTRIES = f"select {ENTRY_COLUMNS} from ledger.entry e left join ledger.leaf l using (org_id, qid)"  # noqa: S608 - columns from code
MESSAGES = ("message.posted", "message.imported")


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader has read: the last sequence number seen of the public stream and, for staff, of the internal one."""

    thread: int = 0
    ticket: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `12` or `12.7`; `BadRequest` otherwise."""
        match = _CURSOR.fullmatch(text)
        if not match:
            raise BadRequest("A cursor looks like 12 or 12.7; take it from the last answer.", pointer="/after")
        return cls(int(match[1]), int(match[2] or 0))

    def written(self, *, staff: bool) -> str:
        """As it goes to the client: requesters see the public number only."""
        return f"{self.thread}.{self.ticket}" if staff else str(self.thread)


@dataclass(frozen=True, slots=True)
class Author:
    """Who acted, by the name and role they had at the time. `kind` is the ledger's actor kind."""

    id: str
    kind: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What imported history says of itself: claimed, not witnessed."""

    at: str
    author: str
    channel: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message and its receipt. `sealed` says whether a signed checkpoint covers it; `index` is its place in the log.

    `redaction` is what stands in its place; `body` is then None, but for who reads originals.
    """

    id: UUID
    thread_id: UUID
    seq: int
    visibility: str
    author: Author
    at: datetime
    body: str | None
    entry_id: UUID
    leaf_hash: bytes
    index: int | None
    sealed: bool
    claim: Claim | None = None
    redaction: Redaction | None = None

    @classmethod
    def fresh(cls, message: UUID, thread_id: UUID, draft: Draft, actor: Actor, fact: Recorded) -> Self:
        """The message just posted, before anything was sequenced."""
        author = Author(str(actor.member), actor.identity[0], actor.name, str(actor.role))
        return cls(
            message,
            thread_id,
            fact.seq,
            draft.visibility,
            author,
            fact.at,
            draft.body,
            fact.entry_id,
            fact.leaf_hash,
            None,
            False,
        )


@dataclass(frozen=True, slots=True)
class Happening:
    """An entry of the timeline that is no message: something was opened, changed, locked."""

    stored: Stored
    author: Author
    note: str
    sealed: bool
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of the staff that it names by id: requesters have no other list of them."""


Item = Message | Happening


@dataclass(frozen=True, slots=True)
class Timeline:
    """A stretch of a conversation in order, the cursor behind it, and whether there is more in that direction."""

    items: tuple[Item, ...]
    cursor: Cursor
    more: bool


async def timeline(work: Reading, thread: UUID, after: Cursor, limit: int = PAGE) -> Timeline:
    """What came after `after`, oldest first. `OutsideReach` (404) for a thread out of reach."""
    work.demand(Permission.THREAD_READ)
    if not await work.value("select 1 from app.thread where org_id = $1 and thread_id = $2", work.actor.org, thread):
        raise OutsideReach
    public = await _stretch(work, "thread", thread, "e.stream_seq > $4 order by e.stream_seq", after.thread, limit + 1)
    internal: list[Stored] = []
    if work.actor.may(Permission.NOTE_READ):
        internal = await _stretch(
            work, "ticket", thread, "e.stream_seq > $4 order by e.stream_seq", after.ticket, limit + 1
        )
    merged = _merge(public, internal)
    page = merged[:limit]
    return Timeline(await _items(work, thread, page), _beyond(after, page), len(merged) > limit)


async def recent(work: Reading, thread: UUID, before: Cursor | None, limit: int = PAGE) -> tuple[Timeline, Cursor]:
    """The last stretch (or the one before `before`), oldest first, and the cursor of its first item for going further back."""
    work.demand(Permission.THREAD_READ)
    bound = before or Cursor(_END, _END)
    public = await _stretch(
        work, "thread", thread, "e.stream_seq < $4 order by e.stream_seq desc", bound.thread, limit + 1
    )
    internal: list[Stored] = []
    if work.actor.may(Permission.NOTE_READ):
        internal = await _stretch(
            work, "ticket", thread, "e.stream_seq < $4 order by e.stream_seq desc", bound.ticket, limit + 1
        )
    merged = _merge(public, internal)
    page = merged[-limit:]
    first = Cursor(
        min((s.seq for s in page if s.stream_kind == "thread"), default=bound.thread),
        min((s.seq for s in page if s.stream_kind == "ticket"), default=bound.ticket),
    )
    return Timeline(await _items(work, thread, page), _beyond(Cursor(), page), len(merged) > limit), first


async def message_of_entry(work: Reading, entry: UUID) -> Message:
    """The message that an entry posted."""
    stored = await _stored(work, entry)
    items = await _items(work, stored.stream_id, [stored])
    if not isinstance(items[0], Message):
        raise OutsideReach
    return items[0]


async def messages_of(work: Reading, thread: UUID, ids: Sequence[UUID]) -> tuple[Message, ...]:
    """These messages of a conversation, as they are to be read now; those out of reach are missing."""
    if not ids:
        return ()
    rows = await work.rows(
        f"{_ENTRIES} join app.message m on m.org_id = e.org_id and m.entry_id = e.entry_id"
        " where m.org_id = $1 and m.message_id = any ($2) and m.thread_id = $3 order by e.at, e.stream_seq",
        work.actor.org,
        list(ids),
        thread,
    )
    items = await _items(work, thread, [Stored.of(row) for row in rows])
    return tuple(item for item in items if isinstance(item, Message))


async def changed_in(work: Reading, thread: UUID, found: Sequence[Item]) -> tuple[Message, ...]:
    """Messages from before a stretch that are to be read otherwise since something in it."""
    shown = {item.id for item in found if isinstance(item, Message)}
    acts = [item.stored for item in found if isinstance(item, Happening) and item.stored.type in redacted.ACTS]
    named = {UUID(act.body["message"]) for act in acts if "message" in act.body}
    erased = [bytes.fromhex(commit) for act in acts for commit in act.body["commits"] if act.type == "content.erased"]
    if erased:
        rows = await work.rows(
            "select message_id from app.message where org_id = $1 and thread_id = $2 and body_commit = any ($3)",
            work.actor.org,
            thread,
            erased,
        )
        named |= {row["message_id"] for row in rows}
    return await messages_of(work, thread, sorted(named - shown))


async def thread_of_entry(work: Reading, entry: UUID) -> UUID:
    """The conversation in whose stream an entry stands."""
    return (await _stored(work, entry)).stream_id


async def sealed_size(work: Reading) -> int:
    """How many entries the organisation's newest signed checkpoint covers."""
    size = await work.value("select max(size) from ledger.checkpoint where org_id = $1", work.actor.org)
    return size if isinstance(size, int) else 0


async def _stored(work: Reading, entry: UUID) -> Stored:
    row = await work.row(
        f"{_ENTRIES} where e.org_id = $1 and e.entry_id = $2",
        work.actor.org,
        entry,
    )
    if row is None:
        raise OutsideReach
    return Stored.of(row)


async def _stretch(work: Reading, kind: str, thread: UUID, where: str, seq: int, limit: int) -> list[Stored]:
    rows = await work.rows(
        f"{_ENTRIES} where e.org_id = $1 and e.stream_kind = $2 and e.stream_id = $3 and {where} limit $5",
        work.actor.org,
        kind,
        thread,
        seq,
        limit,
    )
    return [Stored.of(row) for row in rows]


def _merge(public: Sequence[Stored], internal: Sequence[Stored]) -> list[Stored]:
    # `at` never runs backwards within a stream, so ordering by it keeps each stream's own order.
    return sorted([*public, *internal], key=lambda s: (s.at, s.stream_kind != "thread", s.seq))


def _beyond(after: Cursor, page: Sequence[Stored]) -> Cursor:
    return Cursor(
        max((s.seq for s in page if s.stream_kind == "thread"), default=after.thread),
        max((s.seq for s in page if s.stream_kind == "ticket"), default=after.ticket),
    )


async def _items(work: Reading, thread: UUID, page: Sequence[Stored]) -> tuple[Item, ...]:
    wanted = ("body", "author", "claim", "subject", "reason", "note")
    standing = await redacted.standing(work, (s.commits["body"] for s in page if s.type in MESSAGES))
    names = await redacted.names_of(work, standing.values(), page)
    commits = [commit for s in page for slot, commit in s.commits.items() if slot in wanted]
    opened = await work.open([*commits, *(commit for each in standing.values() for commit in each.wanted)])
    redactions = {body: Redaction.of(each, opened, names) for body, each in standing.items()}
    if not work.actor.may(Permission.ORIGINAL_READ):
        opened = {commit: found for commit, found in opened.items() if commit not in redactions}
    size = await sealed_size(work)
    return tuple(_item(thread, s, opened, size, redactions, names) for s in page)


def _item(
    thread: UUID,
    stored: Stored,
    opened: dict[bytes, Opened],
    size: int,
    redactions: Mapping[bytes, Redaction],
    names: Mapping[str, str],
) -> Item:
    author = _author(stored, _content(stored, opened, "author"), names)
    sealed = stored.index is not None and stored.index < size
    if stored.type not in MESSAGES:
        note = (
            _content(stored, opened, "reason")
            or _content(stored, opened, "note")
            or _content(stored, opened, "subject")
            or b""
        )
        return Happening(stored, author, note.decode(), sealed, names)
    body, claim = _content(stored, opened, "body"), _content(stored, opened, "claim")
    return Message(
        UUID(stored.body["message"]),
        thread,
        stored.seq,
        stored.body["visibility"],
        author,
        stored.at,
        body.decode() if body is not None else None,
        stored.entry_id,
        stored.leaf_hash,
        stored.index,
        sealed,
        Claim(**{name: json.loads(claim)[name] for name in ("at", "author", "channel")}) if claim else None,
        redactions.get(stored.commits["body"]),
    )


def _content(stored: Stored, opened: dict[bytes, Opened], slot: str) -> bytes | None:
    commit = stored.commits.get(slot)
    found = opened.get(commit) if commit else None
    return found.content if found else None


def _author(stored: Stored, document: bytes | None, names: Mapping[str, str]) -> Author:
    named = names.get(stored.actor_id, stored.actor_kind)
    told = json.loads(document) if document else {"name": named, "role": stored.actor_kind}
    return Author(stored.actor_id, stored.actor_kind, told["name"], told["role"])
