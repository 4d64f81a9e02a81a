"""A process that posts in company until it is killed, and tells each post that was acknowledged: `poster.py`, its world on its input."""

import asyncio
import json
import sys
from itertools import count
from pathlib import Path
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.db import Database, Whereabouts
from sealdesk.ledger.seal import Sealer
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from sealdesk.unit import Desk, Key


async def main() -> None:
    told = json.loads(sys.stdin.readline())
    where = Whereabouts.of_url(told["dsn"])
    database = Database(where, json.loads(Path(told["credentials"]).read_text())["logins"])
    desk = Desk(database, Sealer.of_file(Path(told["kek"])), told["name"])
    actor = Actor(bytes.fromhex(told["session"]), UUID(told["org"]), UUID(told["member"]), Role.AGENT)
    numbers = count()

    async def go_on(thread: UUID) -> None:
        while True:
            body = f"{told['run']}-{next(numbers)}"
            key = Key.of("killed", body, b"")
            await commands.post_message(desk, actor, thread, Draft(body), key=key, origin=None)
            sys.stdout.write(body + "\n")
            sys.stdout.flush()

    await asyncio.gather(*(go_on(UUID(thread)) for thread in told["threads"] * 8))


asyncio.run(main())
