"""Files that belong to no relation are deleted, and no others: a rewrite that was killed is told from one that is on its way."""

import shutil
from pathlib import Path

from members.test_members import differences
from redactions.test_redaction import SECRET, read, said
from sealdesk.core.postgres import Cluster
from sealdesk.redactions.strays import Strays
from threads.test_states import opened
from world import World

NUMBER = 3_999_999_999
"""Of no relation, and far from the next that is given out."""


async def test_what_belongs_to_nobody_goes(world: World, cluster: Cluster, tmp_path: Path) -> None:
    """In two looks, and only once every transaction of the first look has ended; what is being made meanwhile stays."""
    thread = await opened(world)
    message = await said(world, thread)
    busy = await world.superuser()
    await busy.execute("checkpoint")
    keys = cluster.folder / await busy.fetchval("select pg_relation_filepath('ledger.content_key')")
    left = [f"{NUMBER}", f"{NUMBER}_vm", f"{NUMBER}.1"]
    for name in left:
        shutil.copy(keys, keys.parent / name)
    empty, foreign = keys.parent / str(NUMBER + 1), keys.parent / f"t3_{NUMBER}"
    empty.touch()
    shutil.copy(keys, foreign)
    before = set(keys.parent.iterdir())
    await busy.execute("begin")
    await busy.execute("create table public.on_its_way as select generate_series(1, 1000) as n")
    strays = Strays(world.desk, cluster.folder)
    for _ in range(3):
        assert await strays.look() == []
    later = await world.superuser()
    await later.execute("begin")
    await later.execute("create table public.later as select generate_series(1, 1000) as n")
    assert await strays.look() == []
    assert set(keys.parent.iterdir()) > before
    await busy.execute("commit")
    (keys.parent / f"{NUMBER}.1").write_bytes(b"somebody writes to it")
    assert await strays.look() == [f"{NUMBER}", f"{NUMBER}_vm"]
    assert await strays.look() == []
    await later.execute("commit")
    assert await strays.look() == [f"{NUMBER}.1"]
    assert await strays.look() == []
    for name in ("on_its_way", "later"):
        assert await busy.fetchval(f"select count(*) from public.{name}") == 1000
        await busy.execute(f"drop table public.{name}")
    assert empty.exists()
    assert foreign.exists()
    await busy.close()
    await later.close()
    assert (await read(world, world.acme.requester, thread, message)).body == SECRET
    assert await differences(world) == []


async def test_what_was_prepared_is_somebodys(world: World, cluster: Cluster) -> None:
    """It goes by another name than while it ran, and its files are in no catalogue until it is committed."""
    superuser, strays = await world.superuser(), Strays(world.desk, cluster.folder)
    await superuser.execute("begin")
    await superuser.execute("create table public.prepared as select generate_series(1, 1000) as n")
    assert await strays.look() == []
    await superuser.execute("prepare transaction 'on its way'")
    assert [await strays.look() for _ in range(3)] == [[], [], []]
    await superuser.execute("commit prepared 'on its way'")
    assert await strays.look() == []
    assert await superuser.fetchval("select count(*) from public.prepared") == 1000
    await superuser.execute("drop table public.prepared")
    await superuser.close()


async def test_another_servers_folder_is_left_alone(world: World, cluster: Cluster, tmp_path: Path) -> None:
    """A copy of it too: its files belong to what nobody can ask."""
    superuser = await world.superuser()
    place = Path(await superuser.fetchval("select pg_relation_filepath('ledger.content_key')"))
    await superuser.close()
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place.parent / str(NUMBER)).write_text("keys")
    strays = Strays(world.desk, tmp_path)
    for told in (None, (cluster.folder / "postmaster.pid").read_text()):
        if told:
            (tmp_path / "postmaster.pid").write_text(told)
        assert [await strays.look() for _ in range(2)] == [[], []]
