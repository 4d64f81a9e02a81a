"""Open a conversation, post a message."""

from uuid import UUID

from sealdesk import gathering
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.db import Row
from sealdesk.core.ids import new_id
from sealdesk.ledger.events import Event, Recorded, Stream
from sealdesk.threads import events, queries, states
from sealdesk.threads.events import Origin
from sealdesk.threads.model import Draft, Thread, checked_subject
from sealdesk.threads.queries import Message
from sealdesk.unit import Change, Desk, Key


async def open_thread(
    desk: Desk, actor: Actor, subject: str, draft: Draft, channel: str, *, key: Key | None, origin: Origin | None
) -> UUID:
    """Open a conversation with its first message; gives the thread's id. A repeat with the same key gives the first one's."""
    async with desk.change(actor, key) as change:
        if change.replay:
            return await queries.thread_of_entry(change, change.replay)
        return await open_in(change, subject, draft, channel, origin)


async def open_in(change: Change, subject: str, draft: Draft, channel: str, origin: Origin | None) -> UUID:
    """Open a conversation inside a larger change."""
    actor, thread_id = change.actor, new_id()
    change.demand(Permission.THREAD_OPEN)
    line = checked_subject(subject)
    created = events.thread_created(thread_id, channel, line, actor, origin)
    # The row first: whether the opener reaches the stream follows from it.
    thread = Thread(thread_id, channel, b"", actor.member, actor.identity[0], False, False, change.began)
    prepared = change.prepare(created)
    await change.insert(
        "app.thread",
        thread_id=thread_id,
        channel=channel,
        subject_commit=prepared.commits["subject"],
        opener_id=actor.member,
        opener_kind=actor.identity[0],
        created_at=change.began,
    )
    await change.lock(Stream("thread", thread_id))
    change.record(prepared)
    message, event = thread.post(actor, draft, origin)
    await _insert(change, message, thread_id, draft, change.record(event))
    return thread_id


async def post_message(
    desk: Desk, actor: Actor, thread_id: UUID, draft: Draft, *, key: Key | None, origin: Origin | None
) -> Message:
    """Post into a conversation within reach; the answer carries the receipt. A repeat with the same key gives the first answer."""
    permission = Permission.MESSAGE_POST if draft.visibility == "public" else Permission.NOTE_POST
    stream = events.stream_of(thread_id, draft.visibility)

    async def alone() -> Message:
        async with desk.change(actor, key) as change:
            if change.replay:
                return await queries.message_of_entry(change, change.replay)
            thread = await change.find(Thread, thread_id, permission, lock=(stream.kind,))
            if thread.closed and draft.visibility == "public":
                thread = await states.reopen_by_reply(change, thread)
            message, event = thread.post(actor, draft, origin)
            fact = change.record(event)
            await _insert(change, message, thread_id, draft, fact)
        return Message.fresh(message, thread_id, draft, actor, fact)

    def decide(row: Row) -> tuple[gathering.Message, Event]:
        message, event = Thread.of(thread_id, row).post(actor, draft, origin)
        return gathering.Message(message, draft.visibility), event

    def answer(message: gathering.Message, fact: Recorded) -> Message:
        return Message.fresh(message.id, thread_id, draft, actor, fact)

    if key is None:
        return await alone()
    return await gathering.post(desk, gathering.Post(actor, key, stream, permission, decide, answer, alone))


async def post_in(change: Change, thread: Thread, draft: Draft, origin: Origin | None) -> None:
    """Post into a conversation that was found and locked, inside a larger change."""
    message, event = thread.post(change.actor, draft, origin)
    await _insert(change, message, thread.id, draft, change.record(event))


async def _insert(change: Change, message: UUID, thread_id: UUID, draft: Draft, fact: Recorded) -> None:
    await change.insert(
        "app.message",
        message_id=message,
        thread_id=thread_id,
        stream_kind=fact.stream.kind,
        seq=fact.seq,
        visibility=draft.visibility,
        author_id=change.actor.member,
        at=fact.at,
        entry_id=fact.entry_id,
        body_commit=fact.commits["body"],
    )
