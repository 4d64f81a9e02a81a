"""Files on disk while a bundle is made, and an index that gives them back by name, in order, without holding them in memory."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import sha256, sha512
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from sealproof import bag
from sealproof.container import PIECE, Member

_TABLE = """create table file(name text primary key, size integer, crc integer, sha256 text, sha512 text,
                               place text, offset integer, listed text) without rowid"""
_PAYLOAD, _TAG, _UNLISTED = "payload", "tag", "unlisted"


class Kept(NamedTuple):
    """A file that has been added: its length in bytes and its digests (hex)."""

    size: int
    sha256: str
    sha512: str


class Spool:
    """One growing file on disk, and the digests of what was written to it since `begin`."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._out = path.open("x+b")
        self._end = 0
        self.begin()

    def begin(self) -> None:
        """Start the next file at the present end."""
        self.start, self.crc, self.lines = self._end, 0, 0
        self.sha256, self.sha512 = sha256(), sha512()

    @property
    def size(self) -> int:
        """Bytes written since `begin`."""
        return self._end - self.start

    def write(self, piece: bytes) -> None:
        self._out.write(piece)
        self._end += len(piece)
        self.crc = crc32(piece, self.crc)
        self.sha256.update(piece)
        self.sha512.update(piece)

    def write_line(self, line: bytes) -> None:
        """Write a line, which brings its own newline, and count it."""
        self.write(line)
        self.lines += 1

    def rewind(self) -> None:
        """Forget what was written since `begin`."""
        self._out.seek(self.start)
        self._out.truncate()
        self._end = self.start

    def read(self, offset: int, size: int) -> Iterator[bytes]:
        """`size` bytes from `offset`, in pieces."""
        self._out.flush()
        while size:
            piece = os.pread(self._out.fileno(), min(PIECE, size), offset)
            if not piece:
                raise OSError("the spool ends early")
            offset, size = offset + len(piece), size - len(piece)
            yield piece

    def close(self) -> None:
        self._out.close()


class Index:
    """Names, lengths and digests of the files in some spools, in a database of its own."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(f"pragma journal_mode=off; pragma synchronous=off; {_TABLE}; begin")
        self._spools: dict[str, Spool] = {}

    def add(self, name: str, spool: Spool) -> None:
        """Enter what `spool` has taken since its `begin` under `name`, which is new."""
        self._spools[spool.name] = spool
        listed = _PAYLOAD if bag.is_payload(name) else _TAG if bag.is_tag_file(name) else _UNLISTED
        digests = spool.sha256.hexdigest(), spool.sha512.hexdigest()
        row = (name, spool.size, spool.crc, *digests, spool.name, spool.start, listed)
        self._db.execute("insert into file values (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def get(self, name: str) -> Kept | None:
        """The file called `name`, if it was added."""
        row = self._db.execute("select size, sha256, sha512 from file where name = ?", (name,)).fetchone()
        return Kept(*row) if row else None

    def payload(self) -> Iterator[tuple[str, Kept]]:
        """Payload in the order of its names."""
        return self._listed(_PAYLOAD)

    def tags(self) -> Iterator[tuple[str, Kept]]:
        """Tag files that the tag manifests list, in the order of their names."""
        return self._listed(_TAG)

    def oxum(self) -> tuple[int, int]:
        """Bytes and files of the payload (RFC 8493, 2.2.2)."""
        return self._db.execute("select sum(size), count(*) from file where listed = ?", (_PAYLOAD,)).fetchone()

    def members(self, top: str) -> Iterator[Member]:
        """All files as members of a container below the folder `top`."""
        for name, size, crc, place, offset in self._db.execute(
            "select name, size, crc, place, offset from file order by name"
        ):
            yield Member(f"{top}/{name}", size, crc, partial(self._spools[place].read, offset, size))

    def close(self) -> None:
        self._db.close()

    def _listed(self, listed: str) -> Iterator[tuple[str, Kept]]:
        rows: Iterable[tuple[str, int, str, str]] = self._db.execute(
            "select name, size, sha256, sha512 from file where listed = ? order by name", (listed,)
        )
        for name, *kept in rows:
            yield name, Kept(*kept)
