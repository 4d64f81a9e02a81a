"""Conversations to export, and the way from a request to a bundle on disk."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from sealdesk.access.actor import NOBODY, Actor
from sealdesk.core.blobs import Blobs
from sealdesk.exports import commands, keeping
from sealdesk.exports.commands import Asked
from sealdesk.exports.follower import Builder
from sealdesk.exports.model import Export
from sealdesk.exports.scope import Scope, Threads
from sealdesk.threads import commands as threads
from sealdesk.threads.model import Draft
from sealdesk.tickets import commands as tickets
from sealdesk.unit import Reading
from sealproof import policy, verify
from sealproof.report import Report
from world import Cast, World

SECRET = "Watch for fraud: canary-internal"
WHERE = {"address": "192.0.2.77", "agent": "canary-browser", "session": "canary-session"}


async def converse(world: World, cast: Cast, subject: str = "Charged twice") -> UUID:
    """A request, an answer, an internal note, a thank-you."""
    desk = world.desk
    thread = await tickets.open_request(
        desk, cast.requester, subject, Draft("Help <b>me</b>\n  please"), "portal", key=None, origin=WHERE
    )
    for actor, draft in (
        (cast.agent, Draft("Looking into it. Grüße 🙂")),
        (cast.agent, Draft(SECRET, "internal")),
        (cast.requester, Draft("Thank you")),
    ):
        await threads.post_message(desk, actor, thread, draft, key=None, origin=WHERE)
    return thread


def builder(world: World) -> Builder:
    """A builder that keeps what it builds in the world's folder."""
    return Builder(world.desk, world.signer, Blobs(world.folder / "blobs"), world.folder / "exports")


async def ask(world: World, actor: Actor, scope: Scope | UUID) -> Export:
    """Ask for a bundle of a scope, or of one conversation."""
    wanted = Threads((scope,)) if isinstance(scope, UUID) else scope
    return await commands.request_export(world.desk, actor, Asked("Case 2026-118", wanted), key=None)


async def found(world: World, actor: Actor, export: UUID) -> Export:
    """The export as it is now."""
    async with world.desk.read(actor) as work:
        again = await Export.find(work, export, ())
    assert again is not None
    return again


async def build(world: World, actor: Actor, export: UUID) -> None:
    """Seal the ledger and have the bundle built, behind whatever waits before it."""
    await world.seal()
    for _ in range(20):
        assert await builder(world).step()
        if (await found(world, actor, export)).state == "built":
            return
    raise AssertionError("the bundle was not built")


async def fetch(world: World, actor: Actor, export: UUID) -> Path:
    """Download a bundle."""
    kept = await commands.download(world.desk, actor, export, origin=WHERE)
    out = world.folder / f"{export}.zip"
    with out.open("wb") as file:
        async for piece in await keeping.open_bundle(world.desk, Blobs(world.folder / "blobs"), actor.org, kept):
            file.write(piece)
    return out


async def bundle_of(world: World, actor: Actor, scope: Scope | UUID) -> Path:
    """From the request to the file."""
    export = await ask(world, actor, scope)
    await build(world, actor, export.id)
    return await fetch(world, actor, export.id)


async def judge(world: World, bundle: Path) -> Report:
    """The verdict by a policy that comes from the signer, not from the bundle."""
    vkey = await world.signer.vkey(world.desk.origin(NOBODY))
    return await asyncio.to_thread(verify.verify, bundle, policy.parse(f"log {vkey}\nquorum none\n"))


async def entry_types(work: Reading, export: UUID) -> list[str]:
    """What happened to an export, in order."""
    rows = await work.rows(
        "select type from ledger.entry where stream_kind = 'export' and stream_id = $1 order by stream_seq", export
    )
    return [row["type"] for row in rows]


@asynccontextmanager
async def working(world: World) -> AsyncGenerator[asyncio.Task[None]]:
    """A builder at work while the block lasts."""
    stop = asyncio.Event()
    task = asyncio.create_task(builder(world).run(stop))
    try:
        yield task
    finally:
        stop.set()
        await task
