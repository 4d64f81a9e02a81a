"""Ask for a bundle, hand it out, give it up."""

from dataclasses import dataclass
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.ids import new_id
from sealdesk.exports import audience as audiences
from sealdesk.exports import events, queries, resolve
from sealdesk.exports.build.excuses import erased_since
from sealdesk.exports.events import Digests, Origin, Request
from sealdesk.exports.model import ErasedSince, Export, checked_purpose
from sealdesk.exports.scope import Scope
from sealdesk.ledger.events import Recorded, Stream
from sealdesk.people.holding import hold_own
from sealdesk.unit import Change, Desk, Key

_STREAMS = """insert into app.export_stream (org_id, export_id, kind, stream_id, seq, head)
select $1, $2, * from unnest($3::text[], $4::uuid[], $5::bigint[], $6::bytea[])"""

_COVERING = """select x.export_id from app.export_stream s join app.export x using (org_id, export_id)
where s.org_id = $1 and s.kind = $2 and s.stream_id = $3 and x.state = 'built'"""


@dataclass(frozen=True, slots=True)
class Asked:
    """The purpose of a bundle, its scope, who will read it (default: people in one's own role) and the matter it belongs to."""

    purpose: str
    scope: Scope
    audience: Role | None = None
    matter: str | None = None


async def request_export(desk: Desk, actor: Actor, asked: Asked, *, key: Key | None) -> Export:
    """Put the request on record, with the head of each stream in scope; the worker builds the bundle from it.

    A repeat with the same key gives the first export. `OutsideReach` (404) where a named conversation is out of reach, `NotPermitted`
    (403) for a query or an audience beyond the role, `TooLarge` (413) for more than one bundle holds.
    """
    async with desk.change(actor, key) as change:
        if change.replay:
            return await queries.export_of_entry(change, change.replay)
        return await _request(change, asked)


async def _request(change: Change, asked: Asked) -> Export:
    actor, export = change.actor, new_id()
    change.demand(Permission.EXPORT_REQUEST)
    purpose = checked_purpose(asked.purpose)
    audience = audiences.checked(actor, asked.audience)
    threads = await resolve.conversations(change, asked.scope)
    heads = await resolve.heads(change, threads, audiences.stream_kinds(audience))
    matter = asked.matter.strip() if asked.matter else None
    slots = audiences.slots(audience)
    request = Request(purpose, matter, asked.scope.kind, asked.scope.written(), str(audience), slots, heads)
    prepared = change.prepare(events.export_requested(export, request, actor))
    # The rows first: whether a requester reaches the stream follows from them.
    await change.insert(
        "app.export",
        export_id=export,
        requester_id=actor.member,
        audience=str(audience),
        purpose_commit=prepared.commits["purpose"],
        scope_commit=prepared.commits["scope"],
        streams_commit=prepared.commits.get("streams"),
        scope_kind=asked.scope.kind,
        requested_at=change.began,
        conversations=len(threads),
        streams_count=len(heads),
    )
    columns = ([h.kind for h in heads], [h.id for h in heads], [h.seq for h in heads], [h.leaf for h in heads])
    await change.execute(_STREAMS, actor.org, export, *columns)
    await change.lock(events.stream_of(export))
    change.record(prepared)
    found = await Export.find(change, export, ())
    assert found is not None
    return found


async def download(desk: Desk, actor: Actor, export_id: UUID, *, origin: Origin | None) -> Export:
    """Put a download on record; only after this has returned may the bundle's bytes leave.

    `OutsideReach` (404), `NotPermitted` (403), `ErasedSince`, `RedactedSince` or, if there is none, `NotBuilt` (409); `SignedOut` (401)
    where the session ended while this waited: what leaves is not to be taken back.
    """
    async with desk.change(actor) as change:
        export = await change.find(Export, export_id, Permission.EXPORT_READ, lock=("export",))
        await hold_own(change)
        await queries.demand_handable(change, export)
        change.record(export.download(await queries.built_entry(change, export_id), origin))
    return export


async def expire(desk: Desk, actor: Actor, export_id: UUID, reason: str) -> None:
    """Give a kept bundle up: its key is destroyed with the entry, and `clearing` deletes what is left in the store."""
    async with desk.change(actor) as change:
        export = await change.find(Export, export_id, Permission.EXPORT_ANY, lock=("export",))
        await _expire(change, export, reason)


async def hold_covering(change: Change, stream: Stream) -> list[UUID]:
    """The exports with a bundle that cover a stream of a conversation. Up to the end of the change there is none but these.

    Ask before any stream is locked. Whoever is about to put one on record waits, and looks for erasures then (`complete`).
    """
    await change.value("select sec.hold_bundles()")
    rows = await change.rows(_COVERING, change.actor.org, stream.kind, stream.id)
    return [row["export_id"] for row in rows]


async def hold_erasures(change: Change) -> None:
    """Up to the end of the change nothing is erased in the organisation. Ask before any stream is locked."""
    await change.value("select sec.hold_erasures()")


async def expire_in(change: Change, export_id: UUID, reason: str) -> None:
    """Give a kept bundle up inside a larger change, which holds the export's stream. Where none is kept there is nothing to do."""
    export = await Export.find(change, export_id, ())
    if export is not None and export.state == "built":
        await _expire(change, export, reason)


async def _expire(change: Change, export: Export, reason: str) -> None:
    change.record(export.expire(reason))
    await change.execute(
        "update app.export set state = 'expired', blob_key = null, version = version + 1 where org_id = $1 and export_id = $2",
        change.actor.org,
        export.id,
    )


async def complete(desk: Desk, actor: Actor, export_id: UUID, digests: Digests, kept: tuple[str, bytes]) -> Recorded:
    """Put a finished bundle on record with where it is kept and its wrapped key. `StateConflict` if somebody else finished it.

    `ErasedSince` if content was erased meanwhile: whoever erases waits for this, or was before it and is seen.
    """
    async with desk.change(actor) as change:
        await hold_erasures(change)
        export = await change.find(Export, export_id, Permission.EXPORT_BUILD, lock=("export",))
        if await change.ledger(erased_since, export_id, digests.org_size):
            raise ErasedSince
        request = await queries.request_entry(change, export_id)
        fact = change.record(export.complete(digests, request))
        await change.execute(
            "update app.export set state = 'built', done = total, manifest_sha256 = $3, tagmanifest_sha256 = $4, zip_sha256 = $5,"
            " zip_bytes = $6, org_size = $7, sys_size = $8, blob_name = $9, blob_key = $10, finished_at = $11, version = version + 1"
            " where org_id = $1 and export_id = $2",
            actor.org,
            export_id,
            *(bytes.fromhex(d) for d in (digests.manifest_sha256, digests.tagmanifest_sha256, digests.zip_sha256)),
            digests.zip_bytes,
            digests.org_size,
            digests.sys_size,
            *kept,
            fact.at,
        )
    return fact


async def fail(desk: Desk, actor: Actor, export_id: UUID, reason: str) -> None:
    """Put on record that the bundle can't be built; `reason` is a code."""
    async with desk.change(actor) as change:
        export = await change.find(Export, export_id, Permission.EXPORT_BUILD, lock=("export",))
        fact = change.record(export.fail(reason))
        await change.execute(
            "update app.export set state = 'failed', failure = $3, finished_at = $4, version = version + 1"
            " where org_id = $1 and export_id = $2",
            actor.org,
            export_id,
            reason,
            fact.at,
        )
