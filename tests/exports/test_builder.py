"""The builder outlives what happens to it, and builds nothing from damaged content."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from obstore.exceptions import GenericError

from counts import count
from erasing import erase
from evidence import ask, builder, converse, entry_types, fetch, found, judge, working
from sealdesk.access.actor import system
from sealdesk.access.permissions import Permission
from sealdesk.core.blobs import Blobs
from sealdesk.exports import clearing, commands
from sealdesk.exports.build.pin import COMPONENT
from sealdesk.exports.model import ErasedSince, Export
from sealdesk.exports.rebuilding import rebuild
from sealdesk.exports.scope import Query
from sealdesk.ledger.events import Ref
from sealdesk.threads import commands as threads
from sealdesk.threads.model import Draft, Thread
from sealproof.report import Verdict
from world import World


async def test_it_works(world: World) -> None:
    """Left to itself it builds what was asked for, once the ledger has sealed it, and says how far it is."""
    export = await ask(world, world.acme.admin, await converse(world, world.acme))
    assert not await builder(world).step()
    async with working(world):
        await world.seal()
        now = await _when(world, export.id, lambda now: now.state == "built")
    assert (now.state, now.done, now.total) == ("built", 7, 7)
    assert list((world.folder / "exports").iterdir()) == []


async def test_two_builders_do_not_build_one_export_twice(world: World) -> None:
    exports = [await ask(world, world.acme.admin, await converse(world, world.acme, str(n))) for n in range(3)]
    await world.seal()
    async with working(world), working(world):
        for _ in range(200):
            states = [(await found(world, world.acme.admin, export.id)).state for export in exports]
            if set(states) == {"built"}:
                break
            await asyncio.sleep(0.1)
    async with world.desk.read(world.acme.auditor) as work:
        assert await work.value("select count(*) from ledger.entry where type = 'export.built'") == 3


async def test_killed_in_the_middle_it_begins_again(world: World) -> None:
    """Kill -9 a builder that has half of a bundle; the next one builds it whole, and nothing of the first is left."""
    await _post_many(world, 3000)
    export = await ask(world, world.acme.auditor, Query())
    await world.seal()
    script = Path(__file__).parent / "build_forever.py"
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), world.admin_dsn, str(world.folder))
    try:
        now = await _when(world, export.id, lambda now: now.done > 0)
        assert now.state == "building"
        assert 0 < now.done < now.total
    finally:
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    assert list((world.folder / "exports").iterdir()) != []
    await _wait_for_the_lock(world)
    works = builder(world)
    await works.tidy()
    assert list((world.folder / "exports").iterdir()) == []
    assert await works.step()
    assert (await judge(world, await fetch(world, world.acme.auditor, export.id))).verdict is Verdict.SIGNED
    assert list((world.folder / "exports").iterdir()) == []


async def test_changed_content_ends_it(world: World) -> None:
    """Two contents exchanged behind the desk's back: no bundle, and an entry that says so."""
    export = await ask(world, world.acme.auditor, await converse(world, world.acme))
    await world.seal()
    superuser = await world.superuser()
    await superuser.execute(
        "with two as (select commit, sealed, row_number() over () n from ledger.content where slot = 'body' and org_id = $1 limit 2)"
        " update ledger.content c set sealed = other.sealed from two one, two other where c.commit = one.commit and one.n <> other.n",
        world.acme.org,
    )
    await superuser.close()
    assert await builder(world).step()
    now = await found(world, world.acme.auditor, export.id)
    assert (now.state, now.failure) == ("failed", "content.mismatch")
    async with world.desk.read(world.acme.auditor) as work:
        assert await entry_types(work, export.id) == ["export.requested", "export.failed"]


async def test_lost_content_ends_it(world: World) -> None:
    export = await ask(world, world.acme.auditor, await converse(world, world.acme))
    await world.seal()
    superuser = await world.superuser()
    await superuser.execute("delete from ledger.content where slot = 'body' and org_id = $1", world.acme.org)
    await superuser.close()
    assert await builder(world).step()
    now = await found(world, world.acme.auditor, export.id)
    assert (now.state, now.failure) == ("failed", "content.missing")


async def test_erased_before_it_was_built_the_state_is_taken_anew(world: World) -> None:
    """The first published state shows the content; the bundle is built from one that shows the erasure."""
    export = await ask(world, world.acme.auditor, await converse(world, world.acme))
    await world.seal()
    await _erase_one(world)
    works = builder(world)
    assert await works.step()
    assert (await found(world, world.acme.auditor, export.id)).state == "queued"
    assert not await works.step()
    await world.seal()
    assert await works.step()
    report = await judge(world, await fetch(world, world.acme.auditor, export.id))
    assert report.verdict is Verdict.SIGNED
    assert report.manifest is not None
    assert report.manifest.counts.erased == 1


async def test_erased_afterwards_it_is_given_up_and_not_built_again(world: World) -> None:
    export = await ask(world, world.acme.auditor, await converse(world, world.acme))
    await world.seal()
    works = builder(world)
    assert await works.step()
    name, _ = (await found(world, world.acme.auditor, export.id)).kept
    erasure = await _erase_one(world)
    await world.seal()
    with pytest.raises(ErasedSince, match=str(erasure)):
        await rebuild(
            world.desk, world.signer, world.acme.org, export.id, world.folder / "work", world.folder / "out.zip"
        )
    await works.tidy()
    assert (await found(world, world.acme.auditor, export.id)).state == "expired"
    assert not (world.folder / "blobs" / name).exists()
    async with world.desk.read(world.acme.auditor) as work:
        assert await entry_types(work, export.id) == ["export.requested", "export.built", "export.expired"]


async def test_one_that_can_not_be_deleted_holds_up_no_other(world: World) -> None:
    auditor, works, names = world.acme.auditor, builder(world), list[str]()
    for _ in range(2):
        export = (await ask(world, auditor, await converse(world, world.acme))).id
        await world.seal()
        assert await works.step()
        names.append((await found(world, auditor, export)).kept[0])
        await commands.expire(world.desk, system(world.acme.org, COMPONENT), export, "age")
    stuck, free = (world.folder / "blobs" / name for name in names)
    stuck.unlink()
    (stuck / "in the way").mkdir(parents=True)
    store = Blobs(world.folder / "blobs")
    with pytest.raises(GenericError, match=stuck.name):
        await clearing.clear(world.desk, store)
    assert not free.exists()
    (stuck / "in the way").rmdir()
    stuck.rmdir()
    await clearing.clear(world.desk, store)


async def test_the_kept_bundle_is_sealed(world: World) -> None:
    """No byte of what people wrote lies in the store."""
    export = await ask(world, world.acme.auditor, await converse(world, world.acme))
    await world.seal()
    assert await builder(world).step()
    name, _ = (await found(world, world.acme.auditor, export.id)).kept
    data = (world.folder / "blobs" / name).read_bytes()
    assert b"Thank you" not in data
    assert b"export.requested" not in data
    assert str(export.id) not in name


@pytest.mark.full
async def test_memory_does_not_grow_with_the_bundle(world: World) -> None:
    """A process that builds a large bundle stays within the same bound as one that builds a small one."""
    peaks: list[int] = []
    for messages in (count(200, 2_000), count(4_000, 100_000)):
        await _post_many(world, messages)
        export = await ask(world, world.acme.auditor, Query())
        await world.seal()
        script = Path(__file__).parent / "build_forever.py"
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), world.admin_dsn, str(world.folder), "once", stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        assert (await found(world, world.acme.auditor, export.id)).state == "built"
        peaks.append(int(said.split()[-1]))
    assert peaks[1] <= 300 << 10
    assert peaks[1] <= peaks[0] + (60 << 10)


async def _when(world: World, export: UUID, holds: Callable[[Export], bool]) -> Export:
    """The export as soon as something holds of it, or after twenty seconds."""
    now = await found(world, world.acme.auditor, export)
    for _ in range(1000):
        if holds(now):
            break
        await asyncio.sleep(0.02)
        now = await found(world, world.acme.auditor, export)
    return now


async def _post_many(world: World, messages: int) -> None:
    """Conversations with this many messages, recorded a few hundred to a transaction."""
    thread = await threads.open_thread(
        world.desk, world.acme.requester, "Long", Draft("x"), "portal", key=None, origin=None
    )
    for start in range(0, messages, 500):
        async with world.desk.change(world.acme.agent) as change:
            found_thread = await change.find(Thread, thread, Permission.MESSAGE_POST, lock=("thread",))
            for number in range(start, min(start + 500, messages)):
                _, event = found_thread.post(world.acme.agent, Draft(f"Message {number} " + "lorem ipsum " * 40), None)
                change.record(event)


async def _erase_one(world: World) -> object:
    async with world.desk.read(world.acme.agent) as work:
        row = await work.row(
            "select m.body_commit, e.entry_id, e.leaf_hash from app.message m join ledger.entry e using (org_id, entry_id)"
            " where m.visibility = 'public' order by m.at desc limit 1"
        )
    assert row is not None
    return await erase(world, world.acme, row["body_commit"], Ref(row["entry_id"], row["leaf_hash"]))


async def _wait_for_the_lock(world: World) -> None:
    """Until the server has seen that the killed builder is gone."""
    superuser = await world.superuser()
    for _ in range(100):
        if not await superuser.fetchval(
            "select count(*) from pg_locks where locktype = 'advisory' and classid = 7325430"
        ):
            break
        await asyncio.sleep(0.05)
    await superuser.close()
