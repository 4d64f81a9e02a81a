"""Exports: what was asked for, and how it ended."""

from uuid import UUID

from sealdesk.ledger.fsck.logs import View
from sealdesk.ledger.read import Stored
from sealdesk.verification.state.rows import Near, OneOf, Table, chunks, column_of, stored

_ENDED = {"export.built": "built", "export.failed": "failed", "export.expired": "expired"}
_DIGESTS = ("manifest_sha256", "tagmanifest_sha256", "zip_sha256")


async def judge(view: View) -> None:
    """`Differs` at the first export that is not as its stream says."""
    async for ids, entries in chunks(view, ("export",), "app.export", "export_id"):
        exports, streams = (
            Table("app.export", ("export_id",)),
            Table("app.export_stream", ("export_id", "kind", "stream_id")),
        )
        unlisted: set[UUID] = set()
        for entry in entries:
            _apply(exports, streams, unlisted, entry)
        exports.compare(view, await stored(view, exports, "export_id", ids))
        rows = await stored(view, streams, "export_id", ids)
        streams.compare(view, [row for row in rows if row["export_id"] not in unlisted])


def _apply(exports: Table, streams: Table, unlisted: set[UUID], entry: Stored) -> None:
    key, told = (entry.stream_id,), entry.body
    if entry.type == "export.requested":
        exports.rows[key] = {
            "requester_id": UUID(entry.actor_id),
            "audience": told["disclosure"]["audience"],
            "state": OneOf(("queued", "building")),
            "purpose_commit": column_of(entry, "purpose"),
            "scope_commit": column_of(entry, "scope"),
            "streams_commit": column_of(entry, "streams"),
            "streams_count": told["streams_count"],
            "scope_kind": told["scope_kind"],
            "requested_at": Near(entry.at),
        }
        if told["streams"] is None:
            unlisted.add(entry.stream_id)
        for stream in told["streams"] or ():
            columns: dict[str, object] = {"seq": stream["seq"], "head": bytes.fromhex(stream["head"])}
            streams.rows[entry.stream_id, stream["kind"], UUID(stream["id"])] = columns
    elif entry.type in _ENDED:
        row = exports.rows.setdefault(key, {})
        row["state"] = _ENDED[entry.type]
        if entry.type == "export.built":
            row |= {name: bytes.fromhex(told[name]) for name in _DIGESTS}
            row |= {
                "zip_bytes": told["zip_bytes"],
                "org_size": told["org_size"],
                "sys_size": told["sys_size"],
                "finished_at": entry.at,
            }
        elif entry.type == "export.failed":
            row |= {"failure": told["reason"], "finished_at": entry.at}
