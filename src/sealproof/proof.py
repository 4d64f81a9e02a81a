"""Inclusion proofs that stand alone: C2SP tlog-proof, version 1."""

from collections.abc import Sequence
from dataclasses import dataclass

from sealproof import b64, note
from sealproof.merkle import HASH_SIZE, MAX_PROOF, ProofError

HEADER = "c2sp.org/tlog-proof@v1"
MAX_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A leaf's index, the hashes from its sibling to the root's child, and the log's checkpoint note as served."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The file's bytes."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {b64.encode(self.extra)}")
        lines.append(f"index {self.index}")
        lines.extend(b64.encode(h) for h in self.hashes)
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint


def parse(data: bytes) -> TlogProof:
    """The proof in `data`, its checkpoint unchecked; `ProofError` unless every byte is where the format puts it."""
    if len(data) > MAX_BYTES:
        raise ProofError("a proof of more than 2 MiB")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        header, *lines = head.decode("ascii").split("\n")
        extra = b64.decode(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else None
        index, hashes = _parse_index(lines), _parse_hashes(lines[1:])
    except (ValueError, IndexError) as error:
        raise ProofError("not a tlog-proof") from error
    if not blank or header != HEADER:
        raise ProofError("not a tlog-proof of version 1")
    return TlogProof(index, hashes, checkpoint, extra)


def _parse_index(lines: Sequence[str]) -> int:
    if not lines[0].startswith("index "):
        raise ProofError("a tlog-proof without an index")
    return note.parse_decimal(lines[0].removeprefix("index "))


def _parse_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    hashes = tuple(b64.decode(line) for line in lines)
    if len(hashes) > MAX_PROOF or any(len(h) != HASH_SIZE for h in hashes):
        raise ProofError("a proof holds at most 63 hashes of 32 bytes")
    return hashes
