"""What happens in a conversation, as facts. Public messages stand in the stream `thread`, internal notes in `ticket`."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.ledger.events import Event, Ref, Stream, document, text
from sealdesk.ledger.seal import Slot

Origin = Mapping[str, str]
"""Where a request came from: `address`, `agent` (user agent) and `session` (a fingerprint); disclosed to staff only."""


def stream_of(thread: UUID, visibility: str) -> Stream:
    """Internal work must not show even in the public stream's numbers (decision 0004)."""
    return Stream("thread" if visibility == "public" else "ticket", thread)


def thread_created(thread: UUID, channel: str, subject: str, actor: Actor, origin: Origin | None) -> Event:
    """A conversation began."""
    slots = [text("subject", subject), _author(actor), *_origin(origin)]
    return Event("thread.created", Stream("thread", thread), {"channel": channel}, slots)


def message_posted(
    message: UUID, thread: UUID, visibility: str, body: str, actor: Actor, origin: Origin | None
) -> Event:
    """A message was posted by a member."""
    slots = [text("body", body), _author(actor), *_origin(origin)]
    return Event(
        "message.posted", stream_of(thread, visibility), {"message": str(message), "visibility": visibility}, slots
    )


def state_changed(act: str, thread: UUID, code: str, reason: str, actor: Actor, refs: Sequence[Ref] = ()) -> Event:
    """The conversation was `locked`, `unlocked`, `closed`, `reopened`, `escalated` or `deescalated`; `refs` name what it answers."""
    slots = [text("reason", reason), _author(actor)] if reason else [_author(actor)]
    kind = "ticket" if act in ("escalated", "deescalated") else "thread"
    return Event(f"thread.{act}", Stream(kind, thread), {"reason": code}, slots, refs)


def participant_changed(act: str, thread: UUID, member: UUID, role: str, reason: str, actor: Actor) -> Event:
    """Somebody was `added` to a conversation or `removed` from it."""
    body = {"member": str(member), "role": role}
    return Event(f"participant.{act}", Stream("thread", thread), body, [text("reason", reason), _author(actor)])


def _author(actor: Actor) -> Slot:
    return document("author", {"name": actor.name, "role": str(actor.role)})


def _origin(origin: Origin | None) -> list[Slot]:
    return [document("origin", dict(origin))] if origin else []
