"""A conversation is held: what each role sees and may do."""

import pytest

from sealdesk.core.errors import NotPermitted, OutsideReach
from sealdesk.threads import commands, queries
from sealdesk.threads.model import Draft
from sealdesk.threads.queries import Cursor, Message
from sealdesk.tickets import commands as tickets
from world import World


async def test_it_works(world: World) -> None:
    """Requester and agent talk; the internal note stays internal, in text, numbers and cursors."""
    acme = world.acme
    thread = await tickets.open_request(
        world.desk, acme.requester, "Charged  twice", Draft("Help"), "portal", key=None, origin=None
    )
    await commands.post_message(world.desk, acme.agent, thread, Draft("Looking"), key=None, origin=None)
    await commands.post_message(
        world.desk, acme.agent, thread, Draft("Watch for fraud", "internal"), key=None, origin=None
    )
    await world.seal()
    async with world.desk.read(acme.requester) as work:
        seen = await queries.timeline(work, thread, Cursor())
    async with world.desk.read(acme.agent) as work:
        all_of_it = await queries.timeline(work, thread, Cursor())
    assert [i.body for i in seen.items if isinstance(i, Message)] == ["Help", "Looking"]
    assert seen.cursor.ticket == 0
    assert [i.body for i in all_of_it.items if isinstance(i, Message)] == ["Help", "Looking", "Watch for fraud"]
    assert all(item.sealed for item in all_of_it.items)


async def test_a_stranger_and_another_tenant_find_nothing(world: World) -> None:
    """Out of reach is 404 for whoever asks, and an agent's verb is 403 for a requester in reach."""
    thread = await commands.open_thread(
        world.desk, world.acme.requester, "Hi", Draft("x"), "chat", key=None, origin=None
    )
    for actor in (world.acme.stranger, *world.globex.everybody()):
        with pytest.raises(OutsideReach):
            async with world.desk.read(actor) as work:
                await queries.timeline(work, thread, Cursor())
    for actor in (world.acme.stranger, world.globex.agent):
        with pytest.raises(OutsideReach):
            await commands.post_message(world.desk, actor, thread, Draft("y"), key=None, origin=None)
    with pytest.raises(NotPermitted):
        await commands.post_message(
            world.desk, world.acme.requester, thread, Draft("y", "internal"), key=None, origin=None
        )
