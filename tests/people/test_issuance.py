"""What an operator is alarmed by (T06): a spike of sessions by one method in one organisation, and a new browser after failures."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from sealdesk.account import tokens_commands
from sealdesk.core.errors import SignedOut
from sealdesk.people import commands, guard
from sealdesk.people.sessions import Issued, Visit
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
EMAIL = "agent@acme.test"


async def fail(world: World, times: int, visit: Visit = VISIT) -> None:
    for _ in range(times):
        with pytest.raises(SignedOut):
            await commands.sign_in(world.desk, EMAIL, "wrong", None, visit)


async def enter(world: World, visit: Visit = VISIT) -> Issued:
    issued = await commands.sign_in(world.desk, EMAIL, PASSWORD, None, visit)
    assert isinstance(issued, Issued)
    return issued


async def test_a_spike_is_told_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SPIKE", 3)
    with capture_logs() as logs:
        for _ in range(3):
            await guard.issued(world.desk.counters, world.acme.org, "passkey")
        await guard.issued(world.desk.counters, world.globex.org, "passkey")
        assert logs == []
        for _ in range(5):
            await guard.issued(world.desk.counters, world.acme.org, "passkey")
    (told,) = logs
    assert (told["event"], told["log_level"]) == ("login_spike", "error")
    assert (told["org"], told["method"], told["number"]) == (str(world.acme.org), "passkey", 4)


async def test_sessions_and_tokens_are_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever signs in again and again, and whoever makes token after token: each by its method."""
    monkeypatch.setattr(guard, "SPIKE", 5)  # the cast are five already
    with capture_logs() as logs:
        agent = (await enter(world)).actor
        monkeypatch.setattr(guard, "SPIKE", 0)
        await tokens_commands.issue(world.desk, agent, tokens_commands.Wanted("sync", frozenset({"thread.read"}), 1))
    assert [each["method"] for each in logs if each["event"] == "login_spike"] == ["password", "token"]


async def test_a_new_browser_after_failures_is_an_alarm(world: World) -> None:
    """Three wrong ones and then the right one, from a browser that the account does not know; the ones that follow are told and no more."""
    await fail(world, guard.TOLD_FROM - 1)
    with capture_logs() as logs:
        issued = await enter(world)
        await enter(world)
    first, second = [each for each in logs if each["event"] == "held_back"]
    assert (first["log_level"], first["owasp"], first["tries"]) == (
        "error",
        "authn_login_successafterfail",
        guard.TOLD_FROM,
    )
    assert (first["org"], first["member"]) == (str(world.acme.org), str(issued.actor.member))
    assert second["log_level"] == "warning"


async def test_what_is_no_alarm(world: World) -> None:
    """Two slips; a new browser without any; failures of a browser that is known; and strangers' failures before a known one."""
    with capture_logs() as logs:
        await fail(world, guard.TOLD_FROM - 2)
        known = replace(VISIT, device=(await enter(world)).device)
        await enter(world)
        await fail(world, 5, known)
        await enter(world, known)
        await fail(world, 5)
        await enter(world, known)
    assert [each for each in logs if each["log_level"] == "error"] == []
