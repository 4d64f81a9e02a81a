"""What the pages of conversations show: the inbox, one conversation, its news, and the form for a new one.

Plain values only, no database types. Every text a person typed (`subject`, `preview`, `body`, names) is unescaped here and
escaped by the templates.
"""

from dataclasses import dataclass
from typing import Literal

from sealdesk.web.view import Choice, Empty, Moment, Tag

SealState = Literal["recorded", "sealed", "witnessed"]
AuthorKind = Literal["customer", "visitor", "agent", "admin", "auditor", "system"]
Visibility = Literal["public", "internal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One conversation in the list. `preview` is the start of its last message, at most a few hundred characters.

    `preview_by` names who wrote it where that helps ("You", "Internal note"); `number` is the ticket's number.
    """

    thread_id: str
    href: str
    subject: str
    requester: str
    preview: str
    at: Moment
    number: int | None = None
    preview_by: str | None = None
    unread: bool = False
    current: bool = False
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxView:
    """The list of one view; the views themselves are places of the frame.

    `href` reloads it; `older_href` and `newest_href` page by key, None where there is no such page.
    """

    heading: str
    href: str
    rows: tuple[RowView, ...]
    empty: Empty
    older_href: str | None = None
    newest_href: str | None = None


@dataclass(frozen=True, slots=True)
class SealMark:
    """How far the record of an entry has come. `proof_href` leads to the card that explains it."""

    entry_id: str
    state: SealState
    proof_href: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a message, as recorded when it was written. `you` is true for the viewer's own."""

    name: str
    kind: AuthorKind
    you: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageItem:
    """A message in the timeline. `body` is plain text; `claimed` is the time an import claims, `at` the time of the entry.

    `redaction` is what everybody else sees in its place: the viewer reads originals. `manage_href` is where the viewer may redact it.
    """

    entry_id: str
    author: Author
    body: str
    at: Moment
    seal: SealMark
    visibility: Visibility = "public"
    claimed: Moment | None = None
    redaction: "StubItem | None" = None
    manage_href: str | None = None
    kind: Literal["message"] = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventItem:
    """Something that happened, in one sentence: "Locked by an agent: legal request". `internal` is for desk work."""

    entry_id: str
    text: str
    at: Moment
    seal: SealMark
    icon: str = "dot"
    internal: bool = False
    kind: Literal["event"] = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class StubItem:
    """What stands in the place of a redacted or erased message: who wrote it, and who redacted it, when and why.

    `replacement` is what is read instead; `acted` is when it was redacted, `at` when it was written.
    """

    entry_id: str
    text: str
    at: Moment
    seal: SealMark
    author: Author
    acted: Moment
    replacement: str = ""
    visibility: Visibility = "public"
    claimed: Moment | None = None
    manage_href: str | None = None
    kind: Literal["stub"] = "stub"


TimelineItem = MessageItem | EventItem | StubItem


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposerView:
    """The form for an answer. `closed` says why nobody can write here now, in a sentence, instead of the form.

    `note` says what writing will do besides. `idempotency_key` is new for each rendering; `body`, `visibility` and `error` bring a
    refused attempt back.
    """

    action: str
    idempotency_key: str
    may_note: bool = False
    visibility: Visibility = "public"
    body: str = ""
    error: str | None = None
    closed: str | None = None
    note: str = ""
    max_bytes: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """The state of the record of one conversation: entries, how many no checkpoint covers yet, and the last verification."""

    entries: int
    unsealed: int
    verified: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsView:
    """Desk work on the conversation, for agents. `version` is what the form sends back (412 when stale).

    `acts` are what its state can become, `participants` who takes part, `candidates` who could. `free` is whether nobody has it yet,
    `colleagues` to whom it can be handed over; `holds_href` leads to legal holds.
    """

    action: str
    version: str
    statuses: tuple[Choice, ...]
    priorities: tuple[Choice, ...]
    assignees: tuple[Choice, ...]
    requester: str
    channel: str
    opened: Moment
    export_href: str
    may_change: bool = True
    acts: tuple[Choice, ...] = ()
    participants: tuple[Choice, ...] = ()
    candidates: tuple[Choice, ...] = ()
    holds_href: str | None = None
    free: bool = False
    colleagues: tuple[Choice, ...] = ()
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationView:
    """One conversation. `cursor` is opaque: it names what was shown, items and seals both.

    `news_href` already carries the cursor. `unsealed` is whether any shown item is only recorded, which makes the page ask every
    second instead of every few. `details` is None for requesters. `newest_href` leads from an earlier stretch to the last one.
    """

    thread_id: str
    subject: str
    items: tuple[TimelineItem, ...]
    news_href: str
    unsealed: bool
    composer: ComposerView
    record: RecordView
    status: Tag
    number: int | None = None
    tags: tuple[Tag, ...] = ()
    details: DetailsView | None = None
    back_href: str = "/"
    export_href: str | None = None
    earlier_href: str | None = None
    newest_href: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsView:
    """What came after a cursor: new items, the marks whose state changed, and earlier messages that are to be read otherwise.

    `previous_day` is the day of the last shown item.
    """

    news_href: str
    unsealed: bool
    items: tuple[TimelineItem, ...]
    seals: tuple[SealMark, ...]
    record: RecordView
    changed: tuple[TimelineItem, ...] = ()
    previous_day: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofView:
    """The receipt of one entry. Hashes are lower-case hex; `index` and `size` are None until a checkpoint covers the entry.

    `download_href` gives the C2SP tlog-proof file, None until there is one; `close_href` is where the card's close link leads.
    """

    entry_id: str
    state: SealState
    recorded: Moment
    leaf_hash: str
    origin: str
    close_href: str
    index: int | None = None
    size: int | None = None
    signed: Moment | None = None
    download_href: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequestView:
    """The form that opens a conversation, with what a refused attempt had."""

    idempotency_key: str
    subject: str = ""
    body: str = ""
    error: str | None = None
    max_bytes: int = 65_536
