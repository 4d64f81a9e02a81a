"""My devices: where one is signed in, ending one or all others, and going on in another organisation."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from pyotp.totp import TOTP

from post import link
from sealdesk.access.actor import CONFIRMED_FOR, Actor, ConfirmFirst, FactorNeeded
from sealdesk.access.permissions import Permission, Role
from sealdesk.account import commands, enrolment, queries
from sealdesk.account.password_commands import ask_reset, change_password, reset
from sealdesk.core import clock
from sealdesk.core.errors import OutsideReach, StateConflict
from sealdesk.people import commands as people
from sealdesk.people import founding, onetime
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Issued, Visit
from sealdesk.web.tokens import new_token, token_hash
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""}, label="Firefox on Linux")
EMAIL = "agent@acme.test"


async def sign_in(world: World, org: UUID | None = None, email: str = EMAIL) -> Actor:
    issued = await people.sign_in(world.desk, email, PASSWORD, org or world.acme.org, VISIT)
    assert isinstance(issued, Issued)
    return issued.actor


async def in_both(world: World) -> None:
    """The agent of the first organisation is a requester of the second."""
    await founding.add_person(world.desk, world.globex.org, NewPerson(EMAIL, "Agent", Role.REQUESTER, "unused words"))


async def listed(world: World, actor: Actor) -> tuple[queries.Device, ...]:
    async with world.desk.read(actor) as work:
        return await queries.devices(work)


async def alive(world: World, *actors: Actor) -> list[bool]:
    return [await world.desk.peek(actor.session_hash) is not None for actor in actors]


async def last_entry(world: World, auditor: Actor, member: UUID) -> tuple[str, dict[str, object]]:
    async with world.desk.read(auditor) as work:
        row = await work.row(
            "select type, entry from ledger.entry where stream_id = $1 order by stream_seq desc limit 1", member
        )
    assert row is not None
    return row["type"], json.loads(row["entry"])["body"]


async def set_rules(world: World, rules: dict[str, object]) -> None:
    connection = await world.superuser()
    try:
        await connection.execute(
            "insert into app.setting (org_id, name, value, commit) values ($1, 'sign_in', $2::text::jsonb, sha256('x'))"
            " on conflict (org_id, name) do update set value = excluded.value",
            world.acme.org,
            json.dumps(rules),
        )
    finally:
        await connection.close()


async def test_it_works(world: World) -> None:
    """V7.5.2: all sessions of the person are listed, the one that asks is marked, and any other can be ended at once."""
    here, there = await sign_in(world), await sign_in(world)
    found = await listed(world, here)
    assert {device.current for device in found if device.id == here.session_id} == {True}
    assert sum(device.current for device in found) == 1
    assert found[0].label == VISIT.label
    assert there.session_id is not None
    await commands.end_session(world.desk, here, there.session_id)
    assert await alive(world, here, there) == [True, False]
    assert await last_entry(world, world.acme.auditor, here.member) == ("session.revoked", {"cause": "own"})


async def test_all_others_end_in_every_organisation(world: World) -> None:
    """V7.4.3, V7.5.2: the other organisation is told by the worker, and other people are not touched."""
    await in_both(world)
    here, there, elsewhere = await sign_in(world), await sign_in(world), await sign_in(world, world.globex.org)
    assert (
        await commands.end_other_sessions(world.desk, here, VISIT, tokens=False)
    ).sessions == 3  # with the one that the world began with
    assert await alive(world, here, there, elsewhere, world.acme.agent) == [True, False, False, False]
    assert await alive(world, world.acme.admin, world.globex.agent) == [True, True]
    pool = await world.desk.database.pool("desk_worker")
    told = await pool.fetch("select * from sec.happenings(100)")
    revoked = [(row["org_id"], row["recorded"]) for row in told if row["type"] == "session.revoked"]
    assert revoked == [(world.globex.org, False)]
    assert await commands.end_other_sessions(world.desk, here, VISIT, tokens=False) == commands.Ended()


async def test_somebody_elses_session_is_not_found(world: World) -> None:
    """T02: of the same organisation or of another, it answers as an id that does not exist, and goes on."""
    here = await sign_in(world)
    for other in (world.acme.admin, world.globex.agent):
        found = await world.desk.peek(other.session_hash)
        assert found is not None
        assert found.session_id is not None
        with pytest.raises(OutsideReach):
            await commands.end_session(world.desk, here, found.session_id)
        assert await alive(world, other) == [True]


async def test_ending_sessions_asks_for_confirmation(world: World) -> None:
    """V7.5.2, V7.5.1: ten minutes after a factor was shown, it has to be shown again first."""
    here = await sign_in(world)
    later = clock.now() + CONFIRMED_FOR + timedelta(seconds=1)
    clock.set_source(lambda: later)
    try:
        for work in (
            commands.end_other_sessions(world.desk, here, VISIT, tokens=True),
            commands.end_session(world.desk, here, UUID(int=1)),
            commands.remove_factor(world.desk, here, UUID(int=1)),
            commands.renew_codes(world.desk, here),
            enrolment.begin_totp(world.desk, here, VISIT),
            enrolment.begin_passkey(world.desk, here, VISIT),
        ):
            with pytest.raises(ConfirmFirst):
                await work
    finally:
        clock.set_source(None)


async def test_switching_the_organisation(world: World) -> None:
    """V7.2.4: the old session ends with its entry, the new one has its own token, the role it has there, and an entry there."""
    await in_both(world)
    here = await sign_in(world)
    issued = await commands.switch_organisation(world.desk, here, world.globex.org)
    assert await alive(world, here, issued.actor) == [False, True]
    assert token_hash(issued.token) == issued.actor.session_hash != here.session_hash
    assert (issued.actor.org, issued.actor.role) == (world.globex.org, Role.REQUESTER)
    assert issued.actor.confirmed_at == here.confirmed_at
    assert await last_entry(world, world.acme.auditor, here.member) == ("session.ended", {"cause": "switched"})
    there = await last_entry(world, world.globex.auditor, issued.actor.member)
    assert there == ("session.started", {"method": "password"})


async def test_nobody_switches_to_where_they_are_no_member(world: World) -> None:
    """T02: nor to an organisation that does not exist, nor to the one they are in; the session goes on."""
    here = await sign_in(world)
    for org in (world.globex.org, UUID(int=7), world.acme.org):
        with pytest.raises(OutsideReach):
            await commands.switch_organisation(world.desk, here, org)
    assert await alive(world, here) == [True]


async def test_a_role_that_needs_a_second_factor_sets_one_up_first(world: World) -> None:
    """V6.3.3: until then the session can do nothing else; then it goes on under a new token, and it falls back when the last one goes."""
    await set_rules(world, {"second_factor": ["agent"]})
    here = await sign_in(world)
    assert here.weak
    with pytest.raises(FactorNeeded):
        here.demand(Permission.THREAD_READ)
    begun = await enrolment.begin_totp(world.desk, here, VISIT)
    code = TOTP(begun.text).at(int(clock.now().timestamp()))
    done = await enrolment.add_totp(world.desk, here, begun.challenge, code, "Phone", VISIT)
    assert done.issued is not None
    assert len(done.codes) == onetime.RECOVERY_CODES
    whole = done.issued.actor
    assert not whole.weak
    whole.demand(Permission.THREAD_READ)
    assert await alive(world, here, whole) == [False, True]
    async with world.desk.read(whole) as work:
        (factor,) = (await queries.factors(work)).listed
    await commands.remove_factor(world.desk, whole, factor.id)
    found = await world.desk.peek(whole.session_hash)
    assert found is not None
    assert found.weak
    with pytest.raises(StateConflict):
        await commands.renew_codes(world.desk, found)


async def test_new_recovery_codes_end_the_old_ones(world: World) -> None:
    """V6.5.1: what was printed before no longer counts."""
    here = await sign_in(world)
    begun = await enrolment.begin_totp(world.desk, here, VISIT)
    code = TOTP(begun.text).at(int(clock.now().timestamp()))
    old = (await enrolment.add_totp(world.desk, here, begun.challenge, code, "Phone", VISIT)).codes
    new = await commands.renew_codes(world.desk, here)
    assert not set(old) & set(new)
    pool = await world.desk.database.pool("desk_gate")
    async with world.desk.read(here) as work:
        person = await work.value("select sec.person()")
        assert await work.value("select sec.recovery_codes_left()") == len(new)
    assert not await pool.fetchval("select sec.use_recovery_code($1, $2)", person, onetime.recovery_hash(old[0]))
    assert await pool.fetchval("select sec.use_recovery_code($1, $2)", person, onetime.recovery_hash(new[0]))


async def test_a_seed_that_was_not_shown_to_work_is_no_factor(world: World) -> None:
    """V6.6.2: a wrong code adds nothing; the challenge belongs to the session it was given to, and works once."""
    here, there = await sign_in(world), await sign_in(world)
    begun = await enrolment.begin_totp(world.desk, here, VISIT)
    with pytest.raises(enrolment.WrongCode) as refused:
        await enrolment.add_totp(world.desk, here, begun.challenge, "000000", "Phone", VISIT)
    assert refused.value.begun == replace(begun)
    code = TOTP(begun.text).at(int(clock.now().timestamp()))
    with pytest.raises(enrolment.TooLate):
        await enrolment.add_totp(world.desk, there, begun.challenge, code, "Phone", VISIT)
    await enrolment.add_totp(world.desk, here, begun.challenge, code, "Phone", VISIT)
    with pytest.raises(enrolment.TooLate):
        await enrolment.add_totp(world.desk, here, begun.challenge, code, "Phone", VISIT)


async def test_known_browsers_end_with_the_rest(world: World) -> None:
    """V7.4.3: after a change, a reset and "everywhere but here" the browser that acts is known and no other; each is listed."""
    here, there = await browser(world), await browser(world)
    agent = world.acme.agent
    async with world.desk.read(agent) as work:
        found = await queries.browsers(work, here)
    # One more is that of the session that the world began with.
    assert [(each.label, each.current) for each in found[:2]] == [(VISIT.label, False), (VISIT.label, True)]
    assert len(found) == 3

    async def forget() -> None:
        await ask_reset(world.desk, EMAIL, VISIT)
        await reset(world.desk, await link(world, "reset", EMAIL), PASSWORD, here)

    for act in (
        lambda: commands.end_other_sessions(world.desk, agent, here, tokens=False),
        lambda: change_password(world.desk, agent, PASSWORD, PASSWORD, here, end_others=False),
        forget,
    ):
        await act()
        assert (await known(world, here), await known(world, there)) == (True, False)
        there = await browser(world)


async def test_an_ended_session_makes_no_browser_known(world: World) -> None:
    """V7.4.3: a sign-in that a reset overtook leaves nothing behind."""
    here = await sign_in(world)
    await people.sign_out(world.desk, here)
    visit = replace(VISIT, device=new_token())
    pool = await world.desk.database.pool("desk_gate")
    row = await pool.fetchrow("select person_id from sec.credential($1)", EMAIL)
    assert row is not None
    kept = "select sec.keep_device($1, $2, $3, '', 'new', '{}')"
    await pool.fetchval(kept, here.session_hash, row["person_id"], visit.device_hash)
    assert not await known(world, visit)


async def browser(world: World) -> Visit:
    """One that signed in."""
    issued = await people.sign_in(world.desk, EMAIL, PASSWORD, world.acme.org, VISIT)
    assert isinstance(issued, Issued)
    return replace(VISIT, device=issued.device)


async def known(world: World, visit: Visit) -> bool:
    pool = await world.desk.database.pool("desk_gate")
    row = await pool.fetchrow("select person_id from sec.credential($1)", EMAIL)
    assert row is not None
    return bool(await pool.fetchval("select sec.knows_device($1, $2)", row["person_id"], visit.device_hash))
