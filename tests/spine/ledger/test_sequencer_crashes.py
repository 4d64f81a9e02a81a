"""The sequencer is killed in the middle, or runs twice: no gap, no index given twice, nothing lost."""

import asyncio

import asyncpg
import pytest

from scene import Scene, post
from sealdesk.ledger import sequence
from sealdesk.ledger.clockwork import Clockwork
from sealdesk.ledger.fsck import fsck
from world import World

PID = "select pg_backend_pid()"


async def posts(world: World, scene: Scene, number: int) -> None:
    for each in range(number):
        await post(world, world.acme.agent, scene.threads[0], f"crash {each}")


async def indices(world: World) -> list[int]:
    connection = await world.superuser()
    rows = await connection.fetch("select idx from ledger.leaf where org_id = $1 order by idx", world.acme.org)
    await connection.close()
    return [row["idx"] for row in rows]


async def assert_clean(world: World) -> None:
    assert list((await fsck(world.desk.database, world.signer)).differences()) == []
    found = await indices(world)
    assert found == list(range(len(found)))


async def kill(world: World, pid: object) -> None:
    """End another connection's server process, as a crash does."""
    connection = await world.superuser()
    await connection.execute("select pg_terminate_backend($1, 5000)", pid)
    await connection.close()


@pytest.mark.parametrize("table", ["ledger.leaf", "ledger.head", "ledger.tile"])
async def test_killed_between_writing_and_commit_it_leaves_no_trace(drill: World, scene: Scene, table: str) -> None:
    """A lock on the table that it writes next holds it where it stands; there it is killed."""
    before = await indices(drill)
    await posts(drill, scene, 260)  # enough to fill a tile
    jailer = await drill.superuser()
    await jailer.execute("begin")
    await jailer.execute(f"lock table {table} in share mode")
    victim = await drill.desk.database.connect("desk_sequencer")
    pid = await victim.fetchval(PID)
    work = asyncio.create_task(sequence.sequence(victim, drill.acme.org))
    await asyncio.sleep(0.3)
    assert not work.done()
    await kill(drill, pid)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await work
    await jailer.execute("rollback")
    await jailer.close()
    assert await indices(drill) == before
    await drill.seal()
    assert len(await indices(drill)) == len(before) + 260
    await assert_clean(drill)


async def test_two_at_once_give_no_index_twice(drill: World, scene: Scene) -> None:
    """Even were the advisory lock not held: the rows of the queue and of the head are locked too."""
    before = len(await indices(drill))
    await posts(drill, scene, 120)
    racers = [await drill.desk.database.connect("desk_sequencer") for _ in range(4)]
    for _ in range(20):
        await asyncio.gather(
            *(sequence.sequence(racer, drill.acme.org, 10) for racer in racers), return_exceptions=True
        )
    for racer in racers:
        await racer.close()
    assert len(await indices(drill)) == before + 120
    await drill.seal()
    await assert_clean(drill)


async def test_a_forged_place_in_the_queue_stops_nothing(drill: World, scene: Scene) -> None:
    """Who may record may queue: rows for what has its index already, and for what does not exist, are only dropped."""
    before = len(await indices(drill))
    connection = await drill.superuser()
    await connection.execute(
        "insert into ledger.pending (org_id, qid) select org_id, qid from ledger.leaf where org_id = $1"
        " union all select $1, 999999999",
        drill.acme.org,
    )
    await posts(drill, scene, 3)
    await drill.seal()
    assert await connection.fetchval("select count(*) from ledger.pending") == 0
    await connection.close()
    assert len(await indices(drill)) == before + 3
    await assert_clean(drill)


async def test_only_one_is_elected_and_the_next_takes_over_when_it_dies(drill: World) -> None:
    first, second = [await drill.desk.database.connect("desk_sequencer") for _ in range(2)]
    pid = await first.fetchval(PID)
    assert await sequence.elected(first)
    assert not await sequence.elected(second)
    await kill(drill, pid)
    assert await sequence.elected(second)
    await second.close()


async def test_the_clockwork_survives_the_loss_of_its_connection(drill: World, scene: Scene) -> None:
    stop = asyncio.Event()
    work = asyncio.create_task(Clockwork(drill.desk.database, drill.signer, drill.desk.ledger_name).run(stop))
    for round_ in range(3):
        await posts(drill, scene, 5)
        connection = await drill.superuser()
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'desk_sequencer' and datname = current_database()"
            " and pid <> $1",
            await drill.sequencer.fetchval(PID),
        )
        await connection.close()
        await asyncio.sleep(0.2 * round_)
    connection = await drill.superuser()
    async with asyncio.timeout(10):
        while await connection.fetchval("select exists (select from ledger.pending)"):  # noqa: ASYNC110 - the database tells no one
            await asyncio.sleep(0.05)
    await connection.close()
    stop.set()
    await work
    await assert_clean(drill)
