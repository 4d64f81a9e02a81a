"""Inclusion proofs of many leaves of one tree, in index order: what two neighbours share is computed once."""

from collections.abc import Sequence

from sealproof import b64
from sealproof.merkle import HASH_SIZE, ProofError, node_hash, path_shape


class Paths:
    """Checks that leaves are in the tree (`size`, `root`); each `check` gives what `merkle.verify_inclusion` would give.

    Two indices agree above the highest bit in which they differ. If the second proof has the same hashes from there on, and
    leads to the same node there, it leads to the same root.
    """

    def __init__(self, size: int, root: bytes) -> None:
        self._size, self._root = size, root
        self._index: int = -1
        self._inner: int = -1
        self._hashes: Sequence[str] = ()
        self._nodes: list[bytes] = []

    def check(self, leaf: bytes, index: int, hashes: Sequence[str]) -> None:
        """Return if `leaf` is at `index`; `hashes` are Base64. `ProofError` otherwise, and then it is as if not asked."""
        if not self._index < index < self._size:
            raise ProofError("indices are not increasing within the tree")
        inner, border = path_shape(index, self._size)
        if len(hashes) != inner + border:
            raise ProofError(f"an inclusion proof of {len(hashes)} hashes where {inner + border} are due")
        shared = (index ^ self._index).bit_length() if self._index >= 0 else inner + 1
        if inner == self._inner and shared <= inner and hashes[shared:] == self._hashes[shared:]:
            nodes = self._climb(leaf, index, hashes, shared, inner)
            if nodes[shared] != self._nodes[shared]:
                raise ProofError("the inclusion proof leads to another root")
            self._nodes[:shared] = nodes[:shared]
        else:
            nodes = self._climb(leaf, index, hashes, inner + border, inner)
            if nodes[-1] != self._root:
                raise ProofError("the inclusion proof leads to another root")
            self._nodes = nodes
        self._index, self._inner, self._hashes = index, inner, hashes

    @staticmethod
    def _climb(leaf: bytes, index: int, hashes: Sequence[str], height: int, inner: int) -> list[bytes]:
        """The leaf's ancestors up to `height` hashes above it, the leaf first."""
        nodes = [leaf]
        for level in range(height):
            try:
                sibling = b64.decode(hashes[level])
            except ValueError as error:
                raise ProofError("a proof's hash is not Base64") from error
            if len(sibling) != HASH_SIZE:
                raise ProofError("a hash is not 32 bytes")
            left = level >= inner or index >> level & 1
            nodes.append(node_hash(sibling, nodes[-1]) if left else node_hash(nodes[-1], sibling))
        return nodes
