"""What stands, and what waits: redactions of a message, holds, erasures."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sealdesk.access.permissions import Permission
from sealdesk.core.db import Row
from sealdesk.core.errors import OutsideReach
from sealdesk.ledger.events import Ref
from sealdesk.ledger.read import ENTRY_COLUMNS, Stored
from sealdesk.members.queries import admit
from sealdesk.redactions.model import Posted
from sealdesk.threads import queries as threads
from sealdesk.threads.model import Thread
from sealdesk.threads.queries import Message
from sealdesk.unit import Change, Reading

_ENTRY = f"""select {ENTRY_COLUMNS} from ledger.entry e left join ledger.leaf l using (org_id, qid)
where e.org_id = $1 and e.entry_id = $2"""  # noqa: S608
_HOLDS = f"""select h.hold_id, h.thread_id, h.standing, h.placed_by, h.released_by, m.name, {ENTRY_COLUMNS}
from app.hold h join ledger.entry e on e.org_id = h.org_id and e.entry_id = h.entry_id
left join ledger.leaf l on l.org_id = e.org_id and l.qid = e.qid left join app.member m on m.org_id = h.org_id and m.member_id = h.placed_by
where h.org_id = $1 and ($2::uuid is null or h.thread_id = $2) and (h.standing or $2 is not null) order by e.at desc, h.hold_id limit 500"""  # noqa: S608
_WAITING = f"""select a.message_id, a.thread_id, a.basis, a.asked_by, m.name, m.active and m.role = 'admin' as asks, {ENTRY_COLUMNS}
from app.erasure a join ledger.entry e on e.org_id = a.org_id and e.entry_id = a.entry_id
left join ledger.leaf l on l.org_id = e.org_id and l.qid = e.qid left join app.member m on m.org_id = a.org_id and m.member_id = a.asked_by
where a.org_id = $1 and a.state = 'asked' and ($2::uuid is null or a.message_id = $2) order by e.at limit 500"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold on a conversation."""

    id: UUID
    thread_id: UUID
    standing: bool
    placed_by: UUID
    placer: str
    at: datetime
    code: str
    note: str
    entry: Ref


@dataclass(frozen=True, slots=True)
class Waiting:
    """An erasure that waits for a second person. It is void, and can only be refused, as long as whoever asked is no admin."""

    message_id: UUID
    thread_id: UUID
    basis: str
    asked_by: UUID
    asker: str
    at: datetime
    reason: str
    entry: Ref
    void: bool

    def answerable(self, member: UUID) -> bool:
        """Whether this member may approve it: anybody but who asked."""
        return member != self.asked_by


@dataclass(frozen=True, slots=True)
class Erasing:
    """Whether the organisation erases: `off`, `asked` by one person, or `on`. `version` counts the changes."""

    state: str
    asked_by: UUID | None
    version: int


async def find(
    work: Reading, thread: UUID, message: UUID, permission: Permission, lock: tuple[str, ...] = ()
) -> Posted:
    """The message of that conversation. `OutsideReach` (404), `NotPermitted` (403)."""
    of = await work.value(
        "select thread_id from app.message where org_id = $1 and message_id = $2", work.actor.org, message
    )
    if of != thread:
        raise OutsideReach
    return await work.find(Posted, message, permission, lock)


async def shown(work: Reading, thread: UUID, message: UUID) -> Message:
    """The message as the reader reads it now."""
    found = await threads.messages_of(work, thread, [message])
    if not found:
        raise OutsideReach
    return found[0]


async def shown_of_entry(change: Change, entry: UUID) -> Message:
    """The message that an act was about, for the repeat of a request."""
    row = await change.row(_ENTRY, change.actor.org, entry)
    if row is None:
        raise OutsideReach
    act = Stored.of(row)
    if "message" in act.body:
        return await shown(change, act.stream_id, UUID(act.body["message"]))
    message = await change.value(
        "select message_id from app.redaction where org_id = $1 and entry_id = $2", change.actor.org, entry
    )
    if not isinstance(message, UUID):
        raise OutsideReach
    return await shown(change, act.stream_id, message)


async def holds(work: Reading, thread: UUID | None) -> tuple[Hold, ...]:
    """The holds of a conversation, released ones too, or all that stand in the organisation; the newest first."""
    if thread is not None and await Thread.find(work, thread, ()) is None:
        raise OutsideReach
    admit(work.actor, Permission.HOLD_MANAGE)
    rows = await work.rows(_HOLDS, work.actor.org, thread)
    notes = await _reasons(work, rows)
    return tuple(
        Hold(
            row["hold_id"],
            row["thread_id"],
            row["standing"],
            row["placed_by"],
            row["name"] or "",
            row["at"],
            Stored.of(row).body["reason"],
            notes[row["entry_id"]],
            Ref(row["entry_id"], row["leaf_hash"]),
        )
        for row in rows
    )


async def hold_of_entry(work: Reading, entry: UUID) -> Hold:
    """The hold that an entry placed."""
    row = await work.row(_ENTRY, work.actor.org, entry)
    if row is None:
        raise OutsideReach
    found = {hold.entry.id: hold for hold in await holds(work, Stored.of(row).stream_id)}
    return found[entry]


async def waiting(work: Reading, message: UUID | None = None) -> tuple[Waiting, ...]:
    """What waits for a second person in the reader's organisation, the oldest first."""
    rows = await work.rows(_WAITING, work.actor.org, message)
    reasons = await _reasons(work, rows)
    return tuple(
        Waiting(
            row["message_id"],
            row["thread_id"],
            row["basis"],
            row["asked_by"],
            row["name"] or "",
            row["at"],
            reasons[row["entry_id"]],
            Ref(row["entry_id"], row["leaf_hash"]),
            not row["asks"],
        )
        for row in rows
    )


async def erasing(work: Reading) -> Erasing:
    """Whether the organisation erases."""
    row = await work.row("select state, asked_by, version from app.erasing where org_id = $1", work.actor.org)
    return Erasing(row["state"], row["asked_by"], row["version"]) if row else Erasing("off", None, 0)


async def _reasons(work: Reading, rows: list[Row]) -> dict[UUID, str]:
    stored = {row["entry_id"]: Stored.of(row).commits.get("reason") for row in rows}
    opened = await work.open(commit for commit in stored.values() if commit)
    return {
        entry: opened[commit].content.decode() if commit and commit in opened else ""
        for entry, commit in stored.items()
    }
