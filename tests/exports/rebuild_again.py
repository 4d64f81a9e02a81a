"""A process of its own that builds a finished export again and prints its digests."""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.migrate import complete_credentials
from sealdesk.exports.rebuilding import rebuild
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.unit import Desk


async def main(dsn: str, place: str, org: str, export: str, number: str) -> None:
    folder = Path(place)
    database = Database(Whereabouts.of_url(dsn), complete_credentials(folder / "credentials.json"))
    desk = Desk(database, Sealer.of_file(folder / "keys" / "kek.bin"), "desk.test")
    async with SignerClient(socket_path(folder)) as signer:
        work, out = folder / f"again-{number}", folder / f"again-{number}.zip"
        digests = await rebuild(desk, signer, UUID(org), UUID(export), work, out)
    await database.close()
    print(digests.zip_sha256, digests.manifest_sha256, digests.tagmanifest_sha256)


asyncio.run(main(*sys.argv[1:]))
