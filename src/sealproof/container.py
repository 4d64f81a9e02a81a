"""The one ZIP file that a set of members makes: stored, sorted, dated 1980-01-01, with nothing in it that may vary.

Writer and reader make the same headers from the same facts (name, size, CRC-32, offset); the reader compares them byte for
byte, because a usual ZIP reader looks past most of what a header says (APPNOTE 6.3.10, sections 4.3.7 to 4.3.16).
"""

import os
from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from tempfile import TemporaryFile
from typing import NamedTuple
from zlib import crc32

PIECE = 1 << 20
MAX_MEMBERS = 10_000_000

_LOCAL = Struct("<4s5H3I2H")
_CENTRAL = Struct("<4s6H3I5H2I")
_END = Struct("<4s4H2IH")
_END64 = Struct("<4sQ2H2I4Q")
_LOCATOR = Struct("<4sIQI")
_EXTRA = Struct("<2H")
_U64 = Struct("<Q")

_DATE = 0x0021  # 1980-01-01
_UNIX = 3 << 8
_REGULAR_0644 = 0o100644 << 16
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


class ContainerError(ValueError):
    """The file is a ZIP file but not the canonical one of its members."""


class NotAContainerError(ContainerError):
    """The file does not even end like a ZIP file."""


class Member(NamedTuple):
    """A member: `size` in bytes, `crc` is its CRC-32, `pieces` gives the bytes anew at each call."""

    name: str
    size: int
    crc: int
    pieces: Callable[[], Iterable[bytes]]


class Slot(NamedTuple):
    """Where a member's bytes lie in the file, and the CRC-32 they must have."""

    offset: int
    size: int
    crc: int


def write(out: Callable[[bytes], object], members: Iterable[Member]) -> int:
    """Give the container of `members`, which come in the order of their names' bytes, to `out`; its length in bytes.

    Memory does not grow with the members: the directory is kept in an unnamed file until the end. `ValueError` if the order
    is wrong or a member's bytes are not of the size and CRC-32 given.
    """
    offset = count = 0
    last = b""
    with TemporaryFile() as directory:
        for member in members:
            name = member.name.encode("ascii")
            if name <= last:
                raise ValueError("members are not in the order of their names")
            local = _local_header(name, member.size, member.crc)
            out(local)
            _copy(out, member)
            directory.write(_central_header(name, member.size, member.crc, offset))
            offset += len(local) + member.size
            count, last = count + 1, name
        length = directory.tell()
        directory.seek(0)
        while piece := directory.read(PIECE):
            out(piece)
    end = _end(count, length, offset)
    out(end)
    return offset + length + len(end)


def _copy(out: Callable[[bytes], object], member: Member) -> None:
    size = crc = 0
    for piece in member.pieces():
        out(piece)
        size, crc = size + len(piece), crc32(piece, crc)
    if (size, crc) != (member.size, member.crc):
        raise ValueError(f"{member.name} has changed while it was written")


def read_directory(fd: int) -> Iterator[tuple[str, Slot]]:
    """The members of the canonical container open at `fd`, in order.

    `NotAContainerError` if there is no directory, `ContainerError` at the first byte that is not where and what it must be.
    The members' own bytes are the caller's to check, against the CRC-32 too.
    """
    end_of_file = os.fstat(fd).st_size
    count, length, begin = _read_end(fd, end_of_file)
    central = _Window(fd, begin, begin + length)
    offset, last, seen = 0, b"", 0
    while central.left:
        name, size, crc = _read_central(central, offset)
        local = _local_header(name, size, crc)
        if name <= last or os.pread(fd, len(local), offset) != local:
            raise ContainerError("a member's header or place is not the canonical one")
        yield name.decode("ascii"), Slot(offset + len(local), size, crc)
        offset, last, seen = offset + len(local) + size, name, seen + 1
        if seen > MAX_MEMBERS:
            raise ContainerError(f"more than {MAX_MEMBERS} members")
    if (offset, seen) != (begin, count):
        raise ContainerError("there are bytes that belong to no member")


def _local_header(name: bytes, size: int, crc: int) -> bytes:
    large = size >= _FULL32
    shown, extra = (_FULL32, _extra(size, size)) if large else (size, b"")
    version = 45 if large else 20
    return _LOCAL.pack(b"PK\3\4", version, 0, 0, 0, _DATE, crc, shown, shown, len(name), len(extra)) + name + extra


def _central_header(name: bytes, size: int, crc: int, offset: int) -> bytes:
    large, far = size >= _FULL32, offset >= _FULL32
    extra = _extra(*([size, size] if large else []), *([offset] if far else []))
    shown = _FULL32 if large else size
    version = 45 if large or far else 20
    head = _CENTRAL.pack(
        b"PK\1\2",
        _UNIX | version,
        version,
        *(0, 0, 0, _DATE),
        crc,
        shown,
        shown,
        len(name),
        len(extra),
        *(0, 0, 0),
        _REGULAR_0644,
        _FULL32 if far else offset,
    )
    return head + name + extra


def _extra(*values: int) -> bytes:
    """The ZIP64 field (4.5.3) of the values that do not fit their place."""
    return _EXTRA.pack(1, 8 * len(values)) + b"".join(map(_U64.pack, values)) if values else b""


def _end(count: int, length: int, begin: int) -> bytes:
    large = count >= _FULL16 or length >= _FULL32 or begin >= _FULL32
    end64 = b""
    if large:
        end64 = _END64.pack(b"PK\6\6", 44, _UNIX | 45, 45, 0, 0, count, count, length, begin)
        end64 += _LOCATOR.pack(b"PK\6\7", 0, begin + length, 1)
    shown = min(count, _FULL16)
    return end64 + _END.pack(b"PK\5\6", 0, 0, shown, shown, min(length, _FULL32), min(begin, _FULL32), 0)


def _read_end(fd: int, end_of_file: int) -> tuple[int, int, int]:
    """(members, bytes of the directory, its offset), when the end of the file is what these three make."""
    tail = os.pread(fd, _END64.size + _LOCATOR.size + _END.size, max(0, end_of_file - 98))
    if len(tail) < _END.size or tail[-_END.size : -_END.size + 4] != b"PK\5\6":
        raise NotAContainerError("this is not a ZIP file, or its end is missing")
    count, length, begin = _END.unpack(tail[-_END.size :])[4:7]
    if len(tail) == 98 and tail[56:60] == b"PK\6\7":
        count, length, begin = _END64.unpack(tail[: _END64.size])[7:10]
    end = _end(count, length, begin)
    if not tail.endswith(end) or begin + length + len(end) != end_of_file:
        raise ContainerError("the end of the ZIP file is not the canonical one")
    return count, length, begin


def _read_central(window: "_Window", offset: int) -> tuple[bytes, int, int]:
    head = window.take(_CENTRAL.size)
    if len(head) < _CENTRAL.size:
        raise ContainerError("the directory ends within a header")
    fields = _CENTRAL.unpack(head)
    crc, size, name_length, extra_length = fields[7], fields[8], fields[10], fields[11]
    name, extra = window.take(name_length), window.take(extra_length)
    if size == _FULL32 and len(extra) >= _EXTRA.size + 8:
        size = _U64.unpack_from(extra, _EXTRA.size)[0]
    if head + name + extra != _central_header(name, size, crc, offset) or not name.isascii():
        raise ContainerError("a header of the directory is not the canonical one")
    return name, size, crc


class _Window:
    """Bytes from `begin` to `end` of a file, taken in order through a buffer."""

    def __init__(self, fd: int, begin: int, end: int) -> None:
        self._fd, self._next, self._end = fd, begin, end
        self._buffer, self._at = b"", 0

    @property
    def left(self) -> int:
        return self._end - self._next + len(self._buffer) - self._at

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._buffer):
            rest = self._buffer[self._at :]
            piece = os.pread(self._fd, min(PIECE, self._end - self._next), self._next)
            self._next += len(piece)
            self._buffer, self._at = rest + piece, 0
        taken = self._buffer[self._at : self._at + size]
        self._at += len(taken)
        return taken
