"""Blobs: large sealed bytes outside the database, in a local folder or an object store named by URL.

A blob is sealed in chunks of 1 MiB with AES-256-GCM under a key of its own, so that it is opened while it streams and never held whole. The
nonce of chunk n is n (12 bytes, big-endian); the additional data of a chunk says whether it is the last. So chunks can be neither swapped,
dropped, repeated nor cut off at the end: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar, 2015). A key seals one blob only, so
no nonce comes twice. Names are random and say nothing; nobody is ever redirected to the store.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import cached_property
from pathlib import Path

import obstore
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from obstore.store import LocalStore, ObjectStore, from_url

CHUNK = 1 << 20
TAG = 16
KEY_BYTES = 32
_MORE, _LAST = b"sealdesk/blob/v1 more", b"sealdesk/blob/v1 last"
_PART = 5 << 20


class BlobMissing(Exception):
    """The store has no blob of this name."""


class BlobDamaged(Exception):
    """The stored bytes were changed, cut off, or belong to another key."""


def new_key() -> bytes:
    """A key for one blob, 32 bytes."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The sealed chunks of a content that comes in pieces of any size. Empty content is one chunk."""
    cipher = AESGCM(key)
    number, buffer = 0, bytearray()
    for piece in pieces:
        buffer += piece
        # The last chunk must be known as such, so one that may be it waits for more.
        while len(buffer) > CHUNK:
            yield cipher.encrypt(_nonce(number), bytes(buffer[:CHUNK]), _MORE)
            del buffer[:CHUNK]
            number += 1
    yield cipher.encrypt(_nonce(number), bytes(buffer), _LAST)


async def unseal(key: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The content, chunk by chunk, of a sealed blob that comes in pieces of any size.

    `BlobDamaged` at the first chunk that is not authentic; what came before it was, but the content is whole only when the
    iterator ends without an error.
    """
    cipher = AESGCM(key)
    number, buffer = 0, bytearray()
    try:
        async for piece in pieces:
            buffer += piece
            while len(buffer) > CHUNK + TAG:
                yield cipher.decrypt(_nonce(number), bytes(buffer[: CHUNK + TAG]), _MORE)
                del buffer[: CHUNK + TAG]
                number += 1
        yield cipher.decrypt(_nonce(number), bytes(buffer), _LAST)
    except (InvalidTag, ValueError) as error:
        raise BlobDamaged(f"chunk {number}") from error


class Blobs:
    """A store of sealed blobs."""

    def __init__(self, place: Path | str) -> None:
        """`place` is a local folder, or a bucket by its URL: `s3://`, `gs://`, `az://`; its credentials come from the environment."""
        self._url = place if isinstance(place, str) and "://" in place else None
        self._root = None if self._url else Path(place)

    @cached_property
    def _store(self) -> ObjectStore:
        if self._root is None:
            return from_url(str(self._url))
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(self._root)

    async def put(self, folder: str, key: bytes, pieces: Iterable[bytes]) -> str:
        """Seal and store; gives the new blob's name. It is durable, or there is none: a part-written one is never seen under its name."""
        name = f"{folder}/{secrets.token_hex(16)}"
        await obstore.put_async(
            self._store, name, seal(key, pieces), use_multipart=True, chunk_size=_PART, max_concurrency=2
        )
        if self._root:
            _persist(self._root / name)
        return name

    async def open(self, name: str, key: bytes) -> AsyncIterator[bytes]:
        """The content, decrypted while it streams. `BlobMissing`, `BlobDamaged`."""
        try:
            found = await obstore.get_async(self._store, name)
        except FileNotFoundError as error:
            raise BlobMissing(name) from error

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in found.stream(min_chunk_size=CHUNK):
                yield bytes(piece)

        async for piece in unseal(key, pieces()):
            yield piece

    async def delete(self, name: str) -> None:
        """Delete a blob; none by that name is no error."""
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return

    async def names(self, folder: str) -> AsyncIterator[str]:
        """The names of the blobs in a folder."""
        async for page in obstore.list(self._store, folder, return_arrow=False):  # pyright: ignore[reportUnknownMemberType]
            for found in page:
                yield found["path"]


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _persist(path: Path) -> None:
    # The local store renames into place but leaves it to the kernel when the bytes reach the disk.
    for place in (path, path.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
