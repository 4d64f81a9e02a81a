"""Reading exports: the list, one of them, and what a bundle would hold before it is asked for."""

import json
from dataclasses import dataclass
from uuid import UUID

from sealdesk.access.permissions import Permission, Role
from sealdesk.core.db import Row
from sealdesk.core.errors import BadRequest, OutsideReach, Refusal
from sealdesk.exports import audience as audiences
from sealdesk.exports import resolve
from sealdesk.exports.model import COLUMNS, ErasedSince, Export, NotBuilt, RedactedSince
from sealdesk.exports.scope import Scope, describe
from sealdesk.ledger.events import Ref
from sealdesk.unit import Reading
from sealdesk.web.paging import TOP, Before

PAGE = 25
_LIST = f"""select {COLUMNS}, x.purpose_commit, x.scope_commit, coalesce(m.name, '') as requester
from app.export x left join app.member m on m.org_id = x.org_id and m.member_id = x.requester_id
where x.org_id = $1 and """  # noqa: S608 - names come from code
_PAGE = _LIST + "(x.requested_at, x.export_id) < ($2, $3) order by x.requested_at desc, x.export_id desc limit $4"
_THERE = "select 1 from app.export where org_id = $1 and export_id = $2"
NO_KEY = "Take the key of a page from the answer before."
_ONE = _LIST + "x.export_id = $2"

# The sizes stand in the entries; beyond a sample the rest is taken to be like it.
_SAMPLE = 20_000
_SIZE = """select coalesce(sum(octet_length(e.entry) + (select coalesce(sum((c ->> 'bytes')::bigint), 0)
  from jsonb_array_elements(convert_from(e.entry, 'UTF8')::jsonb -> 'content') c)), 0)::bigint
from (select entry from ledger.entry where org_id = $1 and stream_kind = any ($2) and stream_id = any ($3) limit $4) e"""


@dataclass(frozen=True, slots=True)
class Shown:
    """An export with what its row does not say: in words what it covers, why, and who asked."""

    export: Export
    scope: str
    purpose: str
    requester: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a bundle would hold if it were asked for now. `record_bytes` is about the size of entries and content."""

    conversations: int
    messages: int
    notes: int
    entries: int
    record_bytes: int
    left_out: tuple[str, ...]


async def exports(work: Reading, before: Before | None, limit: int = PAGE) -> tuple[list[Shown], Before | None]:
    """One page, newest first, of the exports within reach, and where there is more the key of the next.

    `BadRequest` for a key that no page of the reader's ended with.
    """
    work.demand(Permission.EXPORT_READ)
    if before and not await work.value(_THERE, work.actor.org, before.id):
        raise BadRequest(NO_KEY, pointer="/before")
    bound = before or TOP
    rows = await work.rows(_PAGE, work.actor.org, bound.at, bound.id, limit + 1)
    page = rows[:limit]
    more = Before(page[-1]["requested_at"], page[-1]["export_id"]) if len(rows) > limit else None
    return await _shown(work, page), more


async def export(work: Reading, export_id: UUID, permission: Permission = Permission.EXPORT_READ) -> Shown:
    """One export. `OutsideReach` (404) if it is out of reach."""
    rows = await work.rows(_ONE, work.actor.org, export_id)
    if not rows:
        raise OutsideReach
    work.demand(permission)
    return (await _shown(work, rows))[0]


async def preview(work: Reading, scope: Scope, audience: Role | None) -> Holdings:
    """What a bundle of `scope` for `audience` would hold. Refuses what `request_export` refuses."""
    work.demand(Permission.EXPORT_REQUEST)
    chosen = audiences.checked(work.actor, audience)
    threads = await resolve.conversations(work, scope)
    heads = await resolve.heads(work, threads, audiences.stream_kinds(chosen))
    kinds = list(audiences.stream_kinds(chosen))
    row = await work.row(
        "select count(*) filter (where visibility = 'public') as messages, count(*) filter (where visibility = 'internal') as notes"
        " from app.message where org_id = $1 and thread_id = any ($2) and stream_kind = any ($3)",
        work.actor.org,
        threads,
        kinds,
    )
    size = await work.value(_SIZE, work.actor.org, kinds, threads, _SAMPLE)
    assert isinstance(size, int)
    assert row is not None
    entries = sum(head.seq for head in heads)
    about = size * entries // _SAMPLE if entries > _SAMPLE else size
    return Holdings(len(threads), row["messages"], row["notes"], entries, about, audiences.left_out(chosen))


async def export_of_entry(work: Reading, entry: UUID) -> Export:
    """The export that an entry asked for."""
    stream = await work.value(
        "select stream_id from ledger.entry where org_id = $1 and entry_id = $2", work.actor.org, entry
    )
    found = await Export.find(work, stream, ()) if isinstance(stream, UUID) else None
    if found is None:
        raise OutsideReach
    return found


async def request_entry(work: Reading, export_id: UUID) -> Ref:
    """The entry that asked for an export: the first of its stream."""
    row = await work.row(
        "select entry_id, leaf_hash from ledger.entry where org_id = $1 and stream_kind = 'export' and stream_id = $2 and stream_seq = 1",
        work.actor.org,
        export_id,
    )
    if row is None:
        raise OutsideReach
    return Ref(row["entry_id"], row["leaf_hash"])


async def built_entry(work: Reading, export_id: UUID) -> Ref:
    """The newest entry that put a finished bundle on record. `NotBuilt` (409) if there is none."""
    row = await work.row(
        "select entry_id, leaf_hash from ledger.entry where org_id = $1 and stream_kind = 'export' and stream_id = $2"
        " and type = 'export.built' order by stream_seq desc limit 1",
        work.actor.org,
        export_id,
    )
    if row is None:
        raise NotBuilt("The bundle waits to be built. Its page shows how far it is.")
    return Ref(row["entry_id"], row["leaf_hash"])


async def demand_handable(work: Reading, export: Export) -> None:
    """Before a bundle is handed out: that its reader may read now what it holds, whatever held when it was asked for.

    `NotPermitted` (403) for one with internal notes to a token that reads none; `ErasedSince` (409) for one that shows what was erased, to
    whomever; `RedactedSince` (409) for one that shows what its reader may read no more, where whoever reads originals gets it.
    """
    audiences.demand_readable(work.actor, Role(export.audience))
    if export.state not in ("built", "expired"):
        return
    if await work.value("select sec.erased_since($1)", export.id):
        raise ErasedSince
    if export.state == "expired" or work.actor.may(Permission.ORIGINAL_READ):
        return
    if await work.value("select sec.redacted_since($1)", export.id):
        raise RedactedSince


async def refused(work: Reading, export: Export) -> Refusal | None:
    """Why its reader would not be handed it now."""
    try:
        await demand_handable(work, export)
    except Refusal as refusal:
        return refusal
    return None


async def _shown(work: Reading, rows: list[Row]) -> list[Shown]:
    opened = await work.open(commit for row in rows for commit in (row["purpose_commit"], row["scope_commit"]))
    shown: list[Shown] = []
    for row in rows:
        found = Export.of(row)
        purpose, scope = opened.get(row["purpose_commit"]), opened.get(row["scope_commit"])
        written = json.loads(scope.content) if scope else None
        words = describe(found.scope_kind, found.conversations, written)
        name = row["requester"] or (work.actor.name if found.requester_id == work.actor.member else "")
        shown.append(Shown(found, words, purpose.content.decode() if purpose else "", name))
    return shown
