"""Merkle trees of RFC 6962 and RFC 9162 (section 2.1) over SHA-256.

Hashes are 32 bytes; sizes and indices are below 2^63. A leaf hash is made by `entry.leaf_hash`.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_SIZE = 32
MAX_SIZE = 2**63 - 1
MAX_PROOF = 63
EMPTY_ROOT = sha256(b"").digest()


class ProofError(ValueError):
    """The proof does not show what it claims to show."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The right edge of a growing tree: the roots of its perfect subtrees, widest first."""

    __slots__ = ("edge", "size")

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        """Take up a tree of `size` leaves; `ValueError` unless `edge` has one hash per bit set in `size`."""
        if not 0 <= size <= MAX_SIZE or len(edge) != size.bit_count() or any(len(h) != HASH_SIZE for h in edge):
            raise ValueError("the edge does not fit the size")
        self.size = size
        self.edge = list(edge)

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf at index `size`."""
        edge, size = self.edge, self.size
        while size & 1:
            leaf_hash = sha256(b"\x01" + edge.pop() + leaf_hash).digest()
            size >>= 1
        edge.append(leaf_hash)
        self.size += 1

    def root(self) -> bytes:
        """The root at the present size; `EMPTY_ROOT` for an empty tree."""
        if not self.edge:
            return EMPTY_ROOT
        root = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            root = node_hash(left, root)
        return root


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root of the tree with these leaves in this order."""
    tree = CompactRange()
    for leaf in leaf_hashes:
        tree.append(leaf)
    return tree.root()


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return if `leaf` is at `index` in the tree (`size`, `root`); `ProofError` otherwise (RFC 9162, 2.1.3.2)."""
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError("the index is not within the tree")
    inner, border = path_shape(index, size)
    if len(proof) != inner + border:
        raise ProofError(f"an inclusion proof of {len(proof)} hashes where {inner + border} are due")
    node = leaf
    for level, sibling in enumerate(proof):
        node = node_hash(sibling, node) if level >= inner or index >> level & 1 else node_hash(node, sibling)
    if node != root:
        raise ProofError("the inclusion proof leads to another root")


def path_shape(index: int, size: int) -> tuple[int, int]:
    """How many hashes of an inclusion proof lie below and how many along the right edge of the tree."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Return if the tree (`size1`, `root1`) is a prefix of (`size2`, `root2`); `ProofError` otherwise (RFC 9162, 2.1.4.2).

    Nothing is a prefix of everything without proof, so `size1` of 0 is refused: whoever allows it must say so.
    """
    if not 0 < size1 <= size2 <= MAX_SIZE:
        raise ProofError("the sizes are not in order")
    if size1 == size2:
        if proof or root1 != root2:
            raise ProofError("two roots for one size")
        return
    _check_hashes(root1, root2, *proof)
    if not proof:
        raise ProofError("an empty consistency proof")
    _replay_consistency(size1, size2, proof, root1, root2)


def _replay_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    shift = (size1 & -size1).bit_length() - 1
    first, last = (size1 - 1) >> shift, (size2 - 1) >> shift
    path = list(proof)
    # A first tree that is one perfect subtree is its own starting point and is left out of the proof.
    old = new = root1 if size1.bit_count() == 1 else path.pop(0)
    for sibling in path:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if first & 1 or first == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        first, last = first >> 1, last >> 1
    if last != 0 or old != root1 or new != root2:
        raise ProofError("the consistency proof leads to other roots")


def _check_hashes(*hashes: bytes) -> None:
    if len(hashes) > MAX_PROOF + 2:
        raise ProofError("a proof of more than 63 hashes")
    if any(len(h) != HASH_SIZE for h in hashes):
        raise ProofError("a hash is not 32 bytes")
