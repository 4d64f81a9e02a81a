"""Hash tiles, against Tessera's test log and go's tile paths."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import needs
from sealproof import entry, merkle, note, tiles

TESSERA_KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
LEAVES = [entry.leaf_hash(str(i).encode()) for i in range(1100)]


def _mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(_mth(leaves[:k]), _mth(leaves[k:]))


def _read_from(leaves: list[bytes]) -> tiles.Read:
    def read(level: int, n: int, width: int) -> bytes:
        span = 256**level
        first = n * 256
        return b"".join(_mth(leaves[i * span : (i + 1) * span]) for i in range(first, first + width))

    return read


def _bundle(log: Path, size: int) -> list[bytes]:
    data = (log / f"tile/entries/000.p/{size}").read_bytes()
    entries: list[bytes] = []
    while data:
        length = int.from_bytes(data[:2], "big")
        entries.append(data[2 : 2 + length])
        data = data[2 + length :]
    return entries


def test_tessera_log() -> None:
    log = needs.shared("vectors/tessera-log/testdata/log")
    key = note.parse_vkey(TESSERA_KEY)
    roots: dict[int, bytes] = {}
    for path in log.glob("checkpoint.*"):
        checkpoint = note.parse_checkpoint(note.open_note(path.read_bytes(), [key]).text)
        assert checkpoint.origin == key.name
        roots[checkpoint.size] = checkpoint.root
    assert sorted(roots) == list(range(16))

    def read(level: int, n: int, width: int) -> bytes:
        return (log / tiles.tile_path(level, n, width)).read_bytes()

    for size, root in roots.items():
        entries = _bundle(log, size) if size else []
        leaves = [entry.leaf_hash(data) for data in entries]
        assert not size or b"".join(leaves) == read(0, 0, size)
        assert tiles.root(size, read) == root == merkle.root_of(leaves)
        for index, leaf in enumerate(leaves):
            merkle.verify_inclusion(leaf, index, size, tiles.inclusion_proof(index, size, read), root)

    pairs = list(combinations(range(1, 16), 2))
    for size1, size2 in pairs:
        proof = tiles.consistency_proof(size1, size2, read)
        merkle.verify_consistency(size1, size2, proof, roots[size1], roots[size2])
    assert len(pairs) == 105  # and 15 more from the empty tree, of which there is nothing to prove


def test_go_tile_paths() -> None:
    """Go's paths carry the tile height first; without it, and with height 8 only, they are C2SP's."""
    seen = 0
    for path, parts in json.loads(needs.shared("vectors/go-note/tlog-cases.json").read_bytes())["tile_paths"]:
        ours = "tile/" + path.split("/", 2)[2]
        seen += 1
        if parts is None or parts[1] < 0:
            with pytest.raises(ValueError, match="path"):
                tiles.parse_tile_path(ours)
            continue
        width = parts[3] if ".p/" in path else tiles.TILE_WIDTH
        assert tiles.parse_tile_path(ours) == (parts[1], parts[2], width)
        assert tiles.tile_path(parts[1], parts[2], width) == ours
    assert seen == 8


@pytest.mark.parametrize(
    "path", ["tile/0/000.p/0", "tile/0/000.p/256", "tile/64/000", "tile/00/000", "tile/0/x000/000", "tile/0/0000", "t"]
)
def test_refuses_paths(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        tiles.parse_tile_path(path)


@settings(deadline=None)
@given(st.integers(1, 1100), st.data())
def test_proofs_hold_and_read_only_what_was_announced(size: int, data: st.DataObject) -> None:
    index, size1 = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    announced: set[tiles.Tile] = set()
    source = _read_from(LEAVES[:size])

    def read(level: int, n: int, width: int) -> bytes:
        assert (level, n, width) in announced
        return source(level, n, width)

    root = merkle.root_of(LEAVES[:size])
    announced.update(tiles.tiles_for_inclusion(index, size))
    merkle.verify_inclusion(LEAVES[index], index, size, tiles.inclusion_proof(index, size, read), root)
    announced = set(tiles.tiles_for_consistency(size1, size))
    proof = tiles.consistency_proof(size1, size, read)
    merkle.verify_consistency(size1, size, proof, merkle.root_of(LEAVES[:size1]), root)
    announced = set(tiles.tiles_for_root(size))
    assert tiles.root(size, read) == root


def test_a_tile_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="has 5 bytes"):
        tiles.root(300, lambda _level, _n, _width: b"short")
