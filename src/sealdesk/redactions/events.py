"""What is said of messages that are not to be read any more, as facts, in the stream of the message; what only staff learn, in `ticket`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sealdesk.core.clock import stamp
from sealdesk.ledger.events import Event, Ref, Stream, text
from sealdesk.ledger.seal import Slot
from sealproof.canonical import JSON


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure takes, on which basis, who asked for it and who approved, and when the last backup of its keys is gone."""

    commits: Sequence[bytes]
    basis: str
    asked_by: UUID
    approved_by: UUID
    backups_expire: datetime


def message_redacted(
    stream: Stream, message: UUID, gone: Sequence[bytes], code: str, replacement: str | None, note: str, posted: Ref
) -> Event:
    """Readers read `replacement`, or nothing, in the place of what `gone` commits to: the body, and whatever stood in its place before."""
    said: dict[str, JSON] = {
        "message": str(message),
        "mode": "withhold" if replacement is None else "mask",
        "reason": code,
        "commits": [commit.hex() for commit in gone],
    }
    slots = [] if replacement is None else [text("redacted_body", replacement)]
    return Event("message.redacted", stream, said, [*slots, *_reason(note)], [posted])


def message_unredacted(
    stream: Stream, message: UUID, body: bytes, code: str, note: str, answers: Sequence[Ref]
) -> Event:
    """The message is read as it was written again; `answers` are its entry and that of the redaction."""
    said: dict[str, JSON] = {"message": str(message), "reason": code, "commits": [body.hex()]}
    return Event("message.unredacted", stream, said, _reason(note), answers)


def hold_changed(act: str, thread: UUID, hold: UUID, code: str, note: str, refs: Sequence[Ref] = ()) -> Event:
    """A legal hold was `placed` on a conversation, or `released`."""
    said: dict[str, JSON] = {"hold": str(hold), "reason": code}
    return Event(f"hold.{act}", Stream("thread", thread), said, _reason(note), refs)


def erasing_changed(org: UUID, state: str, reason: str, refs: Sequence[Ref] = ()) -> Event:
    """Whether the organisation erases: `asked` for by one person, `on` by a second one's word, `off`."""
    return Event("config.changed", Stream("org", org), {"setting": f"erasure.{state}"}, _reason(reason), refs)


def erasure_asked(thread: UUID, message: UUID, basis: str, reason: str, posted: Ref) -> Event:
    """Somebody asked that a message be erased."""
    said: dict[str, JSON] = {"message": str(message), "basis": basis}
    return Event("erasure.asked", Stream("ticket", thread), said, [text("reason", reason)], [posted])


def erasure_refused(thread: UUID, message: UUID, reason: str, asked: Ref) -> Event:
    """What was asked was refused, or withdrawn."""
    return Event("erasure.refused", Stream("ticket", thread), {"message": str(message)}, _reason(reason), [asked])


def content_erased(stream: Stream, erased: Erased, refs: Sequence[Ref]) -> Event:
    """Content, keys and salts are destroyed, in the transaction of this entry."""
    said: dict[str, JSON] = {
        "commits": [commit.hex() for commit in erased.commits],
        "basis": erased.basis,
        "asked_by": str(erased.asked_by),
        "approved_by": str(erased.approved_by),
        "backups_expire": stamp(erased.backups_expire),
    }
    return Event("content.erased", stream, said, (), refs)


def _reason(note: str) -> list[Slot]:
    return [text("reason", note)] if note else []
