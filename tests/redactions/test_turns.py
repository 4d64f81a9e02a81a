"""An erasure and what it must not pass by take turns: bundles that are put on record, and the switch."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from evidence import ask as ask_bundle
from evidence import build, builder, fetch, found
from members.test_members import differences
from redactions.test_erasure import another_admin, answer, ask, turn, turned_on
from redactions.test_redaction import SECRET, said
from sealdesk.access.actor import Actor
from sealdesk.exports import commands as exports
from sealdesk.exports import follower, queries
from sealdesk.exports.build import source
from sealdesk.exports.model import ErasedSince
from sealdesk.redactions import erasure
from threads.test_states import opened
from world import World


async def waiting(world: World, how_many: int) -> None:
    """Until so many wait for a lock of another."""
    superuser = await world.superuser()
    for _ in range(200):
        if await superuser.fetchval("select count(*) from pg_locks where not granted") >= how_many:
            break
        await asyncio.sleep(0.02)
    else:
        raise AssertionError(f"{how_many} do not wait")
    await superuser.close()


async def demand_refused(world: World, by: Actor, export: UUID) -> None:
    """Neither given out nor said to be there (HEAD)."""
    with pytest.raises(ErasedSince):
        await exports.download(world.desk, by, export, origin=None)
    async with world.desk.read(by) as work:
        kept = (await queries.export(work, export)).export
        with pytest.raises(ErasedSince):
            await queries.demand_handable(work, kept)


async def erased_half_way(world: World, thread: UUID) -> tuple[str, int]:
    """What becomes of a bundle whose message is erased when all but two entries are staged, and how many are not when that is seen."""
    message, left = await said(world, thread), list[int]()
    export = (await ask_bundle(world, world.acme.requester, thread)).id
    await ask(world, thread, message)
    await world.seal()
    works = builder(world)
    honest = works._tell

    async def tell(each: Any, done: int, total: int) -> None:
        left.append(total - done)
        await honest(each, done, total)
        if left[-1] == 2:
            await answer(world, thread, message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "PAGE", 1)
        patch.setattr(follower, "TELL_EVERY", 0)
        patch.setattr(works, "_tell", tell)
        assert await works.step()
    return (await found(world, world.acme.requester, export)).state, left[-1]


async def test_a_bundle_asked_for_while_an_approval_waits(world: World) -> None:
    """It is built beside the erasure, and neither put on record nor kept: whichever is first, the other sees it."""
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread)
    await turned_on(world)
    await ask(world, thread, message)
    holder = await world.superuser()
    await holder.execute("begin")
    await holder.execute("select 1 from sec.person for update")
    approving = asyncio.create_task(answer(world, thread, message))
    await waiting(world, 1)
    export = (await ask_bundle(world, acme.requester, thread)).id
    await world.seal()
    works = builder(world)
    building = asyncio.create_task(works.step())
    await waiting(world, 2)
    await holder.close()
    await approving
    assert await building
    assert (await found(world, acme.requester, export)).state == "queued"
    for folder in ("blobs/exports", "exports"):
        assert list((world.folder / folder).iterdir()) == []
    await world.seal()
    assert await works.step()
    assert SECRET.encode() not in (await fetch(world, acme.requester, export)).read_bytes()
    assert await erased_half_way(world, thread) == ("queued", 2)
    assert await differences(world) == []


async def test_what_is_erased_is_handed_out_to_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an erasure passes a kept bundle by, the database says so to whoever asks for it, auditors too, and without a worker."""
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread)
    kept = {by: (await ask_bundle(world, by, thread)).id for by in (acme.requester, acme.auditor)}
    for by, export in kept.items():
        await build(world, by, export)
        await fetch(world, by, export)
    await turned_on(world)
    await ask(world, thread, message)
    honest = exports.hold_covering

    async def blind(*arguments: Any) -> list[UUID]:
        return (await honest(*arguments))[:0]

    with monkeypatch.context() as patch:
        patch.setattr(exports, "hold_covering", blind)
        await answer(world, thread, message)
    for by, export in kept.items():
        await demand_refused(world, by, export)
        assert (await found(world, by, export)).state == "built"
    await world.seal()
    await demand_refused(world, acme.auditor, kept[acme.auditor])
    await builder(world).tidy()
    assert {(await found(world, by, export)).state for by, export in kept.items()} == {"expired"}
    for by, export in kept.items():
        async with world.desk.read(by) as work:
            refused = await queries.refused(work, (await queries.export(work, export)).export)
            assert isinstance(refused, ErasedSince), "and it says why to the end"
    assert list((world.folder / "blobs" / "exports").iterdir()) == []


async def test_turning_off_waits_for_who_judges(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks or approves while erasure is on is on record before it is off, however slow; whoever comes later is told."""
    thread = await opened(world)
    message = await said(world, thread)
    other = await another_admin(world, "other")
    honest, turning = erasure._demand_possible, list[asyncio.Task[str]]()

    async def slow(*arguments: Any) -> None:
        await honest(*arguments)
        turning.append(asyncio.create_task(turn(world, "off", world.acme.auditor)))
        await asyncio.wait(turning, timeout=0.3)

    superuser = await world.superuser()
    for act, by, type_ in ((ask, world.acme.admin, "erasure.asked"), (answer, other, "content.erased")):
        await turned_on(world)
        with monkeypatch.context() as patch:
            patch.setattr(erasure, "_demand_possible", slow)
            await act(world, thread, message, by=by)
        assert await turning.pop() == "off"
        rows = await superuser.fetch(
            "select type from ledger.entry where org_id = $1 order by qid desc limit 2", world.acme.org
        )
        assert [row["type"] for row in rows] == ["config.changed", type_]
    await superuser.close()
