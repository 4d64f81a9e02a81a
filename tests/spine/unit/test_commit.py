"""A COMMIT whose answer is lost is neither said to be done nor to be undone."""

import asyncio

import pytest

from scene import Scene, post
from sealdesk.core.transactions import OutcomeUnknown
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from sealdesk.unit import Key
from world import World

SLOW = """
create function public.slow() returns trigger language plpgsql as $$ begin perform pg_sleep(20); return null; end $$;
create constraint trigger slow after insert on ledger.entry deferrable initially deferred for each row execute function public.slow();
"""
KILL = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'desk_agent' and wait_event = 'PgSleep'"


async def test_a_server_that_dies_while_it_commits_leaves_the_outcome_unknown(drill: World, scene: Scene) -> None:
    superuser = await drill.superuser()
    await superuser.execute(SLOW)  # a deferred trigger runs inside COMMIT, and holds it there
    key = Key.of("POST /messages", "lost", b"x")
    arguments = (drill.desk, drill.acme.agent, scene.threads[0], Draft("x"))
    work = asyncio.create_task(commands.post_message(*arguments, key=key, origin=None))
    async with asyncio.timeout(10):
        while not await superuser.fetchval(KILL):  # noqa: ASYNC110 - the database tells no one
            await asyncio.sleep(0.05)
    with pytest.raises(OutcomeUnknown):
        await work
    await superuser.execute("drop trigger slow on ledger.entry")
    await superuser.close()

    # So the client repeats with the same key, and has one effect.
    first = await commands.post_message(*arguments, key=key, origin=None)
    again = await commands.post_message(*arguments, key=key, origin=None)
    assert first.entry_id == again.entry_id
    assert (await post(drill, drill.acme.agent, scene.threads[0], "next")).seq == first.seq + 1
