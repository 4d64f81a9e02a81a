"""Why content is absent: what was erased anywhere in the log, and what was redacted in the streams of the scope."""

# ruff: noqa: S608 - queries are put together from constants

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sealdesk.core.db import Connection
from sealproof import entry
from sealproof.entry import Entry

IN_SCOPE = """(e.stream_kind = 'export' and e.stream_id = $2 or exists (
  select from app.export_stream x where x.org_id = $1 and x.export_id = $2 and x.kind = e.stream_kind and x.stream_id = e.stream_id))"""
"""Whether the entry `e` of the organisation $1 belongs to what the export $2 covers."""
_EXCUSES = f"""select l.idx, e.entry, {IN_SCOPE} as in_scope from ledger.entry e join ledger.leaf l using (org_id, qid)
where e.org_id = $1 and e.type in ('message.redacted', 'message.unredacted', 'content.erased') and l.idx < $3 order by l.idx"""
_SINCE = f"""select e.entry_id from ledger.entry e left join ledger.leaf l using (org_id, qid)
where e.org_id = $1 and e.type = 'content.erased' and (l.idx is null or l.idx >= $3)
  and exists (select from jsonb_array_elements(convert_from(e.entry, 'UTF8')::jsonb -> 'refs') r
    join ledger.entry t on t.org_id = $1 and t.entry_id = (r ->> 'id')::uuid where {IN_SCOPE.replace("e.", "t.")})
order by e.qid limit 1"""


@dataclass(frozen=True, slots=True)
class Erasure:
    """An entry outside the scope that erased content, perhaps of the scope."""

    index: int
    entry: Entry


@dataclass(slots=True)
class Excuses:
    """Commitment (hex) to the id of the entry that excuses its absence; replacement texts by message id."""

    erased: dict[str, str] = field(default_factory=dict[str, str])
    withheld: dict[str, str] = field(default_factory=dict[str, str])
    replacements: dict[str, str] = field(default_factory=dict[str, str])
    outside: list[Erasure] = field(default_factory=list[Erasure])

    def note(self, index: int, found: Entry, *, in_scope: bool) -> None:
        """Take account of one entry; they come in index order."""
        commits: Sequence[str] = found.body["commits"]
        match found.type:
            case "content.erased":
                for commit in commits:
                    self.erased.setdefault(commit, found.id)
                if not in_scope:
                    self.outside.append(Erasure(index, found))
            case "message.redacted" if in_scope:
                self.withheld.update(dict.fromkeys(commits, found.id))
                self.replacements.pop(found.body["message"], None)
                for content in found.content:
                    if content.slot == "redacted_body":
                        self.replacements[found.body["message"]] = content.commit
            case "message.unredacted" if in_scope:
                for commit in commits:
                    self.withheld.pop(commit, None)
                self.replacements.pop(found.body["message"], None)
            case _:
                pass


async def load(connection: Connection, org: UUID, export: UUID, size: int) -> Excuses:
    """What the first `size` entries excuse. `replacements` gives commitments of replacement texts, still to be opened."""
    excuses = Excuses()
    for row in await connection.fetch(_EXCUSES, org, export, size):
        excuses.note(row["idx"], entry.parse(row["entry"]), in_scope=row["in_scope"])
    return excuses


async def erased_since(connection: Connection, org: UUID, export: UUID, size: int) -> UUID | None:
    """The first entry beyond the first `size` that erased content which the export covers."""
    return await connection.fetchval(_SINCE, org, export, size)
