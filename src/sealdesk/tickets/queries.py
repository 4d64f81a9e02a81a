"""Lists of conversations: newest activity first, paged by key, never by counting."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from sealdesk.access.permissions import Permission, Role
from sealdesk.core.db import Row
from sealdesk.core.errors import BadRequest
from sealdesk.threads import redacted
from sealdesk.threads.redacted import Redaction
from sealdesk.tickets import queue
from sealdesk.unit import Reading
from sealdesk.web.paging import TOP, Before

View = Literal["waiting", "mine", "unassigned", "open", "all"]
PAGE = 25
COUNT_TO = 1000

_WHERE: dict[str, str] = {
    "mine": "k.assignee_id = (select sec.member()) and k.status in ('open', 'pending')",
    "unassigned": "k.assignee_id is null and k.status in ('open', 'pending')",
    "open": "(k.status is null or k.status in ('open', 'pending'))",
    "all": "true",
}
# Those who wait come in the order in which they began to; their time in a list is that.
_WAITING = "join app.waiting w on w.org_id = s.org_id and w.thread_id = s.stream_id and w.since is not null"
_FIRST = Before(datetime.min.replace(tzinfo=UTC), UUID(int=0))
_LAST = """left join lateral (select e.entry from ledger.entry e where e.org_id = s.org_id and e.stream_kind = 'thread'
  and e.stream_id = s.stream_id and e.type in ('message.posted', 'message.imported') order by e.stream_seq desc limit 1) last on true"""
_STAFF = """select s.stream_id, s.seq, {at} as at, t.subject_commit, t.channel, t.locked, t.opener_kind, k.number, k.status, k.priority,
  k.assignee_id,  a.name as assignee, coalesce(o.name, c.name) as requester, last.entry
from ledger.stream s {line} join app.thread t on t.org_id = s.org_id and t.thread_id = s.stream_id
left join app.ticket k on k.org_id = t.org_id and k.thread_id = t.thread_id
left join app.member a on a.org_id = k.org_id and a.member_id = k.assignee_id
left join app.member o on o.org_id = t.org_id and o.member_id = t.opener_id
left join app.contact c on c.org_id = t.org_id and c.contact_id = t.opener_id
{last}
where s.org_id = $1 and s.kind = 'thread' and ({at}, s.stream_id) {than} ($2, $3) and {where}
order by {at} {way}, s.stream_id {way} limit $4"""
_OWN = """select s.stream_id, s.seq, s.last_at as at, t.subject_commit, t.channel, t.locked, t.opener_kind, k.number, k.status,
  null::text as priority, null::uuid as assignee_id, null::text as assignee, null::text as requester, last.entry
from app.thread_member tm join ledger.stream s on s.org_id = tm.org_id and s.kind = 'thread' and s.stream_id = tm.thread_id
join app.thread t on t.org_id = s.org_id and t.thread_id = s.stream_id
left join app.ticket k on k.org_id = t.org_id and k.thread_id = t.thread_id
{last}
where tm.org_id = $1 and tm.member_id = (select sec.member()) and (s.last_at, s.stream_id) < ($2, $3) and {where}
order by s.last_at desc, s.stream_id desc limit $4"""
_THERE = "select 1 from app.thread where org_id = $1 and thread_id = $2"
NO_KEY = "Take the key of a page from the answer before."
_OWN_WHERE = {"open": _WHERE["open"], "all": "true"}


@dataclass(frozen=True, slots=True)
class Listed:
    """One conversation in a list. Fields of desk work are None for requesters; `requester` is None where it is the reader."""

    thread_id: UUID
    subject: str
    preview: str
    preview_by: str | None
    at: datetime
    channel: str
    locked: bool
    number: int | None
    status: str | None
    priority: str | None
    assignee_id: UUID | None
    assignee: str | None
    requester: str | None

    def without_desk_work(self) -> "Listed":
        """As it is for who may not read the desk's own work."""
        return replace(self, priority=None, assignee_id=None, assignee=None)


async def conversations(
    work: Reading, view: str, before: Before | None, limit: int = PAGE
) -> tuple[list[Listed], Before | None]:
    """One page of a view and, where there is more, the key of the next. `BadRequest` for a key that no page of the reader's ended with."""
    work.demand(Permission.THREAD_READ)
    if before and not await work.value(_THERE, work.actor.org, before.id):
        raise BadRequest(NO_KEY, pointer="/before")
    staff = work.actor.role is not Role.REQUESTER
    where = _WHERE.get(view, "true") if staff else _OWN_WHERE.get(view, "true")
    query, bound = _query(view, where, staff=staff), before or (_FIRST if staff and view == "waiting" else TOP)
    rows = await work.rows(query, work.actor.org, bound.at, bound.id, limit + 1)
    page = rows[:limit]
    wanted = [commit for row in page for commit in (row["subject_commit"], *_commits(row).values())]
    standing = await redacted.standing(work, (commits["body"] for row in page if (commits := _commits(row))))
    shown = await work.open([*wanted, *(commit for each in standing.values() for commit in each.wanted)])
    opened = {commit: found.content.decode() for commit, found in shown.items()}
    # The same for everybody: a list marks nothing, so an auditor reads originals where they stand.
    opened |= {body: Redaction.of(each, shown, {}).preview for body, each in standing.items()}
    more = Before(page[-1]["at"], page[-1]["stream_id"]) if len(rows) > limit else None
    listed = [_row(row, opened) for row in page]
    if not work.actor.may(Permission.NOTE_READ):
        listed = [row.without_desk_work() for row in listed]
    return listed, more


def _query(view: str, where: str, *, staff: bool) -> str:
    if not staff:
        return _OWN.format(last=_LAST, where=where)
    if view == "waiting":
        return _STAFF.format(last=_LAST, where=where, line=_WAITING, at="w.since", than=">", way="asc")
    return _STAFF.format(last=_LAST, where=where, line="", at="s.last_at", than="<", way="desc")


async def counts(work: Reading) -> dict[str, int]:
    """How many conversations each view of staff holds, and how many flags wait for review.

    Counted up to 1,000 only, so that a large desk costs no more than a small one.
    """
    conversations = "app.thread t left join app.ticket k using (org_id, thread_id)"
    columns = ", ".join(
        f"(select count(*) from (select from {conversations} where t.org_id = $1 and {where} limit {COUNT_TO}) x) as {view}"  # noqa: S608
        for view, where in _WHERE.items()
    )
    flags = "select from app.flag where org_id = $1 and standing = 'open'"
    columns += f", (select count(*) from ({flags} limit {COUNT_TO}) x) as review"  # noqa: S608
    row = await work.row(f"select {columns}", work.actor.org)
    return {**row, "waiting": await queue.length(work)} if row else {}


async def assignees(work: Reading) -> list[tuple[UUID, str]]:
    """Whom a ticket can be assigned to: (member id, name), by name."""
    work.demand(Permission.MEMBER_LIST)
    rows = await work.rows(
        "select member_id, name from app.member where org_id = $1 and active and role in ('agent', 'admin') order by name, member_id",
        work.actor.org,
    )
    return [(row["member_id"], row["name"]) for row in rows]


def _commits(row: Row) -> dict[str, bytes]:
    if row["entry"] is None:
        return {}
    return {
        slot["slot"]: bytes.fromhex(slot["commit"])
        for slot in json.loads(row["entry"])["content"]
        if slot["slot"] in ("body", "author")
    }


def _row(row: Row, opened: dict[bytes, str]) -> Listed:
    commits = _commits(row)
    author = json.loads(opened.get(commits.get("author", b""), "null"))
    return Listed(
        row["stream_id"],
        opened.get(row["subject_commit"], ""),
        opened.get(commits.get("body", b""), "")[:300],
        author["name"] if author else None,
        row["at"],
        row["channel"],
        row["locked"],
        row["number"],
        row["status"],
        row["priority"],
        row["assignee_id"],
        row["assignee"],
        row["requester"],
    )
