"""Receipts: the proof that an entry is in the log, under a signed checkpoint (C2SP tlog-proof)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sealdesk.core.db import Connection
from sealdesk.ledger import tiles
from sealproof.proof import TlogProof


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands. `index` is None until it is sequenced, `size` and `signed_at` until a checkpoint covers it."""

    stream_id: UUID
    entry: bytes
    leaf_hash: bytes
    at: datetime
    index: int | None
    size: int | None
    signed_at: datetime | None
    newest: int


async def place(connection: Connection, org: UUID, entry_id: UUID) -> Place | None:
    """The place of an entry within the reader's reach, or None."""
    row = await connection.fetchrow(
        "select e.stream_id, e.entry, e.leaf_hash, e.at, l.idx, c.size, c.signed_at,"
        " coalesce((select max(size) from ledger.head where org_id = $1), 0) as newest"
        " from ledger.entry e left join ledger.leaf l using (org_id, qid)"
        " left join lateral (select size, signed_at from ledger.checkpoint where org_id = $1 and size > l.idx"
        " order by size limit 1) c on true"
        " where e.org_id = $1 and e.entry_id = $2",
        org,
        entry_id,
    )
    if row is None:
        return None
    return Place(*row.values())


async def receipt(connection: Connection, org: UUID, index: int, size: int) -> TlogProof:
    """The proof for the entry at `index` under the checkpoint of `size`; it carries the entry itself, so that it stands alone."""
    note = await connection.fetchval("select note from ledger.checkpoint where org_id = $1 and size = $2", org, size)
    entry = await connection.fetchval(
        "select e.entry from ledger.leaf l join ledger.entry e using (org_id, qid) where l.org_id = $1 and l.idx = $2",
        org,
        index,
    )
    return TlogProof(index, tuple(await tiles.inclusion_proof(connection, org, index, size)), note, entry)
