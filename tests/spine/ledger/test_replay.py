"""Replaying the ledger gives the tables, whatever was done, by whomever, in whatever order, and whatever was refused."""

import random
from uuid import UUID

from counts import count
from scene import any_version
from sealdesk.access.actor import Actor
from sealdesk.core.errors import Refusal
from sealdesk.ledger.fsck import fsck
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from sealdesk.tickets.commands import change_ticket, open_request
from sealdesk.tickets.model import PRIORITIES, STATUSES, Work
from sealdesk.verification.terminal import with_state
from world import World


async def act(world: World, actor: Actor, threads: list[UUID], dice: random.Random) -> None:
    """Something that people do, allowed or not."""
    desk, thread = world.desk, dice.choice(threads)
    match dice.randrange(6):
        case 0:
            threads.append(
                await commands.open_thread(desk, actor, "a matter", Draft("text"), "portal", key=None, origin=None)
            )
        case 1:
            threads.append(await open_request(desk, actor, "a request", Draft("text"), "api", key=None, origin=None))
        case 2 | 3:
            draft = Draft("a message", dice.choice(["public", "public", "internal"]))
            await commands.post_message(desk, actor, thread, draft, key=None, origin=None)
        case _:
            staff = dice.choice([world.acme.agent.member, world.acme.admin.member, world.acme.requester.member, None])
            work = Work(
                dice.choice([None, *STATUSES]), dice.choice([None, *PRIORITIES]), staff, unassign=dice.random() < 0.2
            )
            await change_ticket(desk, actor, thread, work, any_version)


async def test_replay_equals_the_tables(drill: World) -> None:
    dice = random.Random(20261122)
    people = [*drill.acme.everybody(), *drill.globex.everybody()]
    threads = [
        await commands.open_thread(
            drill.desk, drill.acme.requester, "first", Draft("x"), "portal", key=None, origin=None
        )
    ]
    done = refused = 0
    for number in range(count(150, 5000)):
        try:
            await act(drill, dice.choice(people), threads, dice)
            done += 1
        except Refusal:
            refused += 1
        if number % 50 == 49:
            await drill.seal()
            report = await fsck(drill.desk.database, drill.signer, sealer=drill.desk.sealer)
            assert [
                each.sentence() for each in (await with_state(drill.desk.database, report, None)).differences()
            ] == []
    assert done > 30
    assert refused > 30
