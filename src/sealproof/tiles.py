"""Proofs from hash tiles of 256 (C2SP tlog-tiles): what to read, and what follows from it.

`read(level, n, width)` gives the first `width` hashes of tile `n` of `level`, `width` * 32 bytes. A server whose reads are
asynchronous asks `tiles_for_inclusion` or `tiles_for_consistency` first, fetches, and then computes.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

from sealproof.merkle import EMPTY_ROOT, HASH_SIZE, MAX_SIZE, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 256

Read = Callable[[int, int, int], bytes]
Tile = tuple[int, int, int]
Level = int | Literal["entries"]

_PATH = re.compile(r"tile/(0|[1-9][0-9]?|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def tile_path(level: Level, n: int, width: int = TILE_WIDTH) -> str:
    """Where a tile, or a bundle of entries, is served: `tile/0/x001/x234/067.p/5`."""
    groups = [f"{n % 1000:03}"]
    while n := n // 1000:
        groups.insert(0, f"x{n % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width != TILE_WIDTH else "")


def parse_tile_path(path: str) -> tuple[Level, int, int]:
    """(level, n, width) of a path in its one spelling; `ValueError` otherwise."""
    match = _PATH.fullmatch(path)
    if match:
        level: Level = "entries" if match[1] == "entries" else int(match[1])
        width = int(match[3] or TILE_WIDTH)
        n = int(match[2].replace("/", "").replace("x", ""))
        if (level == "entries" or level < 64) and n <= MAX_SIZE and tile_path(level, n, width) == path:
            return level, n, width
    raise ValueError("not the path of a tile")


def inclusion_proof(index: int, size: int, read: Read) -> list[bytes]:
    """The hashes that show the leaf at `index` in the tree of `size`, from the leaf's sibling upward."""
    return TileTree(size, read).inclusion_proof(index)


def consistency_proof(size1: int, size2: int, read: Read) -> list[bytes]:
    """The hashes that show the tree of `size1` (at least 1) to be a prefix of that of `size2`."""
    return TileTree(size2, read).consistency_proof(size1)


def root(size: int, read: Read) -> bytes:
    """The root of the tree of `size`."""
    return TileTree(size, read).root()


def tiles_for_inclusion(index: int, size: int) -> list[Tile]:
    """The tiles (level, n, width) that `inclusion_proof` will read."""
    return _recorded(lambda read: inclusion_proof(index, size, read))


def tiles_for_consistency(size1: int, size2: int) -> list[Tile]:
    """The tiles (level, n, width) that `consistency_proof` will read."""
    return _recorded(lambda read: consistency_proof(size1, size2, read))


def tiles_for_root(size: int) -> list[Tile]:
    """The tiles (level, n, width) that `root` will read."""
    return _recorded(lambda read: root(size, read))


def _recorded(compute: Callable[[Read], object]) -> list[Tile]:
    seen: list[Tile] = []

    def read(level: int, n: int, width: int) -> bytes:
        seen.append((level, n, width))
        return bytes(width * HASH_SIZE)

    compute(read)
    return seen


class TileTree:
    """A tree of `size` leaves seen through its tiles; keeps a few tiles, so that many proofs in index order cost little."""

    def __init__(self, size: int, read: Read, *, keep: int = 64) -> None:
        if not 0 <= size <= MAX_SIZE:
            raise ValueError("the size is out of range")
        self.size = size
        self._read = read
        self._keep = keep
        self._tiles: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    def root(self) -> bytes:
        """The root of the whole tree."""
        return self._range(0, self.size) if self.size else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """PATH(index, D[size]) of RFC 9162, 2.1.3.1."""
        if not 0 <= index < self.size:
            raise ValueError("the index is not within the tree")
        path: list[bytes] = []
        begin, end = 0, self.size
        while end - begin > 1:
            middle = begin + _split(end - begin)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(begin, middle))
                begin = middle
        return path[::-1]

    def consistency_proof(self, size1: int) -> list[bytes]:
        """PROOF(size1, D[size]) of RFC 9162, 2.1.4.1."""
        if not 0 < size1 <= self.size:
            raise ValueError("the sizes are not in order")
        path: list[bytes] = []
        begin, end = 0, self.size
        while size1 != end:
            middle = begin + _split(end - begin)
            if size1 <= middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(begin, middle))
                begin = middle
        if begin:
            path.append(self._range(begin, end))
        return path[::-1]

    def _range(self, begin: int, end: int) -> bytes:
        width = end - begin
        if width & (width - 1) == 0:
            level = width.bit_length() - 1
            return self._node(level, begin >> level)
        middle = begin + _split(width)
        return node_hash(self._range(begin, middle), self._range(middle, end))

    def _node(self, level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, TILE_HEIGHT)
        per_tile = TILE_HEIGHT - inner
        levels = self._tile(tile_level, index >> per_tile)
        while len(levels) <= inner:
            below = levels[-1]
            levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
        return levels[inner][index & ((1 << per_tile) - 1)]

    def _tile(self, level: int, n: int) -> list[list[bytes]]:
        levels = self._tiles.get((level, n))
        if levels is not None:
            self._tiles.move_to_end((level, n))
            return levels
        width = min(TILE_WIDTH, (self.size >> (TILE_HEIGHT * level)) - n * TILE_WIDTH)
        data = self._read(level, n, width)
        if len(data) != width * HASH_SIZE:
            raise ValueError(f"tile {tile_path(level, n, width)} has {len(data)} bytes")
        levels = [[data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]]
        self._tiles[level, n] = levels
        if len(self._tiles) > self._keep:
            self._tiles.popitem(last=False)
        return levels


def _split(width: int) -> int:
    """The largest power of two below `width` (RFC 9162, 2.1.1)."""
    return 1 << ((width - 1).bit_length() - 1)
