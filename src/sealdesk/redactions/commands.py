"""Redact a message, and take that back."""

from collections.abc import Callable
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.redactions import queries
from sealdesk.redactions.model import BOTH, LiftCode, Posted, Wanted, checked_note
from sealdesk.threads.queries import Message
from sealdesk.unit import Change, Desk, Key

log = structlog.get_logger("security")


async def redact(desk: Desk, actor: Actor, thread: UUID, message: UUID, wanted: Wanted, *, key: Key | None) -> Message:
    """Have another text, or none, read in the place of a message; gives it as the actor reads it then. A repeat gives the same.

    `OutsideReach` (404), `NotPermitted` (403), `BadRequest` (400), `AlreadyRedacted` or `Erased` (409).
    """
    async with desk.change(actor, key) as change:
        if change.replay:
            return await queries.shown_of_entry(change, change.replay)
        posted = await queries.find(change, thread, message, Permission.MESSAGE_REDACT, BOTH)
        fact = change.record(posted.redact(wanted.checked()))
        await _say(change, posted, "masked" if wanted.mode == "mask" else "withheld", fact.entry_id)
        await change.flush()
        shown = await queries.shown(change, thread, message)
    log.info("message_redacted", org=str(actor.org), member=str(actor.member), message=str(message), mode=wanted.mode)
    return shown


async def lift(
    desk: Desk,
    actor: Actor,
    thread: UUID,
    message: UUID,
    code: LiftCode,
    note: str,
    require: Callable[[str], None],
    *,
    key: Key | None,
) -> Message:
    """Take a redaction back: the message is read as it was written. `NotRedacted` or `Erased` (409), else as `redact`.

    `require` is asked with the id of the entry that stands, and raises `Stale` (412) where the actor saw another redaction.
    """
    async with desk.change(actor, key) as change:
        if change.replay:
            return await queries.shown_of_entry(change, change.replay)
        posted = await queries.find(change, thread, message, Permission.MESSAGE_REDACT, BOTH)
        require(str(posted.said.id) if posted.said else "")
        fact = change.record(posted.lift(code, checked_note(note)))
        await _say(change, posted, "lifted", fact.entry_id)
        await change.flush()
        return await queries.shown(change, thread, message)


async def _say(change: Change, posted: Posted, state: str, entry: UUID) -> None:
    if posted.state == "plain":
        await change.insert(
            "app.redaction",
            message_id=posted.id,
            thread_id=posted.thread_id,
            stream_kind=posted.stream.kind,
            body_commit=posted.body,
            state=state,
            entry_id=entry,
        )
        return
    await change.execute(
        "update app.redaction set state = $3, entry_id = $4 where org_id = $1 and message_id = $2",
        change.actor.org,
        posted.id,
        state,
        entry,
    )
