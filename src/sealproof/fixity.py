"""Steps 1 to 3: the files are exactly those that the lists name, and their bytes are those that the lists mean."""

import re
from collections.abc import Iterator
from hashlib import sha256, sha512
from typing import NamedTuple

from sealproof import bag, bundle, manifest, source
from sealproof.container import ContainerError
from sealproof.manifest import Manifest, Part
from sealproof.report import Failed
from sealproof.source import Source, SourceError

MAX_DOCUMENT = 64 << 20
_OPTIONAL = re.compile(r"data/people\.json|data/review/.+|anchors/.+|verify/.+")


class _Seen(NamedTuple):
    """What one pass over all files found."""

    payload_bytes: int
    payload_files: int
    listed_bytes: int
    listed_files: int
    digests: dict[str, str]


def check_layout(files: Source) -> None:
    """1. Nothing is missing that every bundle has, and nothing is there that no bundle has."""
    for name in sorted(bundle.REQUIRED):
        if name not in files:
            raise Failed(1, f"{name} is missing")
    for name in files.names:
        if name not in bundle.REQUIRED and not bundle.content_digest(name) and not _OPTIONAL.fullmatch(name):
            raise Failed(1, f"{name} has no place in a bundle")


def check_lists(files: Source) -> Manifest:
    """2 and 3. The lists of BagIt and of the manifest name all files, each with its digest; the manifest, parsed."""
    seen = _check_files(files)
    try:
        stated = manifest.parse_manifest(source.read(files, bundle.MANIFEST, MAX_DOCUMENT))
    except (manifest.FormatError, SourceError) as error:
        raise Failed(3, str(error)) from error
    if files.top not in (None, stated.export):
        raise Failed(3, "the top folder is not named by the export")
    if stated.files != Part(seen.digests[bundle.FILES], files.size(bundle.FILES), seen.listed_files):
        raise Failed(3, "the manifest describes another list of files")
    # The lines of the items are counted where they are compared, one for each entry.
    if stated.items != Part(seen.digests[bundle.ITEMS], files.size(bundle.ITEMS), stated.counts.entries):
        raise Failed(3, "the manifest describes another list of items")
    if (stated.counts.files, stated.counts.bytes) != (seen.listed_files, seen.listed_bytes):
        raise Failed(3, "the manifest counts other files")
    if source.read(files, "bagit.txt", MAX_DOCUMENT) != bag.DECLARATION:
        raise Failed(2, "bagit.txt is not that of BagIt 1.0")
    if source.read(files, "bag-info.txt", MAX_DOCUMENT) != stated.bag_info(seen.payload_bytes, seen.payload_files):
        raise Failed(2, "bag-info.txt does not say what the manifest says")
    return stated


def _check_files(files: Source) -> _Seen:
    """One pass over all bytes, beside the five lists, which are in the same order as the files."""
    payload = [_List(files, name, 2) for name in bag.MANIFESTS]
    tags = [_List(files, name, 2) for name in bag.TAG_MANIFESTS]
    listed = _List(files, bundle.FILES, 3)
    payload_bytes = payload_files = listed_bytes = listed_files = 0
    digests: dict[str, str] = {}
    for name in files.names:
        size, digest = files.size(name), _digests(files, name)
        if bag.is_payload(name):
            _expect(payload, digest, name)
            payload_bytes, payload_files = payload_bytes + size, payload_files + 1
            if name in bundle.SELF_DESCRIBED:
                digests[name] = digest[0]
                continue
            listed.expect(bundle.file_line(name, size, digest[0]), name)
            listed_bytes, listed_files = listed_bytes + size, listed_files + 1
            if bundle.content_digest(name) not in (None, digest[0]):
                raise Failed(3, f"{name} is not named by its own digest")
        elif bag.is_tag_file(name):
            _expect(tags, digest, name)
    for lists in (*payload, *tags, listed):
        lists.finish()
    return _Seen(payload_bytes, payload_files, listed_bytes, listed_files, digests)


def _expect(lists: "list[_List]", digests: tuple[str, str], name: str) -> None:
    for each, digest in zip(lists, digests, strict=True):
        each.expect(bag.manifest_line(digest, name), name)


def _digests(files: Source, name: str) -> tuple[str, str]:
    first, second = sha256(), sha512()
    try:
        for piece in files.pieces(name):
            first.update(piece)
            second.update(piece)
    except (ContainerError, SourceError) as error:
        raise Failed(1, str(error)) from error
    return first.hexdigest(), second.hexdigest()


class _List:
    """A list whose every line we know before we read it."""

    def __init__(self, files: Source, name: str, step: int) -> None:
        self._name, self._step = name, step
        self._lines: Iterator[bytes] = source.lines(files, name)

    def expect(self, line: bytes, name: str) -> None:
        if self._next() != line[:-1]:
            raise Failed(self._step, f"{self._name} does not list {name} as it is")

    def finish(self) -> None:
        if self._next() is not None:
            raise Failed(self._step, f"{self._name} lists a file that is not there")

    def _next(self) -> bytes | None:
        try:
            return next(self._lines, None)
        except (ContainerError, SourceError) as error:
            raise Failed(self._step, str(error)) from error
