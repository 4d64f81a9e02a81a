"""Writing a bundle in one pass over the entries, in memory that does not grow with it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sealproof import bag, bundle, container
from sealproof.bundle import Disposition, Opening
from sealproof.entry import CommitmentHasher, Content, Entry, leaf_hash
from sealproof.manifest import Counts, Manifest, Part, StreamSpan
from sealproof.note import Checkpoint
from sealproof.spool import Index, Kept, Spool

_LISTS = (bundle.ENTRIES, bundle.INCLUSION, bundle.OPENINGS, bundle.ITEMS)


class Written(NamedTuple):
    """The finished container: its SHA-256 (hex) and length."""

    sha256: str
    bytes: int


class Sealing(NamedTuple):
    """What the seal and `export.built` name; `text` is to be signed by the key `<ledger name>/export`."""

    text: str
    manifest_sha256: str
    tagmanifest_sha256: str


class BundleWriter:
    """Makes one bundle: contents and entries in index order, then documents, `finish`, `seal`, `write`.

    `work` is a folder that does not exist yet; whoever made the bundle removes it. After an error the bundle is abandoned.
    """

    def __init__(self, work: Path) -> None:
        work.mkdir(mode=0o700)
        self._index = Index(work / "index.sqlite3")
        self._spool = Spool(work / "spool")
        self._lists = {name: Spool(work / name.rpartition("/")[2]) for name in _LISTS}
        self._spans: dict[tuple[str, str], StreamSpan] = {}
        self._states = dict.fromkeys(("present", "withheld", "erased", "undisclosed"), 0)
        self._next_index = 0
        self._export = ""

    def add(self, name: str, pieces: bytes | Iterable[bytes]) -> Kept:
        """Add a document by its name in the bag, such as `bundle.PEOPLE` or a review copy; what is known of it then."""
        self._spool.begin()
        for piece in (pieces,) if isinstance(pieces, bytes) else pieces:
            self._spool.write(piece)
        self._index.add(name, self._spool)
        return self._kept(name)

    def open_content(self, content: Content, salt: bytes, pieces: bytes | Iterable[bytes]) -> Opening:
        """Add the content that opens a commitment; `ValueError` where it does not. The same bytes are kept once."""
        spool, hasher = self._spool, CommitmentHasher(salt)
        spool.begin()
        for piece in (pieces,) if isinstance(pieces, bytes) else pieces:
            hasher.update(piece)
            spool.write(piece)
        if hasher.digest().hex() != content.commit or spool.size != content.bytes:
            raise ValueError(f"the stored content does not open the commitment {content.commit}")
        opening = Opening(content.commit, salt, spool.sha256.hexdigest(), content.bytes, content.media)
        if self._index.get(opening.path):
            spool.rewind()
        else:
            self._index.add(opening.path, spool)
        return opening

    def entry(
        self,
        index: int,
        entry: Entry,
        proof: Sequence[bytes],
        contents: Sequence[Opening | Disposition],
        *,
        cited: bool = False,
    ) -> None:
        """Add the entry at `index` with its inclusion proof and, per content slot, the opening or why there is none.

        `cited` entries are there for what they excuse; their streams are not part of the export.
        """
        if index < self._next_index or len(contents) != len(entry.content):
            raise ValueError("entries come in index order, with one disposition per content slot")
        self._next_index = index + 1
        leaf = leaf_hash(entry.raw).hex()
        dispositions = [Disposition("present", c.sha256) if isinstance(c, Opening) else c for c in contents]
        self._lists[bundle.ENTRIES].write_line(entry.raw + b"\n")
        self._lists[bundle.INCLUSION].write_line(bundle.inclusion_line(index, leaf, bundle.inclusion_hashes(proof)))
        self._lists[bundle.ITEMS].write_line(bundle.item_line(index, leaf, entry, dispositions))
        for content, disposition in zip(contents, dispositions, strict=True):
            self._states[disposition.state] += 1
            if isinstance(content, Opening):
                self._lists[bundle.OPENINGS].write_line(content.line())
        if not cited:
            self._span(entry, leaf)

    def finish(
        self, request: Entry, request_index: int, log: Checkpoint, sys: Checkpoint, exporter: tuple[str, str]
    ) -> Sealing:
        """Write manifest, lists of files and BagIt's files. `exporter` is a name and a version of the bundle's format."""
        for name, spool in self._lists.items():
            self._index.add(name, spool)
        files, size = self._add_list_of_files()
        disclosure = request.body["disclosure"]
        manifest = Manifest(
            export=request.body["export"],
            request_entry=request.id,
            request_index=request_index,
            requested_at=request.at,
            log=log,
            sys=sys,
            scope_kind=request.body["scope_kind"],
            audience=disclosure["audience"],
            slots=tuple(sorted(set(disclosure["slots"]))),
            streams=tuple(self._spans[key] for key in sorted(self._spans)),
            counts=Counts(self._lists[bundle.ENTRIES].lines, **self._states, files=files.lines, bytes=size),
            items=self._part(bundle.ITEMS, self._lists[bundle.ITEMS].lines),
            files=files,
            exporter=exporter,
        )
        manifest_sha256 = self.add(bundle.MANIFEST, manifest.encode()).sha256
        self._export = manifest.export
        tagmanifest_sha256 = self._add_bag_files(manifest)
        return Sealing(bundle.seal_text(self._export, tagmanifest_sha256), manifest_sha256, tagmanifest_sha256)

    def seal(self, note: bytes) -> None:
        """Add the signed note over `Sealing.text`."""
        self.add(bundle.SEAL_NOTE, note)

    def write(self, out: BinaryIO) -> Written:
        """Write the container; its bytes depend only on what was added."""
        digest = sha256()

        def write(piece: bytes) -> None:
            digest.update(piece)
            out.write(piece)

        length = container.write(write, self._index.members(self._export))
        return Written(digest.hexdigest(), length)

    def close(self) -> None:
        """Release the files in `work`."""
        self._index.close()
        for spool in (self._spool, *self._lists.values()):
            spool.close()

    def _span(self, entry: Entry, leaf: str) -> None:
        kind, stream, seq, _ = entry.stream
        known = self._spans.get((kind, stream))
        self._spans[kind, stream] = StreamSpan(kind, stream, known.first_seq if known else seq, seq, leaf)

    def _kept(self, name: str) -> Kept:
        kept = self._index.get(name)
        if kept is None:
            raise KeyError(name)
        return kept

    def _part(self, name: str, lines: int) -> Part:
        kept = self._kept(name)
        return Part(kept.sha256, kept.size, lines)

    def _add_list_of_files(self) -> tuple[Part, int]:
        """`files.jsonl` and the bytes of the files in it."""
        self._spool.begin()
        total = 0
        for name, kept in self._index.payload():
            if name not in bundle.SELF_DESCRIBED:
                self._spool.write_line(bundle.file_line(name, kept.size, kept.sha256))
                total += kept.size
        self._index.add(bundle.FILES, self._spool)
        return self._part(bundle.FILES, self._spool.lines), total

    def _add_bag_files(self, manifest: Manifest) -> str:
        """BagIt's own files; the SHA-256 (hex) of the first tag manifest, which stands for all there is."""
        self.add("bagit.txt", bag.DECLARATION)
        self.add("bag-info.txt", manifest.bag_info(*self._index.oxum()))
        for name, lines in zip(bag.MANIFESTS, _manifests(self._index.payload), strict=True):
            self.add(name, lines)
        for name, lines in zip(bag.TAG_MANIFESTS, _manifests(self._index.tags), strict=True):
            self.add(name, lines)
        return self._kept(bag.TAG_MANIFESTS[0]).sha256


def _manifests(files: Callable[[], Iterator[tuple[str, Kept]]]) -> tuple[Iterator[bytes], Iterator[bytes]]:
    """The lines of the SHA-256 and of the SHA-512 manifest of `files`."""
    return (
        (bag.manifest_line(kept.sha256, name) for name, kept in files()),
        (bag.manifest_line(kept.sha512, name) for name, kept in files()),
    )
