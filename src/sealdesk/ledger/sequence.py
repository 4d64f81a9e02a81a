"""The sequencer: gives committed entries their index, in batches, and keeps leaves, tiles and head.

One sequencer works at a time: it holds an advisory lock on the very connection it works on, so losing the connection loses the lock.
Crash points: a batch is one transaction. Killed before COMMIT, every row is as before, `pending` too, and the next sequencer takes the
same entries in the same order; killed after it, head, leaves, tiles and queue agree. No index is ever given twice: (org, idx) is a key.
"""

from collections.abc import Sequence
from uuid import UUID

from sealdesk.core.db import Connection
from sealdesk.ledger import tiles
from sealproof.merkle import CompactRange

BATCH = 4096
ADVISORY_LOCK = 7_325_420


async def elected(connection: Connection) -> bool:
    """Try to become the sequencer; true from then on until the connection ends."""
    return bool(await connection.fetchval("select pg_try_advisory_lock($1)", ADVISORY_LOCK))


async def waiting(connection: Connection) -> list[UUID]:
    """The organisations (the nil one for `sys`) with entries to sequence."""
    # A skip scan: one index probe per organisation, however long the queue is.
    rows = await connection.fetch(
        "with recursive o as ((select org_id from ledger.pending order by org_id limit 1) union all"
        " select (select p.org_id from ledger.pending p where p.org_id > o.org_id order by p.org_id limit 1)"
        " from o where o.org_id is not null)"
        " select org_id from o where org_id is not null"
    )
    return [row["org_id"] for row in rows]


async def sequence(connection: Connection, org: UUID, batch: int = BATCH) -> int:
    """Sequence up to `batch` entries of one log; gives how many."""
    async with connection.transaction():
        taken = await connection.fetch(
            "with taken as (delete from ledger.pending where org_id = $1"
            " and qid = any (array(select qid from ledger.pending where org_id = $1 order by qid limit $2)) returning qid)"
            # By an array, so that it is looked up by key: while the tables grow fast, a join is planned for what they were.
            " select e.qid, e.leaf_hash from ledger.entry e"
            " where e.org_id = $1 and e.qid = any (array(select qid from taken)) order by e.qid",
            org,
            batch,
        )
        # Whoever may record may queue: a row that queues nothing, or what has its index already, is only dropped.
        known = await connection.fetch(
            "select qid from ledger.leaf where org_id = $1 and qid = any ($2)", org, [row["qid"] for row in taken]
        )
        if known:
            taken = [row for row in taken if row["qid"] not in {row["qid"] for row in known}]
        if not taken:
            return 0
        head = await connection.fetchrow("select size, edge from ledger.head where org_id = $1 for update", org)
        tree = CompactRange(head["size"], head["edge"]) if head else CompactRange()
        start = tree.size
        for row in taken:
            tree.append(row["leaf_hash"])
        await connection.execute(
            "insert into ledger.leaf (org_id, idx, qid, leaf_hash) select $1, $2 + u.i - 1, u.qid, u.leaf"
            " from unnest($3::bigint[], $4::bytea[]) with ordinality u (qid, leaf, i)",
            org,
            start,
            [row["qid"] for row in taken],
            [row["leaf_hash"] for row in taken],
        )
        await _write_tiles(connection, org, start, tree.size)
        await connection.execute(
            "insert into ledger.head (org_id, size, root, edge) values ($1, $2, $3, $4)"
            " on conflict (org_id) do update set size = excluded.size, root = excluded.root, edge = excluded.edge",
            org,
            tree.size,
            tree.root(),
            list(tree.edge),
        )
    return len(taken)


async def _write_tiles(connection: Connection, org: UUID, start: int, size: int) -> None:
    """Write each tile that became full, level by level: a full tile's root is a hash of the level above."""
    level = 0
    while size // tiles.WIDTH > start // tiles.WIDTH:
        first, last = start // tiles.WIDTH, size // tiles.WIDTH
        hashes = await tiles.edge(connection, org, level, first * tiles.WIDTH, (last - first) * tiles.WIDTH)
        await _insert_tiles(connection, org, level, first, [hashes[i : i + 8192] for i in range(0, len(hashes), 8192)])
        start, size, level = first, last, level + 1


async def _insert_tiles(connection: Connection, org: UUID, level: int, first: int, full: Sequence[bytes]) -> None:
    await connection.executemany(
        "insert into ledger.tile (org_id, level, n, data, root) values ($1, $2, $3, $4, $5)",
        [(org, level, first + i, data, tiles.tile_root(data)) for i, data in enumerate(full)],
    )
