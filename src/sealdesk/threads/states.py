"""What a conversation can be: locked, closed, escalated, and with whom. Each change has a reason, an entry, and its rows in one step.

Locking takes the locks of both streams: a message, public or internal, is decided under its stream's lock, so it stands before the lock in
the record or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest, StateConflict
from sealdesk.core.seen import shows
from sealdesk.ledger.events import Ref
from sealdesk.threads import events
from sealdesk.threads.model import Thread
from sealdesk.unit import Change, Desk, Reading

Act = Literal["lock", "unlock", "close", "reopen", "escalate", "deescalate"]
Code = Literal["abuse", "legal", "privacy", "safety", "resolved", "duplicate", "mistake", "other"]
MOST_REASON = 1000
"""Bytes of UTF-8 in a reason."""
_BOTH: Final = ("thread", "ticket")
PAST: Final[dict[Act, str]] = {
    "lock": "locked",
    "unlock": "unlocked",
    "close": "closed",
    "reopen": "reopened",
    "escalate": "escalated",
    "deescalate": "deescalated",
}
# What an act answers: the newest entry of that kind. An escalation names the message that gave the cause.
_ANSWERS: Final[dict[Act, tuple[str, ...]]] = {
    "unlock": ("thread.locked",),
    "reopen": ("thread.closed",),
    "escalate": ("message.posted", "message.imported", "thread.created"),
    "deescalate": ("thread.escalated",),
}
_NEWEST = """select entry_id, leaf_hash from ledger.entry
where org_id = $1 and stream_id = $2 and stream_kind = any ($3) and type = any ($4)
order by stream_kind = 'thread' desc, stream_seq desc limit 1"""


@dataclass(frozen=True, slots=True)
class State:
    """What a conversation is. `escalated` is for staff."""

    locked: bool
    closed: bool
    escalated: bool

    def after(self, act: Act) -> "State":
        """What it is after an act."""
        match act:
            case "lock" | "unlock":
                return replace(self, locked=act == "lock")
            case "close" | "reopen":
                return replace(self, closed=act == "close")
            case _:
                return replace(self, escalated=act == "escalate")


def needed(act: Act) -> Permission:
    """What an act asks for: whoever writes may open again what was closed."""
    return Permission.THREAD_REOPEN if act == "reopen" else Permission.THREAD_STATE


def checked_reason(reason: str) -> str:
    """The reason without blanks around it; `BadRequest` where there is none, or too much of it."""
    told = reason.strip()
    if not shows(told) or len(told.encode()) > MOST_REASON:
        raise BadRequest(f"Say why, in at most {MOST_REASON:,} bytes.", pointer="/reason")
    return told


async def change_state(desk: Desk, actor: Actor, thread_id: UUID, act: Act, code: Code, reason: str) -> State:
    """Do one act; one that is done already changes nothing. Gives what the conversation is then.

    `OutsideReach` (404), `NotPermitted` (403), `BadRequest` (400) without a reason.
    """
    async with desk.change(actor) as change:
        # A requester reaches the public stream alone, and does nothing that concerns the other one.
        thread = await change.find(Thread, thread_id, needed(act), lock=_BOTH if _staff(change) else ("thread",))
        told = checked_reason(reason)
        before = await state_of(change, thread)
        after = before.after(act)
        if after == before:
            change.nothing()
        else:
            await _record(change, thread, act, code, told, before)
    return after


async def escalate_for_cause(change: Change, thread: UUID, code: Code, cause: Sequence[Ref]) -> bool:
    """The desk itself escalates, for a cause that it names; whether that was anything new. The stream `ticket` is locked."""
    if await change.value(
        "select standing from app.escalation where org_id = $1 and thread_id = $2", change.actor.org, thread
    ):
        return False
    change.record(events.state_changed("escalated", thread, code, "", change.actor, cause))
    await _write_escalation(change, thread, standing=True)
    return True


async def reopen_by_reply(change: Change, thread: Thread) -> Thread:
    """Whoever writes into a closed conversation opens it, in the same step; the public stream is locked."""
    change.demand(Permission.THREAD_REOPEN)
    refs = await _refs(change, thread.id, "reopen")
    change.record(events.state_changed("reopened", thread.id, "reply", "", change.actor, refs), keyed=False)
    await _write(change, thread.id, "closed", value=False)
    return replace(thread, closed=False)


async def change_participant(
    desk: Desk, actor: Actor, thread_id: UUID, member: UUID, reason: str, *, present: bool
) -> None:
    """Let a requester take part in a conversation, or no longer. One who does already, or does not, stays as they are.

    `OutsideReach` (404), `NotPermitted` (403), `BadRequest` (400) for nobody of the organisation; `StateConflict` (409) for staff.
    """
    async with desk.change(actor) as change:
        await change.find(Thread, thread_id, Permission.PARTICIPANT_MANAGE, lock=("thread",))
        told = checked_reason(reason)
        role = await change.value(
            "select role from app.member where org_id = $1 and member_id = $2 and (active or not $3)",
            actor.org,
            member,
            present,
        )
        if role is None:
            raise BadRequest("Choose a member of the organisation who can sign in.", pointer="/member")
        if present and role != Role.REQUESTER:
            raise StateConflict("They are staff, and reach every conversation of the organisation already.")
        if present:
            joined = "insert into app.thread_member (org_id, thread_id, member_id) values ($1, $2, $3) on conflict do nothing"
            changed = await change.execute(joined, actor.org, thread_id, member) == "INSERT 0 1"
        else:
            changed = bool(await change.value("select sec.remove_participant($1, $2)", thread_id, member))
        if not changed:
            change.nothing()
            return
        act = "added" if present else "removed"
        change.record(events.participant_changed(act, thread_id, member, str(role), told, actor))


async def state_of(work: Reading, thread: Thread) -> State:
    """What a conversation is, as far as the reader may know."""
    escalated = _staff(work) and await work.value(
        "select standing from app.escalation where org_id = $1 and thread_id = $2", work.actor.org, thread.id
    )
    return State(thread.locked, thread.closed, bool(escalated))


async def participants(work: Reading, thread_id: UUID) -> tuple[tuple[UUID, str], ...]:
    """Who takes part besides the staff: id and name, by name. `OutsideReach` (404), `NotPermitted` (403)."""
    await work.find(Thread, thread_id, Permission.NOTE_READ)
    rows = await work.rows(
        "select m.member_id, m.name from app.thread_member t join app.member m using (org_id, member_id)"
        " where t.org_id = $1 and t.thread_id = $2 order by m.name, m.member_id",
        work.actor.org,
        thread_id,
    )
    return tuple((row["member_id"], row["name"]) for row in rows)


async def candidates(work: Reading, thread_id: UUID) -> tuple[tuple[UUID, str], ...]:
    """Requesters of the organisation who do not take part, by name; the first hundred."""
    work.demand(Permission.PARTICIPANT_MANAGE)
    rows = await work.rows(
        "select m.member_id, m.name from app.member m where m.org_id = $1 and m.active and m.role = 'requester' and not exists"
        " (select from app.thread_member t where t.org_id = $1 and t.thread_id = $2 and t.member_id = m.member_id)"
        " order by m.name, m.member_id limit 100",
        work.actor.org,
        thread_id,
    )
    return tuple((row["member_id"], row["name"]) for row in rows)


async def _record(change: Change, thread: Thread, act: Act, code: Code, reason: str, before: State) -> None:
    refs = await _refs(change, thread.id, act)
    change.record(events.state_changed(PAST[act], thread.id, code, reason, change.actor, refs))
    after = before.after(act)
    if after.escalated != before.escalated:
        await _write_escalation(change, thread.id, standing=after.escalated)
    elif after.locked != before.locked:
        await _write(change, thread.id, "locked", value=after.locked)
    else:
        await _write(change, thread.id, "closed", value=after.closed)


async def _write_escalation(change: Change, thread: UUID, *, standing: bool) -> None:
    await change.execute(
        "insert into app.escalation (org_id, thread_id, standing) values ($1, $2, $3)"
        " on conflict (org_id, thread_id) do update set standing = excluded.standing",
        change.actor.org,
        thread,
        standing,
    )


async def _refs(work: Reading, thread: UUID, act: Act) -> list[Ref]:
    if act not in _ANSWERS:
        return []
    kinds = ["thread", "ticket"] if _staff(work) else ["thread"]
    row = await work.row(_NEWEST, work.actor.org, thread, kinds, list(_ANSWERS[act]))
    assert row is not None
    return [Ref(row["entry_id"], row["leaf_hash"])]


async def _write(change: Change, thread: UUID, column: Literal["locked", "closed"], *, value: bool) -> None:
    statement = f"update app.thread set {column} = $3 where org_id = $1 and thread_id = $2"  # noqa: S608 - one of two words
    if await change.execute(statement, change.actor.org, thread, value) != "UPDATE 1":
        raise StateConflict("The conversation's state could not be changed.")


def _staff(work: Reading) -> bool:
    return work.actor.role is not Role.REQUESTER
