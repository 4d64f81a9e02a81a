"""Many proofs at once say what each alone would say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof import b64, entry, merkle
from sealproof.merkle import ProofError
from sealproof.paths import Paths
from sealproof.tiles import TileTree

LEAVES = [entry.leaf_hash(str(i).encode()) for i in range(256)]


def _tree(size: int) -> TileTree:
    return TileTree(size, lambda level, _, width: b"".join(LEAVES[:width]) if level == 0 else merkle.root_of(LEAVES))


@settings(deadline=None)
@given(st.integers(1, 256), st.data())
def test_agrees_with_single_proofs(size: int, data: st.DataObject) -> None:
    tree = _tree(size)
    indices = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1)))
    flawed = data.draw(st.none() | st.sampled_from(indices))
    paths = Paths(size, tree.root())
    for index in indices:
        proof = tree.inclusion_proof(index)
        leaf = LEAVES[index]
        if index == flawed:
            at = data.draw(st.integers(-1, len(proof) - 1))
            if at < 0:
                leaf = bytes(32)
            else:
                proof[at] = bytes(32)
        alone = together = True
        try:
            merkle.verify_inclusion(leaf, index, size, proof, tree.root())
        except ProofError:
            alone = False
        try:
            paths.check(leaf, index, [b64.encode(h) for h in proof])
        except ProofError:
            together = False
        assert together is alone is (index != flawed)


def test_refuses_repeats_and_malformed_hashes() -> None:
    tree = _tree(8)
    good = [b64.encode(h) for h in tree.inclusion_proof(3)]
    paths = Paths(8, tree.root())
    for bad in (good[:-1], [*good, good[0]], ["!" * 44, *good[1:]], [b64.encode(bytes(31)), *good[1:]]):
        with pytest.raises(ProofError):
            paths.check(LEAVES[3], 3, bad)
    paths.check(LEAVES[3], 3, good)
    for index in (3, 2, 8, -1):
        with pytest.raises(ProofError):
            paths.check(LEAVES[3], index, good)
