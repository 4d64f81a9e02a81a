"""The conversation and its rules."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.core.db import Row
from sealdesk.core.errors import BadRequest, StateConflict, TooLarge
from sealdesk.core.ids import new_id
from sealdesk.core.seen import shows
from sealdesk.ledger.events import Event, Head, Stream
from sealdesk.threads import events
from sealdesk.threads.events import Origin
from sealdesk.unit import Change, Reading

MAX_BODY = 65_536
"""Bytes of UTF-8 in a message's body (KiB are 1,024 bytes)."""
MAX_SUBJECT = 998
"""Bytes of UTF-8 in a subject, as in a mail header line (RFC 5322, 2.1.1)."""


class ThreadLocked(StateConflict):
    """A locked conversation takes no message from anyone."""

    slug = "thread-locked"
    title = "The conversation is locked"


class ThreadClosed(StateConflict):
    """A closed conversation takes a message once it is open again."""

    slug = "thread-closed"
    title = "The conversation is closed"


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to post: its body (1 to 65,536 bytes of UTF-8) and whether it is `public` or an `internal` note."""

    body: str
    visibility: str = "public"

    def __post_init__(self) -> None:
        if not self.body.strip():
            raise BadRequest("Write something first: the message is empty.", pointer="/body")
        if len(self.body.encode()) > MAX_BODY:
            raise TooLarge(f"A message has at most {MAX_BODY:,} bytes. Shorten it or send it in two.")


def checked_subject(subject: str) -> str:
    """The subject on one line; `BadRequest` if it is empty or too long."""
    line = " ".join(subject.split())
    if not shows(line):
        raise BadRequest("Give the conversation a subject.", pointer="/subject")
    if len(line.encode()) > MAX_SUBJECT:
        raise BadRequest(f"A subject has at most {MAX_SUBJECT} bytes.", pointer="/subject")
    return line


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as found under the actor's reach."""

    id: UUID
    channel: str
    subject_commit: bytes
    opener_id: UUID
    opener_kind: str
    locked: bool
    closed: bool
    created_at: datetime

    @classmethod
    async def find(cls, work: Reading, key: UUID, lock: tuple[str, ...]) -> Self | None:
        """The thread in reach, its state read after the streams of the kinds `lock` were locked."""
        rows = await work.rows("select * from app.find_thread($1, $2)", key, list(lock))
        if not rows:
            return None
        if isinstance(work, Change):
            for row in rows:
                if row["kind"]:
                    work.hold(Stream(row["kind"], key), Head(row["seq"], row["head"], row["last_at"]))
        return cls.of(key, rows[0])

    @classmethod
    def of(cls, key: UUID, row: Row) -> Self:
        """The thread `key` as a row of the database shows it."""
        return cls(
            key,
            row["channel"],
            row["subject_commit"],
            row["opener_id"],
            row["opener_kind"],
            row["locked"],
            row["closed"],
            row["created_at"],
        )

    def post(self, actor: Actor, draft: Draft, origin: Origin | None) -> tuple[UUID, Event]:
        """The id and event of a new message. `ThreadLocked` (409) if the thread is locked: judged under the stream's lock.

        `ThreadClosed` (409) for a public message while it is closed: whoever posts reopens it first.
        """
        if self.locked:
            raise ThreadLocked("This conversation is locked and takes no more messages.")
        if self.closed and draft.visibility == "public":
            raise ThreadClosed("This conversation is closed.")
        message = new_id()
        return message, events.message_posted(message, self.id, draft.visibility, draft.body, actor, origin)
