"""Inclusion proofs for many entries in index order: tiles are fetched a page at a time, and neighbours share what lies above them."""

from collections.abc import Sequence
from uuid import UUID

from sealdesk.core.db import Connection
from sealdesk.ledger import tiles
from sealproof.merkle import node_hash, path_shape
from sealproof.tiles import TILE_HEIGHT, TILE_WIDTH, TileTree

_HASH = 32


class Proofs:
    """The tree of the first `size` entries of one log. `load` what a page needs, then ask `proof` for each of its entries."""

    def __init__(self, org: UUID, size: int) -> None:
        self._org, self._size = org, size
        self._upper: dict[tuple[int, int], bytes] = {}
        self._lowest: dict[int, bytes] = {}
        self._tree = TileTree(size, self._read)
        self._last: tuple[int, int, list[bytes]] = (0, -1, [])
        self._near: tuple[int, list[list[bytes]]] = (-1, [])

    async def load(self, connection: Connection, indices: Sequence[int]) -> None:
        """Fetch the tiles that the proofs of these entries read."""
        if not self._upper:
            await self._load_upper(connection)
        wanted = {index // TILE_WIDTH for index in indices} | {self._size // TILE_WIDTH}
        held = {n: data for n, data in self._lowest.items() if n in wanted}
        self._lowest = held | await self._fetch(connection, 0, wanted - held.keys())

    def proof(self, index: int) -> list[bytes]:
        """The hashes from the entry's sibling upward."""
        # Two entries agree above the highest bit in which their indices differ, and so do their proofs; at `inner` the right edge begins.
        inner, _ = path_shape(index, self._size)
        last, last_inner, path = self._last
        shared = (index ^ last).bit_length()
        if inner == last_inner and shared < inner and shared <= TILE_HEIGHT:
            levels = self._levels(index // TILE_WIDTH)
            place = index % TILE_WIDTH
            path = [levels[level][(place >> level) ^ 1] for level in range(shared)] + path[shared:]
        else:
            path = self._tree.inclusion_proof(index)
        self._last = index, inner, path
        return path

    def _levels(self, n: int) -> list[list[bytes]]:
        """The hashes of a tile of leaves and all that follow from them within it."""
        if self._near[0] != n:
            data = self._lowest[n]
            levels = [[data[i : i + _HASH] for i in range(0, len(data), _HASH)]]
            while len(levels[-1]) > 1:
                below = levels[-1]
                levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
            self._near = n, levels
        return self._near[1]

    async def _load_upper(self, connection: Connection) -> None:
        # All levels above the leaves' together have 32 bytes for each 256 entries.
        level = 1
        while hashes := self._size >> (TILE_HEIGHT * level):
            found = await self._fetch(connection, level, set(range((hashes + TILE_WIDTH - 1) // TILE_WIDTH)))
            self._upper.update({(level, n): data for n, data in found.items()})
            level += 1

    async def _fetch(self, connection: Connection, level: int, wanted: set[int]) -> dict[int, bytes]:
        hashes = self._size >> (TILE_HEIGHT * level)
        full, rest = divmod(hashes, TILE_WIDTH)
        rows = await connection.fetch(
            "select n, data from ledger.tile where org_id = $1 and level = $2 and n = any ($3)",
            self._org,
            level,
            [n for n in wanted if n < full],
        )
        found = {row["n"]: row["data"] for row in rows}
        if rest and full in wanted:
            found[full] = await tiles.edge(connection, self._org, level, full * TILE_WIDTH, rest)
        return found

    def _read(self, level: int, n: int, width: int) -> bytes:
        data = self._lowest[n] if level == 0 else self._upper[level, n]
        return data[: width * _HASH]
