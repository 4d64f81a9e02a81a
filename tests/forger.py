"""An attacker who is the database's superuser, knows the code, and has time: what the signer holds is all they lack."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sealdesk.core.db import Connection
from sealdesk.core.db import Row as Stored
from sealdesk.ledger import sequence
from sealdesk.ledger.tiles import tile_root
from sealproof import canonical
from sealproof.entry import leaf_hash
from sealproof.merkle import CompactRange

Edit = Callable[[dict[str, Any]], None]
ZERO = "0" * 64


async def unguard(connection: Connection) -> None:
    """Take away what stops an owner: triggers, and every check and key of the tables."""
    rows = await connection.fetch(
        "select format('alter table %s disable trigger all', c.oid::regclass) as sql from pg_class c join pg_namespace n"
        " on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('app', 'ledger')"
        " union all select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint"
        " where contype in ('c', 'f') and connamespace in ('app'::regnamespace, 'ledger'::regnamespace)"
    )
    for row in rows:
        await connection.execute(row["sql"])


@dataclass(slots=True)
class Row:
    """One entry of a log as the forger will have it."""

    qid: int
    entry: dict[str, Any]
    data: bytes = b""
    leaf: bytes = b""


async def entries(connection: Connection, org: UUID) -> list[Row]:
    """The log's entries in index order."""
    rows = await connection.fetch(
        "select e.qid, e.entry from ledger.leaf l join ledger.entry e using (org_id, qid) where l.org_id = $1 order by l.idx",
        org,
    )
    return [Row(row["qid"], canonical.decode(row["entry"])) for row in rows]  # type: ignore[arg-type]


async def rewrite(connection: Connection, org: UUID, rows: list[Row], *, keep_checkpoints: bool = False) -> None:
    """Replace a whole log by `rows`: chains, leaves, tiles, head and heads of streams, each consistent with all others."""
    await unguard(connection)
    renumber(rows)
    for table in ("leaf", "tile", "pending", "entry", *(() if keep_checkpoints else ("published", "checkpoint"))):
        await connection.execute(f"delete from ledger.{table} where org_id = $1", org)
    for row in rows:
        await insert(connection, org, row)
    await resequence(connection, org, rows)
    await connection.execute(
        "update ledger.stream s set seq = e.stream_seq, head = e.leaf_hash, last_at = e.at from"
        " (select distinct on (stream_kind, stream_id) * from ledger.entry where org_id = $1"
        " order by stream_kind, stream_id, stream_seq desc) e"
        " where s.org_id = $1 and s.kind = e.stream_kind and s.stream_id = e.stream_id",
        org,
    )


def renumber(rows: list[Row]) -> None:
    """Link every stream anew, in the order of `rows`."""
    heads: dict[tuple[str, str], tuple[int, str]] = {}
    for row in rows:
        stream = row.entry["stream"]
        seq, prev = heads.get((stream["kind"], stream["id"]), (0, ZERO))
        stream["seq"], stream["prev"] = seq + 1, prev
        row.data = canonical.encode(row.entry)
        row.leaf = leaf_hash(row.data)
        heads[stream["kind"], stream["id"]] = seq + 1, row.leaf.hex()


async def insert(connection: Connection, org: UUID, row: Row) -> None:
    """Insert one entry with columns that agree with it."""
    stream = row.entry["stream"]
    await connection.execute(
        "insert into ledger.entry (org_id, qid, entry_id, stream_kind, stream_id, stream_seq, type, at, entry, leaf_hash)"
        " overriding system value values ($1, $2, $3::text::uuid, $4, $5::text::uuid, $6, $7, $8::text::timestamptz, $9, $10)",
        org,
        row.qid,
        row.entry["id"],
        stream["kind"],
        stream["id"],
        stream["seq"],
        row.entry["type"],
        row.entry["at"],
        row.data,
        row.leaf,
    )


async def resequence(connection: Connection, org: UUID, rows: list[Row]) -> None:
    """Leaves, full tiles and head of the log that `rows` are."""
    tree, levels = CompactRange(), [[row.leaf for row in rows]]
    for row in rows:
        tree.append(row.leaf)
    await connection.executemany(
        "insert into ledger.leaf (org_id, idx, qid, leaf_hash) values ($1, $2, $3, $4)",
        [(org, index, row.qid, row.leaf) for index, row in enumerate(rows)],
    )
    for level, hashes in enumerate(levels):
        full = [b"".join(hashes[i : i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
        if full:
            levels.append([tile_root(data) for data in full])
        await connection.executemany(
            "insert into ledger.tile (org_id, level, n, data, root) values ($1, $2, $3, $4, $5)",
            [(org, level, n, data, tile_root(data)) for n, data in enumerate(full)],
        )
    await connection.execute(
        "update ledger.head set size = $2, root = $3, edge = $4 where org_id = $1",
        org,
        tree.size,
        tree.root(),
        list(tree.edge),
    )


async def message(connection: Connection, org: UUID, seq: int) -> Stored:
    """An entry that posted a public message: qid, index and bytes."""
    row = await connection.fetchrow(
        "select e.*, l.idx from ledger.entry e left join ledger.leaf l using (org_id, qid)"
        " where e.org_id = $1 and e.type = 'message.posted' and e.stream_kind = 'thread' and e.stream_seq = $2 order by e.qid limit 1",
        org,
        seq,
    )
    assert row is not None
    return row


def backdated(data: bytes, at: str) -> Row:
    """A new entry like `data` in a stream of its own, said to be of another time."""
    entry: dict[str, Any] = canonical.decode(data)  # type: ignore[assignment]
    fresh = sha256(data).hexdigest()
    name = f"{fresh[:8]}-{fresh[8:12]}-7{fresh[13:16]}-8{fresh[17:20]}-{fresh[20:32]}"
    entry |= {"id": name, "at": at, "stream": {"kind": "user", "id": name, "seq": 1, "prev": ZERO}}
    entry |= {"type": "auth.logout", "body": {}, "content": []}
    written = canonical.encode(entry)
    return Row(10_000_000, entry, written, leaf_hash(written))


async def sequence_all(connection: Connection, org: UUID) -> None:
    """Let the honest sequencer take what waits."""
    while await sequence.sequence(connection, org):
        pass
