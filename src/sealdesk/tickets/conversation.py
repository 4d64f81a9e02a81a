"""One conversation, gathered for a page."""

from uuid import UUID

from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import OutsideReach
from sealdesk.threads import queries as threads
from sealdesk.threads import states
from sealdesk.threads.model import Thread
from sealdesk.threads.queries import Cursor
from sealdesk.threads.view import ConversationView, NewsView, RecordView
from sealdesk.tickets import queries, showing
from sealdesk.tickets.model import Ticket
from sealdesk.unit import Reading

PAGE = 60
_LOOK_BACK = 200
_UNSEALED = """select count(*) from (select l.idx from ledger.entry e left join ledger.leaf l using (org_id, qid)
where e.org_id = $1 and e.stream_kind = $2 and e.stream_id = $3 order by e.stream_seq desc limit $5) x where idx is null or idx >= $4"""


async def conversation(work: Reading, thread_id: UUID, earlier: str | None, typed: dict[str, str]) -> ConversationView:
    """The conversation's last stretch, or the one that ends before `earlier`; `typed` brings a refused answer back."""
    staff = work.actor.role is not Role.REQUESTER
    thread = await work.find(Thread, thread_id, Permission.THREAD_READ)
    found, first = await threads.recent(work, thread_id, Cursor.parse(earlier) if earlier else None, PAGE)
    ticket = await Ticket.find(work, thread_id, ()) if staff else None
    status, number = await _public_state(work, thread_id)
    state = await states.state_of(work, thread)
    subject = await work.open([thread.subject_commit])
    size = await threads.sealed_size(work)
    newest = await _heads(work, thread_id)
    names = await names_of(work)
    shown = showing.items(work.actor, found.items, names)
    details = None
    if staff:
        people = await queries.assignees(work) if work.actor.may(Permission.MEMBER_LIST) else []
        details = showing.details(work.actor, thread, ticket, await _opener(work, thread), people)
        if work.actor.may(Permission.THREAD_STATE):
            present = await states.participants(work, thread_id)
            details = showing.with_state(details, state, present, await states.candidates(work, thread_id))
    return ConversationView(
        thread_id=str(thread_id),
        subject=subject[thread.subject_commit].content.decode() if subject else "",
        items=shown,
        news_href=showing.news_href(
            thread_id, newest if earlier else found.cursor, size, showing.last_day(shown), old=earlier is not None
        ),
        unsealed=any(not item.sealed for item in found.items),
        composer=showing.composer(work.actor, thread, **typed),
        record=await record_of(work, thread_id),
        status=showing.status_tag("closed" if state.closed else status),
        number=number,
        tags=showing.state_tags(state),
        details=details,
        export_href=f"/exports/new?thread={thread_id}",
        earlier_href=f"/c/{thread_id}?earlier={first.written(staff=staff)}" if found.more else None,
        newest_href=f"/c/{thread_id}" if earlier else None,
    )


async def news(work: Reading, thread: UUID, mark: str, sealed: int, day: str, *, old: bool = False) -> NewsView | None:
    """What came after the cursor `mark`, and the marks that turned since `sealed` entries were under a checkpoint; None without either.

    For an `old` stretch: what of it is to be read otherwise since, but nothing that doesn't belong under it.
    """
    after = Cursor.parse(mark)
    found = await threads.timeline(work, thread, after)
    size = await threads.sealed_size(work)
    turned = await sealed_since(work, thread, after, sealed, size) if size > sealed else ()
    if not found.items and not turned:
        return None
    record = await record_of(work, thread)
    names = await names_of(work)
    shown = showing.items(work.actor, found.items, names)
    changed = await threads.changed_in(work, thread, found.items)
    return NewsView(
        news_href=showing.news_href(thread, found.cursor, size, showing.last_day(shown, day), old=old),
        unsealed=record.unsealed > 0,
        items=() if old else shown,
        previous_day=day,
        seals=tuple(showing.mark(thread, entry, sealed=True) for entry in turned),
        record=record,
        changed=showing.items(work.actor, changed, names),
    )


async def record_of(work: Reading, thread: UUID) -> RecordView:
    """How many entries the conversation has, and how many of the last ones no checkpoint covers yet."""
    heads = await _heads(work, thread)
    size = await threads.sealed_size(work)
    unsealed = 0
    for kind in ("thread", "ticket") if work.actor.may(Permission.NOTE_READ) else ("thread",):
        waiting = await work.value(
            _UNSEALED,
            work.actor.org,
            kind,
            thread,
            size,
            _LOOK_BACK,
        )
        unsealed += int(str(waiting))
    return RecordView(entries=heads.thread + heads.ticket, unsealed=unsealed)


async def sealed_since(work: Reading, thread: UUID, upto: Cursor, before: int, size: int) -> tuple[UUID, ...]:
    """The entries up to the cursor that came under a checkpoint between the sizes `before` and `size`."""
    found: list[UUID] = []
    for kind, seq in (("thread", upto.thread), ("ticket", upto.ticket)):
        if kind == "ticket" and not work.actor.may(Permission.NOTE_READ):
            continue
        rows = await work.rows(
            "select e.entry_id from ledger.entry e join ledger.leaf l using (org_id, qid) where e.org_id = $1 and e.stream_kind = $2"
            " and e.stream_id = $3 and e.stream_seq <= $4 and e.stream_seq > $4 - $7 and l.idx >= $5 and l.idx < $6 order by e.stream_seq",
            work.actor.org,
            kind,
            thread,
            seq,
            before,
            size,
            _LOOK_BACK,
        )
        found += [row["entry_id"] for row in rows]
    return tuple(found)


async def names_of(work: Reading) -> dict[str, str]:
    """Names by id: of the organisation's members for staff, one's own for a requester."""
    rows = await work.rows("select member_id as id, name from app.member where org_id = $1", work.actor.org)
    return {str(row["id"]): row["name"] for row in rows}


async def _opener(work: Reading, thread: Thread) -> str:
    name = await work.value(
        "select name from app.member where org_id = $1 and member_id = $2"
        " union all select name from app.contact where org_id = $1 and contact_id = $2 limit 1",
        work.actor.org,
        thread.opener_id,
    )
    return str(name or "Unknown")


async def _public_state(work: Reading, thread: UUID) -> tuple[str | None, int | None]:
    row = await work.row(
        "select status, number from app.ticket where org_id = $1 and thread_id = $2", work.actor.org, thread
    )
    return (row["status"], row["number"]) if row else (None, None)


async def _heads(work: Reading, thread: UUID) -> Cursor:
    rows = await work.rows(
        "select kind, seq from ledger.stream where org_id = $1 and stream_id = $2 and kind = any ($3)",
        work.actor.org,
        thread,
        ["thread", "ticket"] if work.actor.may(Permission.NOTE_READ) else ["thread"],
    )
    found = {row["kind"]: row["seq"] for row in rows}
    if "thread" not in found:
        raise OutsideReach
    return Cursor(found["thread"], found.get("ticket", 0))
