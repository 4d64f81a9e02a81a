"""Sealed blobs come back as they were, or not at all."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealdesk.core import blobs
from sealdesk.core.blobs import CHUNK, TAG, BlobDamaged, BlobMissing, Blobs

KEY = bytes(range(32))


async def opened(sealed: bytes, key: bytes = KEY, step: int = 70_001) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(sealed), step):
            yield sealed[start : start + step]

    return b"".join([piece async for piece in blobs.unseal(key, pieces())])


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
async def test_it_works(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    store = Blobs(tmp_path / "store")
    name = await store.put("exports", KEY, [content[:1000], content[1000:]])
    assert b"".join([piece async for piece in store.open(name, KEY)]) == content
    assert [found async for found in store.names("exports")] == [name]
    await store.delete(name)
    await store.delete(name)
    with pytest.raises(BlobMissing):
        _ = [piece async for piece in store.open(name, KEY)]


@pytest.mark.parametrize("size", [CHUNK, 2 * CHUNK, 2 * CHUNK + 5])
async def test_every_loss_and_every_change_is_noticed(size: int) -> None:
    sealed = b"".join(blobs.seal(KEY, [random.Random(1).randbytes(size)]))
    assert len(await opened(sealed)) == size
    whole = CHUNK + TAG
    for bad in (
        sealed[:-1],
        sealed[: len(sealed) // whole * whole - whole],
        sealed + b"\0",
        sealed + sealed,
        sealed[whole:] + sealed[:whole] if len(sealed) > whole else b"",
        bytes([sealed[0] ^ 1]) + sealed[1:],
    ):
        with pytest.raises(BlobDamaged):
            await opened(bad)
    with pytest.raises(BlobDamaged):
        await opened(sealed, bytes(32))
