"""What an operator is alarmed by (T06): a spike of sessions by one method in one organisation, and a strange browser after failures."""

from dataclasses import replace

import pytest
from pyotp.totp import TOTP

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.account import enrolment, tokens_commands
from sealdesk.core import clock
from sealdesk.core.errors import SignedOut
from sealdesk.people import commands, founding, guard, second
from sealdesk.people.factors import Shown
from sealdesk.people.founding import NewPerson
from sealdesk.people.passkeys import Party
from sealdesk.people.sessions import Choice, Issued, SecondNeeded, Visit
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""}, bound=b"p" * 32)
EMAIL = "agent@acme.test"
ALARM = "new_device_after_failures"


async def fail(world: World, times: int, visit: Visit = VISIT) -> None:
    for _ in range(times):
        with pytest.raises(SignedOut):
            await commands.sign_in(world.desk, EMAIL, "wrong", None, visit)


async def enter(world: World, visit: Visit = VISIT) -> Issued:
    issued = await commands.sign_in(world.desk, EMAIL, PASSWORD, None, visit)
    assert isinstance(issued, Issued)
    return issued


async def add_app(world: World, actor: Actor) -> tuple[str, ...]:
    """Recovery codes that come with an app."""
    begun = await enrolment.begin_totp(world.desk, actor, VISIT)
    code = TOTP(begun.text).at(int(clock.now().timestamp()))
    return (await enrolment.add_totp(world.desk, actor, begun.challenge, code, "Phone", VISIT)).codes


async def answer(world: World, challenge: str, code: str) -> Issued | Choice:
    shown = Shown(Party("https://desk.test", "desk.test"), code)
    return await second.answer_second(world.desk, challenge, shown, None, VISIT)


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


async def test_sessions_and_tokens_are_counted(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever signs in again and again, and whoever makes token after token."""
    monkeypatch.setattr(guard, "SPIKE", 5)  # the cast are five already
    await enter(world)
    told = capsys.readouterr().out
    assert "login_spike" in told
    assert "method=password" in told
    monkeypatch.setattr(guard, "SPIKE", 0)
    agent = (await enter(world)).actor
    await tokens_commands.issue(world.desk, agent, tokens_commands.Wanted("sync", frozenset({"thread.read"}), 1))
    assert "method=token" in capsys.readouterr().out


async def test_a_strange_browser_after_failures(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Three wrong ones and then the right one, from a browser that the account does not know."""
    await fail(world, 3)
    issued = await enter(world)
    told = capsys.readouterr().out
    assert told.count(ALARM) == 1
    assert f"member={issued.actor.member} method=password number=3" in told


async def test_what_is_no_alarm(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Two slips; a strange browser without any; failures of a browser that is known; and another's failures before a known one."""
    await fail(world, 2)
    known = replace(VISIT, device=(await enter(world)).device)
    await enter(world)
    await fail(world, 5, known)
    await enter(world, known)
    await fail(world, 5)
    await enter(world, known)
    assert ALARM not in capsys.readouterr().out


async def test_failures_are_remembered_through_the_second_factor_and_the_choice(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is asked in between, the alarm is about how it began."""
    await founding.add_person(world.desk, world.globex.org, NewPerson(EMAIL, "Agent", Role.AGENT, PASSWORD))
    await fail(world, 4)
    choice = await commands.sign_in(world.desk, EMAIL, PASSWORD, None, VISIT)
    assert isinstance(choice, Choice)
    await commands.choose(world.desk, choice.challenge, world.acme.org, VISIT)
    assert capsys.readouterr().out.count(ALARM) == 1
    codes = await add_app(world, world.acme.agent)
    await fail(world, 3)
    asked = await commands.sign_in(world.desk, EMAIL, PASSWORD, world.acme.org, VISIT)
    assert isinstance(asked, SecondNeeded)
    for code in ("000000", "no such recovery code"):
        with pytest.raises(SignedOut):
            await answer(world, asked.challenge, code)
    assert isinstance(await answer(world, asked.challenge, codes[0]), Issued)
    told = capsys.readouterr().out
    assert told.count(ALARM) == 1
    assert "number=5" in told


async def test_each_new_browser_is_told(world: World) -> None:
    """Every one, however often: what says that it is new is no matter of clocks."""
    pool = await world.desk.database.pool("desk_gate")
    person = await pool.fetchval("select person_id from sec.credential($1)", EMAIL)
    hashes = [bytes([number]) * 32 for number in range(200)]
    assert [await pool.fetchval("select sec.keep_device($1, $2)", person, each) for each in hashes] == [True] * 200
    assert not await pool.fetchval("select sec.keep_device($1, $2)", person, hashes[0])
