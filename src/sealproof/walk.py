"""Steps 8 to 11: every entry is in the log, every stream is whole, every content is what was committed to.

One pass over entries, proofs, openings and items, which are all in the order of the log.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import zip_longest
from typing import NamedTuple

from sealproof import bundle, entry, source
from sealproof.acts import Acts, Head, Stream
from sealproof.bundle import Disposition, Opening
from sealproof.container import ContainerError
from sealproof.entry import CommitmentHasher, Content, Entry, EntryError
from sealproof.manifest import Counts, Manifest, StreamSpan
from sealproof.merkle import ProofError
from sealproof.paths import Paths
from sealproof.report import Failed
from sealproof.source import Source, SourceError

CITED = frozenset({"content.erased", "entry.withheld"})
"""Types that may stand in a bundle outside the exported streams, for what they excuse there."""

_HASH = rb"[A-Za-z0-9+/]{43}="
_INCLUSION = re.compile(
    rb'\{"h":"([0-9a-f]{64})","i":(0|[1-9][0-9]{0,18}),"p":\[(?:"(' + _HASH + rb'(?:","' + _HASH + rb')*)")?\]\}'
)
_OPENING = re.compile(
    rb'\{"bytes":[0-9]+,"commit":"([0-9a-f]{64})","media":"[a-z/]+","path":"[a-z0-9/.]+",'
    rb'"salt":"([0-9a-f]{64})","sha256":"([0-9a-f]{64})"\}'
)


class Place(NamedTuple):
    """Where a stream has come to: the last entry's seq, leaf hash (hex) and time, and whether the thread is locked."""

    seq: int
    leaf: str
    at: str
    locked: bool


class Walk:
    """The pass, and what must be known from one entry to the next.

    `wanted` are indices whose leaf hashes are put into `found` where the bundle has them.
    """

    def __init__(self, files: Source, manifest: Manifest, acts: Acts, heads: Mapping[Stream, Head]) -> None:
        self._files, self._manifest, self._acts, self._heads = files, manifest, acts, heads
        self.wanted: Collection[int] = ()
        self.found: dict[int, bytes] = {}
        self._paths = Paths(manifest.log.size, manifest.log.root)
        self._places: dict[Stream, Place] = {}
        self._exported = {(span.kind, span.id) for span in manifest.streams}
        self._slots = frozenset(manifest.slots)
        self._erased = {commit: excuse.entry for commit, excuse in acts.erased.items()}
        self._withheld = {commit: excuse.entry for commit, excuse in acts.withheld.items()}
        self._unused = {name for name in files.names if bundle.content_digest(name)}
        self._openings = _read_lines(files, bundle.OPENINGS, 10)
        self._opening = next(self._openings, None)
        self._states = dict.fromkeys(("present", "withheld", "erased", "undisclosed"), 0)
        self._last_at = ""
        self.regressions = 0
        self.opened_originals = 0
        self.request_index = -1

    def run(self) -> None:
        """Go through the bundle; `Failed` at the first thing that does not hold."""
        entries = _read_lines(self._files, bundle.ENTRIES, 8)
        inclusion = _read_lines(self._files, bundle.INCLUSION, 8)
        items = _read_lines(self._files, bundle.ITEMS, 3)
        count = 0
        for raw, proof, item in zip_longest(entries, inclusion, items):
            if raw is None or proof is None or item is None:
                raise Failed(8, "entries, proofs and items are not one for one")
            self._check(count, raw, proof, item)
            count += 1
        self._finish_streams()
        self._finish_contents(count)

    def _check(self, line: int, raw: bytes, proof: bytes, item: bytes) -> None:
        index, leaf, found = self._check_entry(line, raw, proof)
        self._check_stream(index, leaf, found)
        dispositions = [self._check_content(line, index, found, content) for content in found.content]
        if bundle.item_line(index, leaf, found, dispositions)[:-1] != item:
            raise Failed(3, f"the item of entry {index} does not say what the entry says")

    def _check_entry(self, line: int, raw: bytes, proof: bytes) -> tuple[int, str, Entry]:
        """8. Strict, of this log, and in its tree at the index stated."""
        stated = _INCLUSION.fullmatch(proof)
        if not stated:
            raise Failed(8, f"line {line + 1} of {bundle.INCLUSION} is not a proof")
        leaf, index = entry.leaf_hash(raw), int(stated[2])
        if leaf.hex().encode() != stated[1]:
            raise Failed(8, f"entry {index} has another leaf hash than its proof says")
        try:
            self._paths.check(leaf, index, stated[3].decode().split('","') if stated[3] else ())
            found = entry.parse(raw)
        except (ProofError, EntryError) as error:
            raise Failed(8, f"entry {index}: {error}") from error
        if found.log != self._manifest.log.origin:
            raise Failed(8, f"entry {index} is of another log")
        if index in self.wanted:
            self.found[index] = leaf
        self.regressions += found.at < self._last_at
        self._last_at = found.at
        return index, leaf.hex(), found

    def _check_stream(self, index: int, leaf: str, found: Entry) -> None:
        """9. Next in its stream, with nothing left out before it. 11. What may follow what."""
        kind, id_, seq, prev = found.stream
        stream = (kind, id_)
        if self._acts.refs and self._acts.refs.get(leaf, found.id) != found.id:
            raise Failed(9, f"entry {index} is referred to under another id")
        if stream not in self._exported:
            if found.type not in CITED:
                raise Failed(9, f"entry {index} is of a stream that is not part of the export")
            return
        place = self._places.get(stream)
        if seq != (place.seq + 1 if place else 1):
            raise Failed(9, f"entry {index}: entries are missing before number {seq} of {kind} {id_}")
        if place and prev != place.leaf:
            raise Failed(9, f"entry {index} follows another entry {seq - 1} of {kind} {id_} than the one here")
        head = self._heads.get(stream)
        if head and head.seq == seq and head.leaf != leaf:
            raise Failed(9, f"entry {index} is not the one that the request committed to")
        if place and found.at < place.at:
            raise Failed(11, f"entry {index} is older than the one before it in {kind} {id_}")
        self._places[stream] = Place(
            seq, leaf, found.at, self._is_locked(index, found, locked=bool(place and place.locked))
        )
        if found.id == self._manifest.request_entry:
            self.request_index = index

    @staticmethod
    def _is_locked(index: int, found: Entry, *, locked: bool) -> bool:
        if locked and found.type == "message.posted":
            raise Failed(11, f"entry {index} is a message posted to a locked thread")
        return found.type == "thread.locked" or (locked and found.type != "thread.unlocked")

    def _check_content(self, line: int, index: int, found: Entry, content: Content) -> Disposition:
        """10. Opened, or excused by an entry in the bundle, or outside what the request declared."""
        commit = content.commit
        excused = bundle.dispose(found.type, content, self._slots, self._erased, self._withheld)
        opening = self._opening and _OPENING.fullmatch(self._opening)
        if opening and opening[1] == commit.encode():
            if excused and excused.state != "withheld":
                raise Failed(10, f"entry {index}: {content.slot} is {excused.state} and yet opened")
            self.opened_originals += excused is not None
            disposition = self._open(index, content, opening)
        elif excused is None:
            raise Failed(10, f"entry {index}: {content.slot} is missing, and no entry excuses it")
        else:
            excuse = self._acts.erased.get(commit) or self._acts.withheld.get(commit)
            if excused.excused_by and excuse and excuse.line <= line:
                raise Failed(10, f"entry {index}: what excuses its {content.slot} is older than the entry")
            disposition = excused
        self._states[disposition.state] += 1
        return disposition

    def _open(self, index: int, content: Content, stated: re.Match[bytes]) -> Disposition:
        salt, digest = bytes.fromhex(stated[2].decode()), stated[3].decode()
        opening = Opening(content.commit, salt, digest, content.bytes, content.media)
        name = opening.path
        if opening.line()[:-1] != self._opening:
            raise Failed(10, f"entry {index}: the opening of {content.slot} does not say what the entry says")
        if name not in self._files or self._files.size(name) != content.bytes:
            raise Failed(10, f"entry {index}: {name} is missing or of another length")
        hasher = CommitmentHasher(salt)
        try:
            for piece in self._files.pieces(name):
                hasher.update(piece)
        except (ContainerError, SourceError) as error:
            raise Failed(10, str(error)) from error
        if hasher.digest().hex() != content.commit:
            raise Failed(10, f"entry {index}: {content.slot} is not what the entry committed to")
        self._unused.discard(name)
        self._opening = next(self._openings, None)
        return Disposition("present", digest)

    def _finish_streams(self) -> None:
        """9. The streams end where the manifest says, not before what the request committed to."""
        spans = tuple(
            StreamSpan(*stream, 1, self._places[stream].seq, self._places[stream].leaf)
            for stream in sorted(self._places)
        )
        if spans != self._manifest.streams:
            raise Failed(9, "the manifest describes other streams than those here")
        request = self._acts.request
        if self.request_index < 0 or request is None or self.request_index != self._manifest.request_index:
            raise Failed(9, "the entry that requested the export is not where the manifest says")
        if self._exported - {(request.stream.kind, request.stream.id)} != set(self._heads):
            raise Failed(9, "the streams here are not those that were requested")
        for stream, head in self._heads.items():
            if self._places[stream].seq < head.seq:
                raise Failed(9, f"{stream[0]} {stream[1]} ends before the entry that the request committed to")

    def _finish_contents(self, entries: int) -> None:
        """10. Nothing is opened twice, nothing lies about, and the manifest counts what there is."""
        if self._opening is not None:
            raise Failed(10, "an opening belongs to no entry")
        if self._unused:
            raise Failed(10, f"{min(self._unused)} belongs to no entry")
        counts = self._manifest.counts
        if Counts(entries, **self._states, files=counts.files, bytes=counts.bytes) != counts:
            raise Failed(3, "the manifest counts other entries or contents")


def _read_lines(files: Source, name: str, step: int) -> Iterator[bytes]:
    try:
        yield from source.lines(files, name)
    except (ContainerError, SourceError) as error:
        raise Failed(step, str(error)) from error
