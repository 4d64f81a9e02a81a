"""Step 13: what the user has kept, held against the bundle. A kept checkpoint is what catches an operator with two histories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sealproof import entry, merkle, note, proof
from sealproof.entry import Entry, EntryError
from sealproof.manifest import Manifest
from sealproof.merkle import ProofError
from sealproof.note import Checkpoint, NoteError
from sealproof.report import Failed, Report, SplitView, Unreadable
from sealproof.trust import Operator


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that the operator has signed, from the user's own keeping."""

    note: str
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Receipt:
    """A proof that an entry is in a log; the entry itself where the receipt carries it as its extra data."""

    kept: Kept
    index: int
    hashes: tuple[bytes, ...]
    entry: Entry | None


def read_known(data: bytes, operator: Operator) -> Kept:
    """A kept checkpoint note; `Unreadable` unless it is one of this operator's."""
    try:
        checkpoint = note.parse_checkpoint(note.signed_text(data))
        key = operator.key(checkpoint.origin)
        if key is None:
            raise Unreadable(f"a kept note is of the log {checkpoint.origin!a}, which is not this ledger's")
        note.open_note(data, [key])
    except NoteError as error:
        raise Unreadable(f"a kept note: {error}") from error
    return Kept(data.decode(), checkpoint)


def read_receipt(data: bytes, operator: Operator) -> Receipt:
    """A kept receipt; `Unreadable` unless it holds by itself."""
    try:
        read = proof.parse(data)
        kept = read_known(read.checkpoint, operator)
        about = entry.parse(read.extra) if read.extra else None
        receipt = Receipt(kept, read.index, read.hashes, about)
        if about:
            check_receipt(receipt, entry.leaf_hash(about.raw))
    except (ProofError, EntryError) as error:
        raise Unreadable(f"a kept receipt: {error}") from error
    return receipt


def check_receipt(receipt: Receipt, leaf: bytes) -> None:
    """Return if the receipt is for the entry with this leaf hash; `ProofError` otherwise."""
    checkpoint = receipt.kept.checkpoint
    merkle.verify_inclusion(leaf, receipt.index, checkpoint.size, receipt.hashes, checkpoint.root)


def compare_known(kept: Kept, manifest: Manifest, own: Mapping[str, str], report: Report) -> None:
    """13. One size has one root. `own` are the bundle's notes by origin."""
    theirs = kept.checkpoint
    for ours in (manifest.log, manifest.sys):
        if (theirs.origin, theirs.size) == (ours.origin, ours.size):
            if theirs.root != ours.root:
                raise SplitView(own[ours.origin], kept.note)
            report.proven.append(f"the checkpoint you kept of {ours.origin} at {ours.size} entries is the bundle's")
            return
    report.short_of.append(
        f"the checkpoint you kept of {theirs.origin} at {theirs.size} entries cannot be compared: "
        "the bundle holds no consistency proof for it"
    )


def compare_receipts(
    receipts: Sequence[Receipt], found: Mapping[int, bytes], manifest: Manifest, report: Report
) -> None:
    """13. What the user has a receipt for is here, if it belongs here. `found`: leaf hashes in the bundle by index."""
    last = {(span.kind, span.id): span.last_seq for span in manifest.streams}
    for receipt in receipts:
        origin, leaf = receipt.kept.checkpoint.origin, found.get(receipt.index)
        about = receipt.entry
        name = f"the receipt for entry {receipt.index} of {origin}"
        if origin != manifest.log.origin:
            report.short_of.append(f"{name} is of another log than the bundle's")
        elif leaf is not None:
            try:
                check_receipt(receipt, leaf)
            except ProofError as error:
                raise Failed(13, f"{name} is not for the entry that is here") from error
            report.proven.append(f"{name} is for the entry in the bundle")
        elif receipt.index >= manifest.log.size:
            report.short_of.append(f"{name} is for a later entry than the bundle can hold")
        elif about and about.stream[:2] in last:
            raise Failed(13, f"{name} shows an entry of {about.stream.kind} {about.stream.id} that is left out here")
        elif about:
            report.proven.append(f"{name} is for an entry outside the export's scope")
        else:
            report.short_of.append(
                f"{name} does not say of which stream it is, and the bundle does not hold that entry"
            )
