"""A desk with history, made once and copied for each test that does harm to it.

`prepare_scene` lets the cast of two organisations talk and has everything sealed; `open_scene` gives a test its own copy of the
database, of the keys and of the signer's memory, with a running signer.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from databases import clone
from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.migrate import complete_credentials
from sealdesk.core.postgres import Cluster
from sealdesk.ledger.seal import Sealer
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from sealdesk.unit import Desk
from world import LEDGER_NAME, Cast, World, make_world, running_signer

SCENE = "sealdesk_scene"
MESSAGES = 300
"""More than a tile's width, so that there are full tiles to tamper with."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the scene is kept, who is in it, and the conversations of the first organisation's requester and of its stranger."""

    cluster: Cluster
    folder: Path
    acme: Cast
    globex: Cast
    threads: tuple[UUID, UUID]
    foreign: UUID


async def talk(world: World) -> tuple[tuple[UUID, UUID], UUID]:
    """Three conversations: two in the first organisation, with notes and many messages, and one in the other."""
    desk, acme, globex = world.desk, world.acme, world.globex
    origin = {"address": "192.0.2.7", "agent": "test", "session": "canary-origin"}
    first = await commands.open_thread(
        desk, acme.requester, "canary-acme printer", Draft("It is broken."), "portal", key=None, origin=origin
    )
    second = await commands.open_thread(
        desk, acme.stranger, "canary-stranger", Draft("Mine too."), "portal", key=None, origin=origin
    )
    foreign = await commands.open_thread(
        desk, globex.requester, "canary-globex", Draft("Hello."), "portal", key=None, origin=origin
    )
    for number in range(MESSAGES):
        actor = acme.agent if number % 2 else acme.requester
        await commands.post_message(desk, actor, first, Draft(f"message {number}"), key=None, origin=None)
        if number == MESSAGES // 2:
            await world.seal()
    for note in ("canary-note is rude", "second note"):
        await commands.post_message(desk, acme.agent, first, Draft(note, "internal"), key=None, origin=None)
    await commands.post_message(desk, acme.admin, second, Draft("We look into it."), key=None, origin=None)
    await commands.post_message(desk, globex.agent, foreign, Draft("canary-globex answer"), key=None, origin=None)
    await world.seal()
    return (first, second), foreign


@contextmanager
def prepare_scene(cluster: Cluster, template: str) -> Generator[Scene]:
    """Play the scene in a database that later ones are copied from."""
    folder = Path(tempfile.mkdtemp(prefix="scene-"))
    shutil.copy(cluster.data / "credentials.json", folder / "credentials.json")
    cluster.ensure_database(SCENE, template)

    async def play() -> Scene:
        async with make_world(cluster.superuser_dsn(SCENE), folder) as world:
            threads, foreign = await talk(world)
            return Scene(cluster, folder, world.acme, world.globex, threads, foreign)

    try:
        yield asyncio.run(play())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def open_scene(scene: Scene, folder: Path) -> AsyncGenerator[World]:
    """A copy of the scene as a world of one's own; `folder` takes its keys and the signer's memory."""
    with clone(scene.cluster, SCENE) as copy:
        data = folder / "desk"
        shutil.copytree(scene.folder, data, ignore=shutil.ignore_patterns("run"))
        database = Database(Whereabouts.of_url(copy.admin_dsn), complete_credentials(data / "credentials.json"))
        desk = Desk(database, Sealer.of_file(data / "keys" / "kek.bin"), LEDGER_NAME)
        sequencer = await database.connect("desk_sequencer")
        try:
            async with running_signer(data) as (signer, process):
                yield World(desk, signer, data, copy.admin_dsn, scene.acme, scene.globex, sequencer, process)
        finally:
            await sequencer.close()
            await database.close()


def rolled_back(world: World, admin_dsn: str) -> World:
    """The same desk and signer over another database: an older copy was put in the place of the present one."""
    database = Database(Whereabouts.of_url(admin_dsn), complete_credentials(world.folder / "credentials.json"))
    return replace(world, desk=Desk(database, world.desk.sealer, world.desk.ledger_name), admin_dsn=admin_dsn)
