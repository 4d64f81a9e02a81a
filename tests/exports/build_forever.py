"""A builder in a process of its own: until it is killed, or once, printing its peak memory in KiB."""

import asyncio
import re
import sys
from pathlib import Path

from sealdesk.core.blobs import Blobs
from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.migrate import complete_credentials
from sealdesk.exports.follower import Builder
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.unit import Desk


async def main(dsn: str, place: str, *once: str) -> None:
    folder = Path(place)
    database = Database(Whereabouts.of_url(dsn), complete_credentials(folder / "credentials.json"))
    desk = Desk(database, Sealer.of_file(folder / "keys" / "kek.bin"), "desk.test")
    async with SignerClient(socket_path(folder)) as signer:
        builder = Builder(desk, signer, Blobs(folder / "blobs"), folder / "exports")
        if once:
            await builder.step()
        else:
            await builder.run(asyncio.Event())
    await database.close()
    # Not ru_maxrss: that begins with what the process held that started this one (proc_pid_status(5), VmHWM does not).
    print(*re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()))


asyncio.run(main(*sys.argv[1:]))
