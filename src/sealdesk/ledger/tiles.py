"""Hash tiles in the database: fetch what a proof needs, then compute it (C2SP tlog-tiles)."""

from collections.abc import Callable, Iterable
from uuid import UUID

from sealdesk.core.db import Connection
from sealproof import tiles
from sealproof.merkle import CompactRange

Read = Callable[[int, int, int], bytes]
WIDTH = tiles.TILE_WIDTH


class Incomplete(Exception):
    """A tile lacks hashes that the head says exist."""


async def reader(connection: Connection, org: UUID, wanted: Iterable[tuple[int, int, int]]) -> Read:
    """A `read(level, n, width)` over the tiles in `wanted`, fetched here, for `sealproof.tiles`."""
    held: dict[tuple[int, int], bytes] = {}
    for level, n, width in sorted(set(wanted), key=lambda tile: (tile[0], tile[1], -tile[2])):
        if (level, n) not in held:
            held[level, n] = await _tile(connection, org, level, n, width)

    def read(level: int, n: int, width: int) -> bytes:
        return held[level, n][: width * 32]

    return read


async def inclusion_proof(connection: Connection, org: UUID, index: int, size: int) -> list[bytes]:
    """The hashes that show the leaf at `index` in the tree of `size` leaves."""
    read = await reader(connection, org, tiles.tiles_for_inclusion(index, size))
    return tiles.inclusion_proof(index, size, read)


async def consistency_proof(connection: Connection, org: UUID, size1: int, size2: int) -> list[bytes]:
    """The hashes that show the tree of `size1` to be a prefix of that of `size2`; none where either is trivial."""
    if size1 in (0, size2):
        return []
    read = await reader(connection, org, tiles.tiles_for_consistency(size1, size2))
    return tiles.consistency_proof(size1, size2, read)


def tile_root(data: bytes) -> bytes:
    """The root of the perfect tree over a full tile's 256 hashes."""
    edge = CompactRange()
    for start in range(0, len(data), 32):
        edge.append(data[start : start + 32])
    return edge.root()


async def _tile(connection: Connection, org: UUID, level: int, n: int, width: int) -> bytes:
    if width == WIDTH:
        data = await connection.fetchval(
            "select data from ledger.tile where org_id = $1 and level = $2 and n = $3", org, level, n
        )
        if data is not None:
            return data
    data = await edge(connection, org, level, n * WIDTH, width)
    if len(data) != width * 32:
        raise Incomplete(f"tile {level}/{n} has {len(data) // 32} of {width} hashes")
    return data


async def edge(connection: Connection, org: UUID, level: int, start: int, width: int) -> bytes:
    """Up to `width` hashes of `level` from the hash at `start` on: leaves, or roots of the full tiles below."""
    if level == 0:
        query = "select leaf_hash as h from ledger.leaf where org_id = $1 and $2::int = 0 and idx >= $3 and idx < $4 order by idx"
        below = 0
    else:
        query = "select root as h from ledger.tile where org_id = $1 and level = $2 and n >= $3 and n < $4 order by n"
        below = level - 1
    rows = await connection.fetch(query, org, below, start, start + width)
    return b"".join(row["h"] for row in rows)
