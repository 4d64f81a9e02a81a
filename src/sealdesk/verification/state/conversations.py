"""Threads, who takes part in them, tickets, messages and what became of them, where imported ones came from, and what was flagged."""

from dataclasses import dataclass, field
from uuid import UUID

from sealdesk.core.db import Row
from sealdesk.ledger.fsck.logs import View
from sealdesk.ledger.read import Stored
from sealdesk.verification.state import flags
from sealdesk.verification.state.redactions import Unread
from sealdesk.verification.state.rows import Between, Near, Table, changes, chunks, judge_none, stored

_ORPHAN = """
select x.name, x.id from (
  select 'app.message' as name, thread_id as id from app.message where org_id = $1
  union all select 'app.thread_member', thread_id from app.thread_member where org_id = $1
  union all select 'app.ticket', thread_id from app.ticket where org_id = $1
  union all select 'app.escalation', thread_id from app.escalation where org_id = $1
  union all select 'app.redaction', thread_id from app.redaction where org_id = $1
  union all select 'app.hold', thread_id from app.hold where org_id = $1
  union all select 'app.erasure', thread_id from app.erasure where org_id = $1
  union all select 'app.flag', thread_id from app.flag where org_id = $1 and thread_id is not null
  union all select 'app.imported', thread_id from app.imported where org_id = $1) x
where not exists (select from app.thread t where t.org_id = $1 and t.thread_id = x.id) limit 1
"""
_COUNTER = """
select c.value, (select coalesce(max(number), 0) from app.ticket where org_id = $1) as last from app.counter c
where c.org_id = $1 and c.name = 'ticket' and c.value <> (select coalesce(max(number), 0) from app.ticket where org_id = $1)
"""
_OPENERS = ("customer", "visitor")


async def judge(view: View) -> None:
    """`Differs` at the first row about a conversation that its two streams do not account for."""
    async for ids, entries in chunks(view, ("thread", "ticket"), "app.thread", "thread_id"):
        fold = Fold()
        for entry in entries:
            fold.apply(entry)
        fold.settle()
        for table in fold.tables():
            table.compare(view, await stored(view, table, "thread_id", ids))
    await judge_none(view, _ORPHAN, lambda row: _orphan(view, row))
    await judge_none(
        view,
        _COUNTER,
        lambda row: view.differs(
            "app.counter", "ticket", "state.counter.value", expected=row["last"], found=row["value"]
        ),
    )


@dataclass(slots=True)
class Fold:
    """What the entries of some conversations make of the tables."""

    threads: Table = field(default_factory=lambda: Table("app.thread", ("thread_id",)))
    members: Table = field(default_factory=lambda: Table("app.thread_member", ("thread_id", "member_id")))
    escalations: Table = field(default_factory=lambda: Table("app.escalation", ("thread_id",)))
    tickets: Table = field(default_factory=lambda: Table("app.ticket", ("thread_id",)))
    messages: Table = field(default_factory=lambda: Table("app.message", ("message_id",)))
    imported: Table = field(default_factory=lambda: Table("app.imported", ("entry_id",)))
    unread: Unread = field(default_factory=Unread)
    flags: Table = field(default_factory=lambda: Table("app.flag", ("flag_id",)))
    worked: dict[UUID, dict[str, int]] = field(default_factory=dict[UUID, dict[str, int]])

    def tables(self) -> tuple[Table, ...]:
        """All of them, the threads first."""
        own = self.threads, self.members, self.escalations, self.tickets, self.messages, self.imported, self.flags
        return *own, *self.unread.tables()

    def apply(self, entry: Stored) -> None:
        """Let one entry have its effect."""
        self.unread.apply(entry)
        thread = entry.stream_id
        match entry.type:
            case "thread.created":
                self._open(entry)
            case "thread.locked" | "thread.unlocked":
                self._of(self.threads, thread)["locked"] = entry.type == "thread.locked"
            case "thread.closed" | "thread.reopened":
                self._of(self.threads, thread)["closed"] = entry.type == "thread.closed"
            case "thread.escalated" | "thread.deescalated":
                self.escalations.rows[thread,] = {"standing": entry.type == "thread.escalated"}
            case "participant.added":
                self.members.rows[thread, UUID(entry.body["member"])] = {}
            case "participant.removed":
                self.members.rows.pop((thread, UUID(entry.body["member"])), None)
            case "message.posted" | "message.imported":
                self._post(entry)
            case "ticket.created":
                told = entry.body
                self.tickets.rows[thread,] = {
                    "number": told["number"],
                    "status": told["status"],
                    "priority": told["priority"],
                    "assignee_id": _uuid(told["assignee"]),
                }
            case "ticket.changed":
                self._work(entry)
            case "abuse.flagged" | "abuse.confirmed" | "abuse.dismissed":
                flags.apply(self.flags, entry)
            case _:
                pass  # says nothing that a table repeats

    def settle(self) -> None:
        """One change of a ticket may leave an entry in each stream, so its version is bounded by them, not fixed."""
        for (thread,), row in self.tickets.rows.items():
            counts = self.worked.get(thread, {}) if isinstance(thread, UUID) else {}
            row["version"] = Between(1 + max(counts.values(), default=0), 1 + sum(counts.values()))

    def _open(self, entry: Stored) -> None:
        thread = entry.stream_id
        row = self._of(self.threads, thread)
        row |= {
            "channel": entry.body["channel"],
            "subject_commit": entry.commits["subject"],
            "created_at": Near(entry.at),
        }
        row.setdefault("locked", False)
        row.setdefault("closed", False)
        if entry.body["channel"] == "import":
            row["opener_kind"] = "contact"
            return
        row |= {"opener_kind": entry.actor_kind, "opener_id": UUID(entry.actor_id)}
        if entry.actor_kind in _OPENERS:
            self.members.rows[thread, UUID(entry.actor_id)] = {}

    def _post(self, entry: Stored) -> None:
        row: dict[str, object] = {
            "thread_id": entry.stream_id,
            "stream_kind": entry.stream_kind,
            "seq": entry.seq,
            "visibility": entry.body["visibility"],
            "at": entry.at,
            "entry_id": entry.entry_id,
            "body_commit": entry.commits["body"],
        }
        if entry.type == "message.posted":
            row["author_id"] = UUID(entry.actor_id)
        else:
            source: dict[str, object] = {
                "source": UUID(entry.body["source"]),
                "ordinal": entry.body["ordinal"],
                "thread_id": entry.stream_id,
            }
            self.imported.rows[entry.entry_id,] = source
        self.messages.rows[UUID(entry.body["message"]),] = row

    def _work(self, entry: Stored) -> None:
        counts = self.worked.setdefault(entry.stream_id, {})
        counts[entry.stream_kind] = counts.get(entry.stream_kind, 0) + 1
        row = self._of(self.tickets, entry.stream_id)
        for name, value in changes(entry):
            if name == "assignee":
                row["assignee_id"] = _uuid(value)
            else:
                row[name] = value

    @staticmethod
    def _of(table: Table, thread: UUID) -> dict[str, object]:
        return table.rows.setdefault((thread,), {})


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _orphan(view: View, row: Row) -> Exception:
    name: str = row["name"]
    finding = f"state.{name.removeprefix('app.')}.orphan"
    return view.differs(name, f"thread {row['id']}", finding, expected="a conversation", found=None)
