"""Finished bundles in the store: sealed with a key of their own, opened only while they are handed out."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import structlog

from sealdesk.core import blobs
from sealdesk.core.blobs import BlobDamaged, BlobMissing, Blobs
from sealdesk.exports.model import Export, NotBuilt
from sealdesk.unit import Desk

FOLDER = "exports"

log = structlog.get_logger("exports")


async def keep(desk: Desk, store: Blobs, org: UUID, export: UUID, container: Path) -> tuple[str, bytes]:
    """Seal a container into the store; gives the blob's name and its key, wrapped for the organisation and this export."""
    key = blobs.new_key()
    name = await store.put(FOLDER, key, _pieces(container))
    return name, desk.sealer.wrap(org, key, _label(export))


async def open_bundle(desk: Desk, store: Blobs, org: UUID, export: Export) -> AsyncIterator[bytes]:
    """The container's bytes, decrypted while they stream.

    Only after `commands.download` has put the download on record. `NotBuilt` (409) if it is not kept or its beginning can't be read.
    """
    name, wrapped = export.kept
    chunks = store.open(name, desk.sealer.unwrap(org, wrapped, _label(export.id)))
    try:
        # The first chunk before the first byte of an answer: a refusal can still be told then.
        first = await anext(chunks, b"")
    except (BlobMissing, BlobDamaged) as error:
        log.critical("exports.bundle_unreadable", export=str(export.id), reason=repr(error))
        raise NotBuilt("The kept bundle can't be read. Ask for it again, and tell the operator.") from error
    return _chain(first, chunks)


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _label(export: UUID) -> bytes:
    return b"sealdesk/export-key/v1" + export.bytes


def _pieces(container: Path) -> Iterator[bytes]:
    with container.open("rb") as file:
        while piece := file.read(blobs.CHUNK):
            yield piece
