"""Sessions issued are counted by method and organisation, and a spike is told once (T06)."""

import pytest

from sealdesk.people import guard
from world import World


async def test_a_spike_is_told_once(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard, "SPIKE", 3)
    for _ in range(3):
        await guard.issued(world.desk.counters, world.acme.org, "passkey")
    await guard.issued(world.desk.counters, world.globex.org, "passkey")
    assert "login_spike" not in capsys.readouterr().out
    for _ in range(5):
        await guard.issued(world.desk.counters, world.acme.org, "passkey")
    told = capsys.readouterr().out
    assert told.count("login_spike") == 1
    assert str(world.acme.org) in told
    assert str(world.globex.org) not in told
