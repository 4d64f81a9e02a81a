"""A small world to test in: a real database, two organisations, and the same cast of people in each.

The cast: a requester, an agent, an admin, an auditor; another requester of the same organisation (the stranger to the first one's threads).
Time goes on only when a test says so: `await world.seal()` sequences, signs and publishes what was recorded.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar, cast
from uuid import UUID

import asyncpg

import forked
import places
from databases import clone
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core import clock
from sealdesk.core.db import Connection, Database, Whereabouts
from sealdesk.core.migrate import complete_credentials
from sealdesk.core.postgres import Cluster
from sealdesk.ledger import checkpoint, sequence
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer import wire
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.ledger.signer.refusal import SignerUnavailable
from sealdesk.people import commands, founding, sessions
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Visit
from sealdesk.unit import Desk

PASSWORD = "a long enough passphrase"
LEDGER_NAME = "desk.test"
WORLD = "sealdesk_world"
_JUST_NOW = (
    "update sec.session set hard_until = hard_until + ($1::timestamptz - seen_at), seen_at = $1, confirmed_at = $1"
)
_Reply = TypeVar("_Reply", bound=wire.Message)


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

    def confirmed(self, now: datetime) -> "Cast":
        """The same people, who showed `now` who they are."""
        return Cast(self.org, *(replace(actor, confirmed_at=now) for actor in self.everybody()))


class WakingSigner(SignerClient):
    """The client of a real signer over `folder`, which starts it, as a process of its own, when it is first asked: most tests seal nothing.

    The signer is made new where the folder has no state of one.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(socket_path(folder))
        self._folder = folder
        self._process: BaseProcess | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Have it running. One that was stopped stays so."""
        async with self._starting:
            if self._process is None:
                await self._start()

    async def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.is_alive():
            self._process.terminate()
            await asyncio.to_thread(self._process.join)

    async def _start(self) -> None:
        environ = {"SEALDESK_DATA": str(self._folder), "SEALDESK_LEDGER_NAME": LEDGER_NAME}
        fresh = [] if (self._folder / "signer").exists() else ["--init"]
        self._process = await asyncio.to_thread(forked.start, os.environ | environ, *fresh)
        for _ in range(1200):  # a busy machine takes its time
            try:
                await super()._ask(wire.AskStatus(), wire.Status)
                break
            except SignerUnavailable:
                if not self._process.is_alive():
                    raise
                await asyncio.sleep(0.02)

    async def _ask(self, request: wire.Request, expected: type[_Reply]) -> _Reply:
        await self.start()
        return await super()._ask(request, expected)


@dataclass(slots=True)
class World:
    """The desk, its signer, two organisations, and the administrator's connection string for drills."""

    desk: Desk
    signer: WakingSigner
    folder: Path
    admin_dsn: str
    acme: Cast
    globex: Cast
    sequencer: Connection

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


@dataclass(frozen=True, slots=True)
class Original:
    """A world that nobody writes to any more: where it is kept, and who is in it. Tests get copies."""

    cluster: Cluster
    database: str
    folder: Path
    acme: Cast
    globex: Cast


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
async def desk_over(admin_dsn: str, folder: Path) -> AsyncGenerator[tuple[Desk, WakingSigner, Connection]]:
    """The desk over the migrated database that `admin_dsn` names, its signer, and a sequencer's login; `folder` has keys and memory."""
    database = Database(Whereabouts.of_url(admin_dsn), complete_credentials(folder / "credentials.json"))
    signer = WakingSigner(folder)
    sequencer = await database.connect("desk_sequencer")
    try:
        yield Desk(database, Sealer.of_file(folder / "keys" / "kek.bin"), LEDGER_NAME), signer, sequencer
    finally:
        await signer.close()
        await signer.stop()
        await sequencer.close()
        await database.close()


@asynccontextmanager
async def make_world(admin_dsn: str, folder: Path) -> AsyncGenerator[World]:
    """A new world in the migrated database that `admin_dsn` names; `folder` takes keys and the signer's memory."""
    (folder / "keys").mkdir(parents=True)
    kek = folder / "keys" / "kek.bin"
    kek.write_bytes(secrets.token_bytes(32))
    kek.chmod(0o600)
    async with desk_over(admin_dsn, folder) as (desk, signer, sequencer):
        # The signer's memory begins before the first log does: it takes no log that is older than itself.
        await signer.start()
        await founding.found_desk(desk, "development")
        acme, globex = await make_cast(desk, "acme"), await make_cast(desk, "globex")
        yield World(desk, signer, folder, admin_dsn, acme, globex, sequencer)


@contextmanager
def prepare_world(cluster: Cluster, template: str) -> Generator[Original]:
    """Make the world that each test gets a copy of: new ones would spend most of a run on hashing passwords."""
    with places.folder() as folder:
        shutil.copy(cluster.data / "credentials.json", folder / "credentials.json")
        cluster.ensure_database(WORLD, template)

        async def make() -> Original:
            async with make_world(cluster.superuser_dsn(WORLD), folder) as world:
                await world.seal()  # a record that falls behind would take nothing new
                return Original(cluster, WORLD, folder, world.acme, world.globex)

        yield asyncio.run(make())


@asynccontextmanager
async def open_copy(original: Original, folder: Path) -> AsyncGenerator[World]:
    """A copy of `original` as a world of one's own; `folder` takes its keys and the signer's memory."""
    with clone(original.cluster, original.database) as copy:
        data = folder / "desk"
        shutil.copytree(original.folder, data, ignore=shutil.ignore_patterns("run"))
        shutil.copy(copy.credentials, data / "credentials.json")
        async with opened(original, copy.admin_dsn, data) as world:
            yield world


@asynccontextmanager
async def opened(original: Original, admin_dsn: str, folder: Path) -> AsyncGenerator[World]:
    """The copy that was made of `original` in that database and folder, with everybody signed in just now."""
    async with desk_over(admin_dsn, folder) as (desk, signer, sequencer):
        world = World(desk, signer, folder, admin_dsn, original.acme, original.globex, sequencer)
        now = clock.now()
        superuser = await world.superuser()
        await superuser.execute(_JUST_NOW, now)
        await superuser.close()
        yield replace(world, acme=original.acme.confirmed(now), globex=original.globex.confirmed(now))
