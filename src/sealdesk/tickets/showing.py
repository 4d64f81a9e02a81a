"""From what the queries found to what the pages show."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote
from uuid import UUID, uuid4

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core import clock
from sealdesk.threads.model import Thread
from sealdesk.threads.queries import Cursor, Item, Message
from sealdesk.threads.states import State
from sealdesk.threads.view import (
    Author,
    ComposerView,
    DetailsView,
    EventItem,
    InboxView,
    MessageItem,
    RowView,
    SealMark,
    StubItem,
    TimelineItem,
)
from sealdesk.tickets.model import PRIORITIES, STATUSES, Ticket
from sealdesk.tickets.queries import Listed
from sealdesk.tickets.sentences import sentence
from sealdesk.web.paging import Before, written_key
from sealdesk.web.view import Choice, Empty, Moment, Tag

_TONES = {"open": "good", "pending": "warn", "solved": "plain", "closed": "plain"}
_EMPTY = {
    "waiting": Empty(
        "Nobody waits for an answer", "Whoever writes appears here, longest first.", "All open", "/?view=open"
    ),
    "mine": Empty(
        "Nothing is waiting for you", "Take a conversation from the unassigned ones.", "Unassigned", "/?view=unassigned"
    ),
    "unassigned": Empty(
        "Every conversation has an owner", "New ones appear here by themselves.", "All open", "/?view=open"
    ),
    "open": Empty("Nothing is open", "All conversations are solved or closed.", "All conversations", "/?view=all"),
    "all": Empty("No conversations yet", "Open one, or import what you have.", "New conversation", "/new"),
}
_NO_REQUESTS = Empty("No requests yet", "Tell us what happened, and keep the proof of it.", "New request", "/new")
HEADINGS = {
    "waiting": "Waiting",
    "mine": "Mine",
    "unassigned": "Unassigned",
    "open": "Open",
    "all": "All conversations",
}


def inbox(
    actor: Actor, view: str, rows: Sequence[Listed], older: Before | None, *, paged: bool, current: UUID | None = None
) -> InboxView:
    """The list of a view."""
    now, staff = clock.now(), actor.role is not Role.REQUESTER
    shown = tuple(_row(actor, row, view, now, current=row.thread_id == current) for row in rows)
    base = f"/?view={view}" if staff else "/?"
    return InboxView(
        heading=HEADINGS[view] if staff else "My requests",
        href=f"/?view={view}" if staff else "/",
        rows=shown,
        empty=_EMPTY[view] if staff else _NO_REQUESTS,
        older_href=f"{base}&before={written_key(older)}".replace("?&", "?") if older else None,
        newest_href=f"/?view={view}" if paged and staff else "/" if paged else None,
    )


def items(actor: Actor, found: Sequence[Item], names: Mapping[str, str]) -> tuple[TimelineItem, ...]:
    """A stretch of the timeline."""
    now = clock.now()
    return tuple(_item(actor, item, names, now) for item in found)


def mark(thread: UUID, entry: UUID, *, sealed: bool) -> SealMark:
    """The seal mark of an entry."""
    return SealMark(str(entry), "sealed" if sealed else "recorded", f"/c/{thread}/proof/{entry}")


def status_tag(status: str | None) -> Tag:
    """The publicly visible state."""
    return Tag(status or "chat", _TONES.get(status or "", "plain"))  # pyright: ignore[reportArgumentType]


def state_tags(state: State) -> tuple[Tag, ...]:
    """What marks a conversation besides its status."""
    marks = (("escalated", state.escalated, "warn"), ("locked", state.locked, "bad"))
    return tuple(Tag(word, tone) for word, holds, tone in marks if holds)  # pyright: ignore[reportArgumentType]


def with_state(
    found: DetailsView,
    state: State,
    participants: Sequence[tuple[UUID, str]],
    candidates: Sequence[tuple[UUID, str]],
) -> DetailsView:
    """The details with what can become of the conversation, and with whom."""
    acts = (
        ("unlock", "Unlock: messages again") if state.locked else ("lock", "Lock: no more messages"),
        ("deescalate", "Take the escalation back") if state.escalated else ("escalate", "Escalate within the desk"),
        ("reopen", "Reopen") if state.closed else ("close", "Close until somebody writes"),
    )
    return replace(
        found,
        acts=tuple(Choice(act, label, chosen=False) for act, label in acts),
        participants=tuple(Choice(str(member), name, chosen=False) for member, name in participants),
        candidates=tuple(Choice(str(member), name, chosen=False) for member, name in candidates),
    )


def composer(
    actor: Actor, thread: Thread, *, body: str = "", visibility: str = "public", error: str | None = None
) -> ComposerView:
    """The form for an answer, or the reason why there is none."""
    closed, note = None, ""
    if thread.locked:
        closed = (
            "This conversation is locked. Nobody can write here until it is unlocked; what was written stays on record."
        )
    elif thread.closed and actor.role is Role.REQUESTER and not body:
        note = "This conversation is closed. Write, and it is open again."
    if closed is None and not actor.may(Permission.MESSAGE_POST):
        closed = f"As {actor.role} you read everything and write nothing."
    return ComposerView(
        action=f"/c/{thread.id}/messages",
        idempotency_key=uuid4().hex,
        may_note=actor.may(Permission.NOTE_POST),
        visibility="internal" if visibility == "internal" else "public",
        body=body,
        error=error,
        closed=closed,
        note=note,
    )


def details(
    actor: Actor, thread: Thread, ticket: Ticket | None, requester: str, people: Sequence[tuple[UUID, str]]
) -> DetailsView:
    """Desk work on the conversation; without a ticket there is nothing to pick."""
    assignee = ticket.assignee if ticket else None
    options = [Choice("", "Nobody", assignee is None)] + [
        Choice(str(member), name, member == assignee) for member, name in people
    ]
    return DetailsView(
        action=f"/c/{thread.id}/ticket",
        version=f'"{ticket.version}"' if ticket else '"0"',
        statuses=tuple(Choice(s, s.capitalize(), s == ticket.status) for s in STATUSES) if ticket else (),
        priorities=tuple(Choice(p, p.capitalize(), p == ticket.priority) for p in PRIORITIES) if ticket else (),
        assignees=tuple(options) if ticket else (),
        requester=requester,
        channel=thread.channel,
        opened=Moment.of(thread.created_at, clock.now()),
        export_href=f"/exports/new?thread={thread.id}",
        may_change=actor.may(Permission.TICKET_WORK),
        holds_href=f"/c/{thread.id}/holds" if actor.may(Permission.HOLD_MANAGE) else None,
        free=assignee is None,
        colleagues=tuple(Choice(str(m), name, chosen=False) for m, name in people if m not in (actor.member, assignee)),
        idempotency_key=uuid4().hex,
    )


def news_href(thread: UUID, cursor: Cursor, size: int, day: str, *, old: bool = False) -> str:
    """Where a page asks for what came after `cursor`; `size` is what was sealed when it was drawn, `day` the last heading it shows.

    `old` is for a page that shows an earlier stretch.
    """
    asked = f"/c/{thread}/news?after={cursor.thread}.{cursor.ticket}&sealed={size}&day={quote(day)}"
    return asked + "&old=yes" if old else asked


def last_day(shown: Sequence[TimelineItem], before: str = "") -> str:
    """The day under which the last item stands; `before` where there is none."""
    if not shown:
        return before
    item = shown[-1]
    return (item.at if item.kind == "event" else item.claimed or item.at).day


def _row(actor: Actor, row: Listed, view: str, now: datetime, *, current: bool) -> RowView:
    staff = actor.role is not Role.REQUESTER
    tags = [status_tag(row.status)]
    if row.priority in ("high", "urgent"):
        tags.append(Tag(row.priority, "bad" if row.priority == "urgent" else "warn"))
    if row.locked:
        tags.append(Tag("locked", "bad"))
    if staff and row.assignee:
        tags.append(Tag("yours" if row.assignee_id == actor.member else row.assignee))
    if row.channel == "import":
        tags.append(Tag("imported"))
    return RowView(
        thread_id=str(row.thread_id),
        href=f"/c/{row.thread_id}?view={view}" if staff else f"/c/{row.thread_id}",
        subject=row.subject,
        requester=row.requester or actor.name,
        preview=row.preview,
        preview_by="You" if row.preview_by == actor.name else row.preview_by,
        at=Moment.of(row.at, now),
        number=row.number,
        current=current,
        tags=tuple(tags),
    )


def _message(actor: Actor, item: Message, now: datetime) -> MessageItem | StubItem:
    guest = "visitor" if item.author.kind == "visitor" else "customer"
    kind = guest if item.author.role == "requester" else item.author.role
    by = Author(item.author.name, kind, item.author.id == str(actor.member))  # pyright: ignore[reportArgumentType]
    seal, visibility = mark(item.thread_id, item.entry_id, sealed=item.sealed), item.visibility
    claimed = Moment.of(datetime.fromisoformat(item.claim.at), now) if item.claim else None
    stub, said = None, item.redaction
    manages = actor.may(Permission.MESSAGE_REDACT) or (said is not None and actor.may(Permission.ERASURE_APPROVE))
    href = f"/c/{item.thread_id}/messages/{item.id}/redaction" if manages else None
    if said is not None:
        stub = StubItem(
            entry_id=str(item.entry_id),
            text=said.sentence,
            at=Moment.of(item.at, now),
            seal=seal,
            author=by,
            acted=Moment.of(said.at, now),
            replacement=said.text or "",
            visibility="internal" if visibility == "internal" else "public",
            claimed=claimed,
            manage_href=href,
        )
        if item.body is None:
            return stub
    return MessageItem(
        entry_id=str(item.entry_id),
        author=by,
        body=item.body if item.body is not None else "",
        at=Moment.of(item.at, now),
        seal=seal,
        visibility="internal" if visibility == "internal" else "public",
        claimed=claimed,
        redaction=stub,
        manage_href=href,
    )


def _item(actor: Actor, item: Item, names: Mapping[str, str], now: datetime) -> TimelineItem:
    if isinstance(item, Message):
        return _message(actor, item, now)
    text, icon = sentence(item, names)
    return EventItem(
        entry_id=str(item.stored.entry_id),
        text=text,
        at=Moment.of(item.stored.at, now),
        seal=mark(item.stored.stream_id, item.stored.entry_id, sealed=item.sealed),
        icon=icon,
        internal=item.stored.stream_kind == "ticket",
    )
