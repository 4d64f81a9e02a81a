"""ASVS V8.2.4: who signs in from a new browser after wrong passwords is held back; a session that moves has to confirm.

What is looked at: whether the browser was seen before, how many attempts came before, what was shown beside the password, and whether
the browser and system are still those of the sign-in.
"""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from pyotp.totp import TOTP
from structlog.testing import capture_logs

from post import waiting
from running import PASSWORD as WORD
from running import Client, RunningDesk
from sealdesk.access.actor import Actor, ConfirmFirst, HeldBack
from sealdesk.access.permissions import CONFIRMED, Permission, Role
from sealdesk.account import commands as account
from sealdesk.account import enrolment
from sealdesk.core import clock
from sealdesk.core.errors import OutsideReach, SignedOut
from sealdesk.people import commands, confirming, founding, guard, happenings, onetime, second
from sealdesk.people.factors import Shown
from sealdesk.people.founding import NewPerson
from sealdesk.people.moving import Moves
from sealdesk.people.passkeys import Party
from sealdesk.people.sessions import Issued, SecondNeeded, Visit
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""}, label="Firefox on Linux")
EMAIL = "agent@acme.test"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36"


async def fail(world: World, times: int = guard.TOLD_FROM - 1) -> None:
    for _ in range(times):
        with pytest.raises(SignedOut):
            await commands.sign_in(world.desk, EMAIL, "wrong wrong wrong", None, VISIT)


async def enter(world: World, device: str | None = None) -> Issued:
    found = await commands.sign_in(world.desk, EMAIL, PASSWORD, world.acme.org, replace(VISIT, device=device))
    assert isinstance(found, Issued)
    return found


async def as_it_is(world: World, actor: Actor) -> Actor:
    found = await world.desk.peek(actor.session_hash)
    assert found is not None
    return found


async def test_it_works(world: World) -> None:
    """Held back until a known browser vouches; neither another new browser nor a second sign-in gets around it."""
    known = await enter(world)
    await fail(world)
    held = await enter(world)
    with pytest.raises(HeldBack):
        held.actor.demand(Permission.CREDENTIAL_OWN)
    for permission in Permission:
        if held.actor.may(permission) and permission not in CONFIRMED:
            held.actor.demand(permission)
    await happenings.settle(world.desk)
    assert [mail.to for mail in await waiting(world, "device.added/held")] == [EMAIL]
    # Without wrong passwords: from the same browser again, and from yet another one.
    for device in (held.device, None):
        assert (await enter(world, device)).actor.held_until == held.actor.held_until
    assert (await enter(world, known.device)).actor.held_until is None
    # It does not free itself: not by its password, not by another held one's word, not by going elsewhere.
    confirmed = await confirming.confirm(world.desk, held.actor, PASSWORD, "", Shown(Party("", "")), VISIT)
    assert confirmed.actor.held_until == held.actor.held_until
    other = await enter(world)
    assert other.actor.session_id
    with pytest.raises(HeldBack):
        await account.vouch(world.desk, confirmed.actor, other.actor.session_id)
    both = NewPerson(EMAIL, "Agent", Role.ADMIN, PASSWORD)
    await founding.add_person(world.desk, world.globex.org, both)
    there = await account.switch_organisation(world.desk, confirmed.actor, world.globex.org)
    assert there.actor.held_until == held.actor.held_until
    await vouched(world, await enter(world, known.device), other)


async def vouched(world: World, here: Issued, other: Issued) -> None:
    """Its owner says so from a known browser: it is free, and so is its browser the next time. Others stay as they are."""
    assert other.actor.session_id
    assert here.actor.session_id
    for nothing in (here.actor.session_id, (await as_it_is(world, world.acme.admin)).session_id or UUID(int=1)):
        with pytest.raises(OutsideReach):
            await account.vouch(world.desk, here.actor, nothing)
    await account.vouch(world.desk, here.actor, other.actor.session_id)
    (await as_it_is(world, other.actor)).demand(Permission.CREDENTIAL_OWN)
    assert (await enter(world, other.device)).actor.held_until is None
    assert (await enter(world)).actor.held_until is not None


async def test_time_and_a_second_factor_end_it(world: World) -> None:
    """A day later it is over; who shows a second factor is never held back, nor is who merely signs in from a new browser."""
    assert (await enter(world)).actor.held_until is None
    await fail(world, guard.TOLD_FROM - 2)
    assert (await enter(world)).actor.held_until is None
    await fail(world)
    held = await enter(world)
    assert held.actor.held_until
    assert abs(held.actor.held_until - clock.now() - guard.HELD_FOR) < timedelta(minutes=1)
    connection = await world.superuser()
    await connection.execute("update sec.session set held_until = held_until - interval '24 hours'")
    await connection.execute("update sec.person set wary_until = wary_until - interval '24 hours'")
    await connection.close()
    free = await as_it_is(world, held.actor)
    free.demand(Permission.CREDENTIAL_OWN)
    begun = await enrolment.begin_totp(world.desk, free, VISIT)
    now = int(clock.now().timestamp())
    await enrolment.add_totp(world.desk, free, begun.challenge, TOTP(begun.text).at(now), "Phone", VISIT)
    await fail(world)
    needed = await commands.sign_in(world.desk, EMAIL, PASSWORD, None, VISIT)
    assert isinstance(needed, SecondNeeded)
    shown = Shown(Party("", ""), TOTP(begun.text).at(now + onetime.STEP))
    found = await second.answer_second(world.desk, needed.challenge, shown, None, VISIT)
    assert isinstance(found, Issued)
    assert found.actor.held_until is None


def test_a_session_that_moves_is_told_once() -> None:
    """Updates of a browser are no move; API tokens have no browser."""
    moves, actor = Moves(), Actor(bytes(32), UUID(int=1), UUID(int=2), Role.AGENT, label="Firefox on Linux")
    with capture_logs() as logs:
        assert moves.judged(actor, FIREFOX.replace("140", "141")) is actor
        for _ in range(2):
            with pytest.raises(ConfirmFirst):
                moves.judged(actor, CHROME).demand(Permission.CREDENTIAL_OWN)
        assert moves.judged(replace(actor, kind="token"), CHROME).kind == "token"
    assert [(each["event"], each["owasp"]) for each in logs] == [("session_moved", "authn_token_reuse")]


def test_a_cookie_carried_off_changes_nothing_that_matters(running_desk: RunningDesk) -> None:
    """On the running desk: it reads, as before; exports, credentials and tokens ask for the password first."""
    (person,) = running_desk.populate("moving", ("Mo", Role.AGENT))
    owner = running_desk.client()
    owner.headers["user-agent"] = FIREFOX
    owner.sign_in(person)
    wanted = {"name": "x", "permissions": ["thread.read"], "days": 1}
    assert owner.act("POST", "/api/v1/account/tokens", json=wanted).status_code == 201
    with Client(running_desk.base) as thief:
        thief.headers.update({"user-agent": CHROME, "cookie": f"__Host-sid={owner.token}"})
        thief.csrf = thief.get("/api/v1/session").json()["csrf_token"]
        for path, body in (
            ("/api/v1/account/tokens", wanted),
            ("/api/v1/account/totp/options", None),
            ("/api/v1/exports", {"purpose": "x", "scope": {"threads": [owner.open()]}}),
        ):
            refused = thief.act("POST", path, json=body) if body else thief.act("POST", path)
            assert (refused.status_code, refused.json()["type"][-14:]) == (403, "/confirm-first"), path
        confirmed = thief.act("POST", "/api/v1/session/confirm", json={"password": WORD})
        assert confirmed.status_code == 200
        thief.kept.clear()
        thief.take(confirmed)
        thief.csrf = confirmed.json()["csrf_token"]
        assert thief.act("POST", "/api/v1/account/tokens", json=wanted).status_code == 201
    assert owner.get("/api/v1/session").status_code == 401
