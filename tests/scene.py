"""A desk with history, made once and copied for each test that does harm to it.

`prepare_scene` lets the cast of two organisations talk and has everything sealed; `open_copy` gives a test its own copy of the
database, of the keys and of the signer's memory.
"""

import asyncio
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

import places
from sealdesk.access.actor import Actor
from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.migrate import complete_credentials
from sealdesk.redactions import commands as redactions
from sealdesk.redactions import erasure, holds
from sealdesk.redactions.model import Wanted
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from sealdesk.threads.queries import Message
from sealdesk.threads.states import change_state
from sealdesk.tickets.commands import change_ticket, open_request
from sealdesk.tickets.model import Work
from sealdesk.unit import Desk
from world import Original, World, opened

SCENE = "sealdesk_scene"
MESSAGES = 300
"""More than a tile's width, so that there are full tiles to tamper with."""


@dataclass(frozen=True, slots=True)
class Scene(Original):
    """A world with history, and in it the conversations of the first organisation's requester and of its stranger."""

    threads: tuple[UUID, UUID]
    foreign: UUID


async def talk(world: World) -> tuple[tuple[UUID, UUID], UUID]:
    """Three conversations: two in the first organisation, one of them a ticket that was worked on, and one in the other."""
    desk, acme, globex = world.desk, world.acme, world.globex
    at = {"address": "192.0.2.7", "agent": "test", "session": "canary-origin"}
    printer, mine, hello = Draft("It is broken."), Draft("Mine too."), Draft("Hello.")
    first = await commands.open_thread(desk, acme.requester, "canary-acme", printer, "portal", key=None, origin=at)
    second = await open_request(desk, acme.stranger, "canary-stranger", mine, "portal", key=None, origin=at)
    foreign = await open_request(desk, globex.requester, "canary-globex", hello, "portal", key=None, origin=at)
    for number in range(MESSAGES):
        actor = acme.agent if number % 2 else acme.requester
        await post(world, actor, first, f"message {number}")
        if number == MESSAGES // 2:
            await world.seal()
    await post(world, acme.agent, first, "canary-note is rude", "internal")
    await post(world, acme.agent, second, "canary-note as well", "internal")
    await post(world, acme.admin, second, "We look into it.")
    for work in (Work(priority="high", assignee=acme.agent.member), Work(status="pending", priority="urgent")):
        await change_ticket(desk, acme.agent, second, work, any_version)
    await change_state(desk, acme.admin, second, "escalate", "other", "canary-escalation")
    await unread(world, second)
    await post(world, globex.agent, foreign, "canary-globex answer")
    await world.seal()
    return (first, second), foreign


async def unread(world: World, thread: UUID) -> None:
    """A message that is redacted, one that is to be erased, and a hold that came after; erasure is on."""
    desk, acme = world.desk, world.acme
    masked, asked = [await post(world, acme.admin, thread, f"canary-redacted {number}") for number in range(2)]
    await redactions.redact(desk, acme.agent, thread, masked.id, Wanted("mask", "pii", "A number."), key=None)
    await erasure.turn(desk, acme.admin, "ask", "by our policy", any_version)
    await erasure.turn(desk, acme.auditor, "approve", "", any_version)
    await erasure.ask(desk, acme.admin, thread, asked.id, "gdpr-17-1", "they asked", key=None)
    await holds.place(desk, acme.auditor, thread, "litigation", "matter 7", key=None)


async def post(world: World, actor: Actor, thread: UUID, body: str, visibility: str = "public") -> Message:
    """One message, without a key."""
    return await commands.post_message(world.desk, actor, thread, Draft(body, visibility), key=None, origin=None)


def any_version(_: int) -> None:
    """What a ticket is changed under when its version does not matter."""


@contextmanager
def prepare_scene(original: Original) -> Generator[Scene]:
    """Play the scene in a copy of `original` that later ones are copied from."""
    cluster = original.cluster
    with places.folder() as folder:
        data = folder / "desk"
        shutil.copytree(original.folder, data, ignore=shutil.ignore_patterns("run"))
        cluster.ensure_database(SCENE, original.database)

        async def play() -> Scene:
            async with opened(original, cluster.superuser_dsn(SCENE), data) as world:
                threads, foreign = await talk(world)
                return Scene(cluster, SCENE, data, world.acme, world.globex, threads, foreign)

        yield asyncio.run(play())


def rolled_back(world: World, admin_dsn: str) -> World:
    """The same desk and signer over another database: an older copy was put in the place of the present one."""
    database = Database(Whereabouts.of_url(admin_dsn), complete_credentials(world.folder / "credentials.json"))
    return replace(world, desk=Desk(database, world.desk.sealer, world.desk.ledger_name), admin_dsn=admin_dsn)
