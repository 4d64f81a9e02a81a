"""What `fsck` says of an honest ledger."""

import asyncio

from sealdesk.access.permissions import Permission, Role
from sealdesk.ledger.fsck import Progress, fsck
from sealdesk.people import commands, founding
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Visit
from sealdesk.threads.commands import open_thread
from sealdesk.threads.model import Draft, Thread
from world import PASSWORD, World


async def test_an_honest_ledger_is_clean(drill: World) -> None:
    told: list[Progress] = []
    report = await fsck(drill.desk.database, drill.signer, sealer=drill.desk.sealer, tell=told.append)
    assert list(report.differences()) == []
    assert report.unchecked == ()
    assert [log.origin.rpartition("/ledger/")[2] for log in report.logs] == [
        "sys",
        f"org/{drill.acme.org}",
        f"org/{drill.globex.org}",
    ]
    heads = {log.origin: (log.size, log.root) for log in (await drill.signer.status()).logs}
    assert {log.origin: (log.size, log.root) for log in report.logs} == heads
    assert told[-1].done == told[-1].total


async def test_an_organisation_that_grew_unseen_is_checked_all_the_same(world: World) -> None:
    """Statistics of before it was there once made the planner read all of it for each of its entries: minutes, not a second."""
    connection = await world.superuser()
    await connection.execute("alter table ledger.entry set (autovacuum_enabled = off); analyze")
    org = await founding.add_org(world.desk, "grown", "Grown")
    await founding.add_person(world.desk, org, NewPerson("agent@grown.test", "A", Role.AGENT, PASSWORD))
    origin = {"address": "192.0.2.1", "agent": "test", "session": "test"}
    issued = await commands.sign_in(world.desk, "agent@grown.test", PASSWORD, org, Visit(origin))
    assert isinstance(issued, commands.Issued)
    thread = await open_thread(world.desk, issued.actor, "Long", Draft("x"), "chat", key=None, origin=None)
    for _ in range(8):
        async with world.desk.change(issued.actor) as change:
            found = await change.find(Thread, thread, Permission.MESSAGE_POST, lock=("thread",))
            for number in range(500):
                change.record(found.post(issued.actor, Draft(f"Message {number}"), None)[1])
    await world.seal()
    before = await connection.fetchval("select reltuples from pg_class where oid = 'ledger.entry'::regclass")
    async with asyncio.timeout(60):
        report = await fsck(world.desk.database, world.signer, org=org)
    assert report.logs[0].size > 4_000
    assert await connection.fetchval("select reltuples from pg_class where oid = 'ledger.entry'::regclass") > before
    await connection.close()
