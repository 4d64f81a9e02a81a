"""RFC 6962 trees against the published vectors of transparency-dev/merkle."""

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import needs
from sealproof import entry, merkle


def _cases(kind: str) -> Iterator[dict[str, Any]]:
    for path in sorted(needs.shared(f"vectors/merkle/testdata/{kind}").rglob("*.json")):
        yield json.loads(path.read_bytes())


def _hashes(texts: list[str] | None) -> list[bytes]:
    return [b64decode(text or "") for text in texts or []]


def test_inclusion_vectors() -> None:
    seen = 0
    for case in _cases("inclusion"):
        leaf, root = _hashes([case["leafHash"], case["root"]])
        verdict = True
        try:
            merkle.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], _hashes(case["proof"]), root)
        except merkle.ProofError:
            verdict = False
        assert verdict is not case["wantErr"], case["desc"]
        seen += 1
    assert seen == 98


def test_consistency_vectors() -> None:
    seen = 0
    for case in _cases("consistency"):
        root1, root2 = _hashes([case["root1"], case["root2"]])
        verdict = True
        try:
            merkle.verify_consistency(case["size1"], case["size2"], _hashes(case["proof"]), root1, root2)
        except merkle.ProofError:
            verdict = False
        assert verdict is not case["wantErr"], case["desc"]
        seen += 1
    assert seen == 98


def test_reference_tree() -> None:
    tree = json.loads(needs.shared("vectors/rfc6962/reference-tree.json").read_bytes())
    leaves = [entry.leaf_hash(bytes.fromhex(data)) for data in tree["leaf_inputs_hex"]]
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([merkle.node_hash(below[i], below[i + 1]) for i in range(0, len(below), 2)])
    assert [[h.hex() for h in level] for level in levels] == tree["node_hashes_by_level_hex"]
    assert [merkle.root_of(leaves[:size]).hex() for size in range(9)] == tree["root_hashes_by_size_hex"]


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_range_may_be_taken_up_anywhere(first: int, more: int) -> None:
    leaves = [entry.leaf_hash(str(i).encode()) for i in range(first + more)]
    start = merkle.CompactRange()
    for leaf in leaves[:first]:
        start.append(leaf)
    tree = merkle.CompactRange(start.size, start.edge)
    for leaf in leaves[first:]:
        tree.append(leaf)
    assert (tree.size, tree.root()) == (first + more, merkle.root_of(leaves))


def test_an_edge_must_fit() -> None:
    with pytest.raises(ValueError, match="edge"):
        merkle.CompactRange(3, [bytes(32)])
    with pytest.raises(ValueError, match="edge"):
        merkle.CompactRange(1, [bytes(31)])


def test_proofs_have_at_most_63_hashes() -> None:
    with pytest.raises(merkle.ProofError, match="63"):
        merkle.verify_inclusion(bytes(32), 0, 1, [bytes(32)] * 64, bytes(32))
    with pytest.raises(merkle.ProofError, match="63"):
        merkle.verify_consistency(1, 2, [bytes(32)] * 64, bytes(32), bytes(32))
