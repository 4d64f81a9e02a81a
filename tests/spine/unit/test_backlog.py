"""Pushback: while too much waits to be sequenced, posting is refused with 503, and the system's own work goes on."""

import pytest

from sealdesk.core import backlog
from sealdesk.core.errors import Overloaded
from sealdesk.people import commands as people
from sealdesk.people import founding
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from world import World


async def test_a_stalled_sequencer_stops_posting_until_it_caught_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many, then none: both are seen within a look."""
    monkeypatch.setattr(backlog, "MOST_WAITING", 5)
    monkeypatch.setattr(backlog, "LOOK_EVERY", 0.0)
    for number in range(3):  # two entries each
        await founding.add_org(world.desk, f"waiting-{number}", "Waiting")
    with pytest.raises(Overloaded) as refused:
        await commands.open_thread(world.desk, world.acme.agent, "x", Draft("y"), "chat", key=None, origin=None)
    assert refused.value.headers["Retry-After"]
    await founding.add_org(world.desk, "meanwhile", "Meanwhile")
    await world.seal()
    for _ in range(3):
        await world.seal()
    assert await commands.open_thread(world.desk, world.acme.agent, "x", Draft("y"), "chat", key=None, origin=None)


async def test_what_waits_too_long_counts_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of an organisation's own: one log that stands still holds up no other, and nobody's sign-in."""
    monkeypatch.setattr(backlog, "LOOK_EVERY", 0.0)
    await commands.open_thread(world.desk, world.acme.agent, "x", Draft("y"), "chat", key=None, origin=None)
    connection = await world.superuser()
    try:
        await connection.execute(
            "update ledger.pending set at = now() - interval '31 seconds' where org_id = $1",
            world.acme.org,
        )
    finally:
        await connection.close()
    with pytest.raises(Overloaded):
        await commands.open_thread(world.desk, world.acme.agent, "x", Draft("y"), "chat", key=None, origin=None)
    await commands.open_thread(world.desk, world.globex.agent, "x", Draft("y"), "chat", key=None, origin=None)
    await people.sign_out(world.desk, world.acme.agent)
