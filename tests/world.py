"""A small world to test in: a real database, two organisations, and the same cast of people in each.

The cast: a requester, an agent, an admin, an auditor; another requester of the same organisation (the stranger to the first one's threads).
Time goes on only when a test says so: `await world.seal()` sequences, signs and publishes what was recorded.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

import asyncpg

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.db import Connection, Database, Whereabouts
from sealdesk.core.migrate import complete_credentials
from sealdesk.ledger import checkpoint, sequence
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.people import commands, founding, sessions
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Visit
from sealdesk.unit import Desk

PASSWORD = "a long enough passphrase"
LEDGER_NAME = "desk.test"


@dataclass(frozen=True, slots=True)
class Cast:
    """One organisation and its people."""

    org: UUID
    requester: Actor
    stranger: Actor
    agent: Actor
    admin: Actor
    auditor: Actor

    def everybody(self) -> tuple[Actor, ...]:
        """All five."""
        return self.requester, self.stranger, self.agent, self.admin, self.auditor


@dataclass(slots=True)
class World:
    """The desk, its signer, two organisations, and the administrator's connection string for drills."""

    desk: Desk
    signer: SignerClient
    folder: Path
    admin_dsn: str
    acme: Cast
    globex: Cast
    sequencer: Connection
    process: asyncio.subprocess.Process

    async def seal(self) -> None:
        """Sequence all that waits, have it signed, publish it in `sys`, and have `sys` signed too."""
        for _ in range(2):
            for org in await sequence.waiting(self.sequencer):
                while await sequence.sequence(self.sequencer, org):
                    pass
            for org in sorted(await checkpoint.grown(self.sequencer), reverse=True):
                await checkpoint.sign(self.sequencer, self.signer, org)
            for org in (self.acme.org, self.globex.org):
                await checkpoint.publish(self.sequencer, org, self.desk.origin(UUID(int=0)))

    async def superuser(self) -> Connection:
        """A connection that may do anything: for drills."""
        return cast("Connection", await asyncpg.connect(self.admin_dsn))


@asynccontextmanager
async def running_signer(folder: Path) -> AsyncGenerator[tuple[SignerClient, asyncio.subprocess.Process]]:
    """The real signer, as a process of its own, over `folder` as data folder; made new where it has no state."""
    source = str(Path(__file__).parent.parent / "src")
    environ = os.environ | {"SEALDESK_DATA": str(folder), "SEALDESK_LEDGER_NAME": LEDGER_NAME, "PYTHONPATH": source}
    command = [sys.executable, "-m", "sealdesk.ledger.signer"]
    fresh = not (folder / "signer").exists()
    process = await asyncio.create_subprocess_exec(*command, *(["--init"] if fresh else []), env=environ)
    client = SignerClient(socket_path(folder))
    try:
        for _ in range(1200):  # a busy machine takes its time to import
            try:
                await client.status()
                break
            except Exception:
                if process.returncode is not None:
                    raise
                await asyncio.sleep(0.05)
        yield client, process
    finally:
        await client.close()
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def make_cast(desk: Desk, slug: str) -> Cast:
    """A new organisation and one signed-in person a role (and the stranger)."""
    org = await founding.add_org(desk, slug, slug.title())
    actors: dict[str, Actor] = {}
    for name, role in (
        ("requester", Role.REQUESTER),
        ("stranger", Role.REQUESTER),
        ("agent", Role.AGENT),
        ("admin", Role.ADMIN),
        ("auditor", Role.AUDITOR),
    ):
        email = f"{name}@{slug}.test"
        await founding.add_person(desk, org, NewPerson(email, name.title(), role, PASSWORD))
        issued = await commands.sign_in(
            desk, email, PASSWORD, None, Visit({"address": "192.0.2.1", "agent": "test", "session": "test"})
        )
        assert isinstance(issued, sessions.Issued)
        actors[name] = issued.actor
    return Cast(org, **actors)


@asynccontextmanager
async def make_world(admin_dsn: str, folder: Path) -> AsyncGenerator[World]:
    """A world in the migrated database that `admin_dsn` names; `folder` takes keys and the signer's memory."""
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    kek = folder / "keys" / "kek.bin"
    if not kek.exists():
        kek.write_bytes(secrets.token_bytes(32))
        kek.chmod(0o600)
    database = Database(Whereabouts.of_url(admin_dsn), complete_credentials(folder / "credentials.json"))
    desk = Desk(database, Sealer.of_file(kek), LEDGER_NAME)
    sequencer = await database.connect("desk_sequencer")
    try:
        # The signer's memory begins before the first log does: it takes no log that is older than itself.
        async with running_signer(folder) as (signer, process):
            await founding.found_desk(desk, "development")
            acme, globex = await make_cast(desk, "acme"), await make_cast(desk, "globex")
            yield World(desk, signer, folder, admin_dsn, acme, globex, sequencer, process)
    finally:
        await sequencer.close()
        await database.close()
