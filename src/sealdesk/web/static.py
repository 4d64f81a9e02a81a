"""Built files under names that carry their hash, from memory.

`asset("app.css")` gives `/static/built/app.<hash>.css`, cached for a year: other bytes have another name. A file that another file names
is also there under its plain name, to be asked for anew each time.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec

from sealdesk.core.errors import OutsideReach
from sealdesk.web.answers import Bytes
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import etag
from sealdesk.web.routes import get

_PREFIX: Final = "/static/built/"
_TEXT: Final = {"text/css", "text/javascript", "image/svg+xml", "application/json"}
_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".map": "application/json",
}
_FOREVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK: Final = (b"cache-control", b"no-cache")

FileName = Annotated[str, msgspec.Meta(max_length=200)]


@dataclass(frozen=True, slots=True)
class _File:
    plain: Bytes
    packed: Bytes | None


class StaticFiles:
    """The files of one folder, read once. A folder that does not exist has no files."""

    def __init__(self, folder: Path | None) -> None:
        self._urls: dict[str, str] = {}
        self._files: dict[str, _File] = {}
        for path in _files_of(folder):
            data = path.read_bytes()
            digest = hashlib.sha256(data).hexdigest()[:16]
            hashed = f"{path.stem}.{digest}{path.suffix}"
            self._urls[path.name] = _PREFIX + hashed
            self._files[hashed] = _prepare(path, data, digest, _FOREVER)
            self._files[path.name] = _prepare(path, data, digest, _ASK)

    def url(self, name: str) -> str:
        """The address of the built file `name`; the plain one if it was not built, so that a page still renders."""
        return self._urls.get(name, _PREFIX + name)

    def find(self, name: str, *, packed: bool) -> Bytes:
        """The file to send. Raises `OutsideReach`."""
        file = self._files.get(name)
        if file is None:
            raise OutsideReach
        return file.packed if packed and file.packed else file.plain


def _files_of(folder: Path | None) -> Iterator[Path]:
    if folder is not None and folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith("."))


def _prepare(path: Path, data: bytes, digest: str, cache: tuple[bytes, bytes]) -> _File:
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    shown = f"{kind}; charset=utf-8" if kind in _TEXT else kind
    fields = (cache, (b"vary", b"Accept-Encoding"))
    plain = Bytes(data, shown, etag(digest), fields)
    if kind not in _TEXT:
        return _File(plain, None)
    squeezed = gzip.compress(data, 9, mtime=0)
    return _File(plain, Bytes(squeezed, shown, etag(f"{digest}-gzip"), (*fields, (b"content-encoding", b"gzip"))))


@get("/static/built/{name:str}", hidden=True)
async def send_file(name: FileName, files: StaticFiles, exchange: Exchange) -> Bytes:
    """A built file."""
    return files.find(name, packed=b"gzip" in exchange.fields.get(b"accept-encoding", b""))
