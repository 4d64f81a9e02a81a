"""The Merkle tree as stored: leaves without gap, full tiles at every level, the head."""

from collections.abc import Sequence

from sealdesk.core.db import Connection
from sealdesk.ledger import tiles
from sealdesk.ledger.fsck.logs import View
from sealdesk.ledger.tiles import WIDTH
from sealproof.merkle import CompactRange, root_of

HASH = 32


async def range_at(view: View, size: int) -> CompactRange:
    """The right edge of the tree of the first `size` leaves, from tiles and leaves: at most 256 hashes a subtree are read."""
    edge: list[bytes] = []
    begin = 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            level, inner = divmod(bit, 8)
            data = await tiles.edge(view.connection, view.org, level, begin >> (8 * level), 1 << inner)
            if len(data) != HASH << inner:
                raise _missing(view, level, begin >> (8 * level), len(data) // HASH)
            edge.append(root_of(_hashes(data)))
            begin += 1 << bit
    return CompactRange(size, edge)


def _missing(view: View, level: int, first: int, there: int) -> Exception:
    if level == 0:
        return view.differs("ledger.leaf", f"idx {first + there}", "leaf.gap", expected="a leaf", found=None)
    return view.differs(
        "ledger.tile", f"{level - 1}/{first + there}", "tile.missing", expected="a full tile", found=None
    )


class Tiles:
    """Rebuilds each tile while leaves come, and compares what is stored with it as it fills."""

    def __init__(self, view: View, partial: list[list[bytes]], filled: list[int]) -> None:
        self._view = view
        self._partial = partial
        self._filled = filled

    @classmethod
    async def at(cls, view: View, size: int) -> "Tiles":
        """As they are after `size` leaves."""
        partial: list[list[bytes]] = []
        filled: list[int] = []
        level, hashes = 0, size
        while hashes:
            begin = hashes // WIDTH * WIDTH
            data = await tiles.edge(view.connection, view.org, level, begin, hashes - begin)
            if len(data) != (hashes - begin) * HASH:
                raise _missing(view, level, begin, len(data) // HASH)
            partial.append(_hashes(data))
            filled.append(hashes // WIDTH)
            level, hashes = level + 1, hashes // WIDTH
        return cls(view, partial, filled)

    async def append(self, leaf: bytes) -> None:
        """Take the next leaf; `Differs` where a tile that it fills is not stored so."""
        level, hash_ = 0, leaf
        while True:
            if level == len(self._partial):
                self._partial.append([])
                self._filled.append(0)
            partial = self._partial[level]
            partial.append(hash_)
            if len(partial) < WIDTH:
                return
            data = b"".join(partial)
            hash_ = tiles.tile_root(data)
            await self._compare(level, self._filled[level], data, hash_)
            partial.clear()
            self._filled[level] += 1
            level += 1

    async def finish(self) -> None:
        """`Differs` if there are tiles that no leaves fill."""
        rows = await self._view.connection.fetch(
            "select level, n from ledger.tile where org_id = $1 and n >= coalesce(($2::bigint[])[level + 1], 0) order by level, n limit 1",
            self._view.org,
            self._filled,
        )
        if rows:
            key = f"{rows[0]['level']}/{rows[0]['n']}"
            raise self._view.differs(
                "ledger.tile", key, "tile.beyond", expected=None, found="a tile that no leaves fill"
            )

    async def _compare(self, level: int, n: int, data: bytes, root: bytes) -> None:
        view, key = self._view, f"{level}/{n}"
        row = await view.connection.fetchrow(
            "select data, root from ledger.tile where org_id = $1 and level = $2 and n = $3", view.org, level, n
        )
        if row is None:
            raise view.differs(
                "ledger.tile", key, "tile.missing", expected=f"a full tile with root {root.hex()}", found=None
            )
        if row["data"] != data:
            at = next(
                (i for i in range(0, len(data), HASH) if row["data"][i : i + HASH] != data[i : i + HASH]), len(data)
            )
            raise view.differs(
                "ledger.tile", key, "tile.data", expected=data[at : at + HASH], found=row["data"][at : at + HASH]
            )
        if row["root"] != root:
            raise view.differs("ledger.tile", key, "tile.root", expected=root, found=row["root"])


async def head_size(view: View) -> int:
    """How many leaves the head says there are; 0 where nothing was sequenced yet."""
    return await _number(view.connection, "select coalesce(max(size), 0) from ledger.head where org_id = $1", view)


async def judge_head(view: View, tree: CompactRange) -> None:
    """`Differs` unless the head is that of the leaves, and there are no more leaves than it says."""
    leaves = await _number(view.connection, "select count(*) from ledger.leaf where org_id = $1", view)
    row = await view.connection.fetchrow("select size, root, edge from ledger.head where org_id = $1", view.org)
    if row is None:
        if leaves:
            raise view.differs(
                "ledger.head", view.origin, "head.missing", expected=f"the head of {leaves} leaves", found=None
            )
        return
    if leaves != row["size"]:
        raise view.differs(
            "ledger.head", view.origin, "head.size", expected=f"{leaves}, so many leaves there are", found=row["size"]
        )
    if row["root"] != tree.root():
        raise view.differs("ledger.head", view.origin, "head.root", expected=tree.root(), found=row["root"])
    if list(row["edge"]) != tree.edge:
        raise view.differs(
            "ledger.head", view.origin, "head.edge", expected=_joined(tree.edge), found=_joined(row["edge"])
        )


async def judge_gap(view: View, idx: int, size: int) -> Exception:
    """Why there is no leaf `idx` where the head says that there are `size`."""
    beyond = await view.connection.fetchval(
        "select min(idx) from ledger.leaf where org_id = $1 and idx > $2", view.org, idx
    )
    if beyond is not None:
        return view.differs(
            "ledger.leaf", f"idx {idx}", "leaf.gap", expected=f"a leaf before leaf {beyond}", found=None
        )
    return view.differs(
        "ledger.head", view.origin, "head.size", expected=f"{idx}, so many leaves there are", found=size
    )


def _hashes(data: bytes) -> list[bytes]:
    return [data[i : i + HASH] for i in range(0, len(data), HASH)]


def _joined(edge: Sequence[bytes]) -> str:
    return " ".join(hash_.hex() for hash_ in edge)


async def _number(connection: Connection, query: str, view: View) -> int:
    return int(await connection.fetchval(query, view.org) or 0)
