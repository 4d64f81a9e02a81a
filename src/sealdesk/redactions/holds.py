"""Legal holds: while one stands on a conversation, nothing of it is erased.

Placing and releasing take the locks of both of its streams, as an erasure does: which was first is in the record.
"""

from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import OutsideReach, StateConflict
from sealdesk.core.ids import new_id
from sealdesk.people.holding import hold_role
from sealdesk.redactions import events, queries
from sealdesk.redactions.model import BOTH, HoldCode, checked_note
from sealdesk.redactions.queries import Hold
from sealdesk.threads.model import Thread
from sealdesk.unit import Change, Desk, Key

log = structlog.get_logger("security")


async def place(desk: Desk, actor: Actor, thread: UUID, code: HoldCode, note: str, *, key: Key | None) -> Hold:
    """Put a hold on a conversation. A repeat with the same key gives the first.

    `OutsideReach` (404), `NotPermitted` (403), `StateConflict` (409) for who asked that something here be erased.
    """
    async with desk.change(actor, key) as change:
        if change.replay:
            return await queries.hold_of_entry(change, change.replay)
        await change.find(Thread, thread, Permission.HOLD_MANAGE, lock=BOTH)
        told = checked_note(note)
        await hold_role(change, (Role.ADMIN, Role.AUDITOR))
        await _demand_no_eraser(change, thread)
        hold = new_id()
        fact = change.record(events.hold_changed("placed", thread, hold, code, told))
        await change.insert("app.hold", hold_id=hold, thread_id=thread, placed_by=actor.member, entry_id=fact.entry_id)
        await change.flush()
        found = await queries.hold_of_entry(change, fact.entry_id)
    log.warning("hold_placed", org=str(actor.org), member=str(actor.member), thread=str(thread), hold=str(hold))
    return found


async def release(desk: Desk, actor: Actor, thread: UUID, hold: UUID, code: HoldCode, note: str) -> None:
    """Release a hold; one that is released already stays so, without an entry. Refuses as `place`."""
    async with desk.change(actor) as change:
        await change.find(Thread, thread, Permission.HOLD_MANAGE, lock=BOTH)
        told = checked_note(note)
        await hold_role(change, (Role.ADMIN, Role.AUDITOR))
        found = next((each for each in await queries.holds(change, thread) if each.id == hold), None)
        if found is None:
            raise OutsideReach
        if not found.standing:
            change.nothing()
            return
        await _demand_no_eraser(change, thread)
        change.record(events.hold_changed("released", thread, hold, code, told, [found.entry]))
        await change.execute(
            "update app.hold set standing = false, released_by = $3 where org_id = $1 and hold_id = $2 and standing",
            actor.org,
            hold,
            actor.member,
        )
    log.warning("hold_released", org=str(actor.org), member=str(actor.member), thread=str(thread), hold=str(hold))


async def _demand_no_eraser(change: Change, thread: UUID) -> None:
    asks = await change.value(
        "select 1 from app.erasure where org_id = $1 and thread_id = $2 and asked_by = $3 and state = 'asked'",
        change.actor.org,
        thread,
        change.actor.member,
    )
    if asks:
        raise StateConflict("You asked that something here be erased, so somebody else decides about holds.")
