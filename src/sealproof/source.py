"""A bundle as a set of named files, read from its ZIP file or from the folder it was unpacked to."""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol
from zlib import crc32

from sealproof.container import PIECE, ContainerError, NotAContainerError, Slot, read_directory

MAX_NAME = 200
MAX_LINE = 1 << 16
_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")


class SourceError(ValueError):
    """A name, a size or a kind of file that has no place in a bundle."""


class Source(Protocol):
    """Files by name relative to the bag, in the order of their names' bytes."""

    @property
    def top(self) -> str | None:
        """The one folder that all names of the ZIP file begin with; None for a folder on disk."""
        ...

    @property
    def names(self) -> Sequence[str]: ...

    def __contains__(self, name: str) -> bool: ...

    def size(self, name: str) -> int: ...

    def pieces(self, name: str) -> Iterator[bytes]:
        """The file's bytes; `SourceError` where there are more or fewer than `size`, or their CRC-32 is another."""
        ...

    def close(self) -> None: ...


def open_source(path: Path) -> Source:
    """The bundle at `path`: a ZIP file or a folder.

    `OSError` where it cannot be read, `ContainerError` or `SourceError` where it is not what a bundle must be.
    """
    return Folder(path) if path.is_dir() else Archive(path)


def read(source: Source, name: str, limit: int) -> bytes:
    """A whole file of at most `limit` bytes."""
    if name not in source:
        raise SourceError(f"{name} is missing")
    if source.size(name) > limit:
        raise SourceError(f"{name} has more than {limit} bytes")
    return b"".join(source.pieces(name))


def lines(source: Source, name: str) -> Iterator[bytes]:
    """The lines of a file, without their newlines; each must end in one and be at most 64 KiB long."""
    if name not in source:
        raise SourceError(f"{name} is missing")
    rest = b""
    for piece in source.pieces(name):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        if len(rest) > MAX_LINE:
            raise SourceError(f"{name} has a line of more than {MAX_LINE} bytes")
    if rest:
        raise SourceError(f"{name} does not end in a newline")


def check_names(names: Iterable[str]) -> None:
    """Refuse what one system would unpack and another would not: odd characters, case twins, a file that is a folder too."""
    ordered = list(names)
    present = set(ordered)
    folded: set[str] = set()
    parent = ""
    for name in ordered:
        if len(name) > MAX_NAME or not _NAME.fullmatch(name):
            raise SourceError(f"a name that no bundle has: {name[:80]!a}")
        if name.lower() != name:
            if name.lower() in present or name.lower() in folded:
                raise SourceError(f"two names that differ only in case: {name}")
            folded.add(name.lower())
        if (folder := name.rpartition("/")[0]) != parent:
            parent = folder
            while folder:
                if folder in present:
                    raise SourceError(f"{folder} is a file and a folder")
                folder = folder.rpartition("/")[0]


class Archive:
    """A bundle in its canonical ZIP file."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._slots: dict[str, Slot] = {}
        self.top: str | None = None
        try:
            self._read_directory()
        except BaseException:
            self.close()
            raise
        self.names: Sequence[str] = list(self._slots)

    def _read_directory(self) -> None:
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise NotAContainerError("a bundle is a regular file or a folder")
        for full, slot in read_directory(self._fd):
            top, _, name = full.partition("/")
            if self.top not in (None, top):
                raise SourceError("a bundle has one top folder")
            self.top = top
            self._slots[name] = slot
        check_names(self._slots)

    def __contains__(self, name: str) -> bool:
        return name in self._slots

    def size(self, name: str) -> int:
        return self._slots[name].size

    def pieces(self, name: str) -> Iterator[bytes]:
        offset, left, expected = self._slots[name]
        crc = 0
        while left:
            piece = os.pread(self._fd, min(PIECE, left), offset)
            if not piece:
                raise ContainerError(f"{name} ends early")
            crc = crc32(piece, crc)
            offset, left = offset + len(piece), left - len(piece)
            yield piece
        if crc != expected:
            raise ContainerError(f"{name} has another CRC-32 than its header says")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Folder:
    """A bundle unpacked. Links and anything but regular files are refused; names on disk are taken as they are."""

    top = None

    def __init__(self, path: Path) -> None:
        self._root = path
        self._sizes = dict(sorted(_walk(os.fspath(path), "")))
        self.names: Sequence[str] = list(self._sizes)
        check_names(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    def size(self, name: str) -> int:
        return self._sizes[name]

    def pieces(self, name: str) -> Iterator[bytes]:
        fd = os.open(self._root / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        try:
            size = 0
            while piece := os.read(fd, PIECE):
                size += len(piece)
                yield piece
        finally:
            os.close(fd)
        if size != self._sizes[name]:
            raise SourceError(f"{name} changed while it was read")

    def close(self) -> None:
        pass


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, int]]:
    if prefix.count("/") > 16:
        raise SourceError("folders are nested too deep")
    with os.scandir(folder) as found:
        for item in found:
            if item.is_symlink():
                raise SourceError(f"a link: {prefix + item.name!a}")
            if item.is_dir(follow_symlinks=False):
                yield from _walk(item.path, f"{prefix}{item.name}/")
            elif item.is_file(follow_symlinks=False):
                yield prefix + item.name, item.stat(follow_symlinks=False).st_size
            else:
                raise SourceError(f"neither a file nor a folder: {prefix + item.name!a}")
