"""Finished bundles in the store: sealed with a key of their own, opened only while they are handed out."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

from sealdesk.core import blobs
from sealdesk.core.blobs import Blobs
from sealdesk.exports.model import Export
from sealdesk.unit import Desk

FOLDER = "exports"


async def keep(desk: Desk, store: Blobs, org: UUID, export: UUID, container: Path) -> tuple[str, bytes]:
    """Seal a container into the store; gives the blob's name and its key, wrapped for the organisation and this export."""
    key = blobs.new_key()
    name = await store.put(FOLDER, key, _pieces(container))
    return name, desk.sealer.wrap(org, key, _label(export))


def open_bundle(desk: Desk, store: Blobs, org: UUID, export: Export) -> AsyncIterator[bytes]:
    """The container's bytes, decrypted while they stream. `NotBuilt` (409) if it is not kept.

    Only after `commands.download` has put the download on record.
    """
    name, wrapped = export.kept
    return store.open(name, desk.sealer.unwrap(org, wrapped, _label(export.id)))


def _label(export: UUID) -> bytes:
    return b"sealdesk/export-key/v1" + export.bytes


def _pieces(container: Path) -> Iterator[bytes]:
    with container.open("rb") as file:
        while piece := file.read(blobs.CHUNK):
            yield piece
