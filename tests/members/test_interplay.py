"""Where features meet: a first second factor, other organisations, lost factors, invited addresses, and what is open meanwhile."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from pyotp.totp import TOTP

from members.test_members import VISIT, dead, differences, last, sql, whatever
from members.test_recovery import enrol, factors, signed_in
from post import link
from sealdesk.access.actor import Actor, ConfirmFirst
from sealdesk.access.permissions import Role
from sealdesk.account import commands as account
from sealdesk.account import email_commands, enrolment
from sealdesk.account import tokens_commands as tokens
from sealdesk.account.password_commands import WrongCurrent, ask_reset, change_password, reset
from sealdesk.core import clock
from sealdesk.core.errors import SignedOut, TooMany
from sealdesk.members import commands, invitations, recovery, rules
from sealdesk.members.invitations import Newcomer
from sealdesk.people import commands as people
from sealdesk.people import confirming, founding, second
from sealdesk.people.factors import Shown
from sealdesk.people.founding import NewPerson
from sealdesk.people.passkeys import Party
from sealdesk.people.sessions import Issued, SecondNeeded
from sealdesk.web.tokens import token_hash
from world import PASSWORD, World

EMAIL = "agent@acme.test"
PARTY = Party("https://desk.test", "desk.test")


async def in_both(world: World) -> None:
    await founding.add_person(world.desk, world.globex.org, NewPerson(EMAIL, "Agent", Role.REQUESTER, "unused words"))


async def gone_on(world: World, actor: Actor, *, back: bool = False) -> Actor:
    org = world.acme.org if back else world.globex.org
    return (await account.switch_organisation(world.desk, actor, org)).actor


async def with_code(world: World, code: str) -> Actor:
    """Signed in by the password and a recovery code."""
    begun = await people.sign_in(world.desk, EMAIL, PASSWORD, world.acme.org, VISIT)
    assert isinstance(begun, SecondNeeded)
    found = await second.answer_second(world.desk, begun.challenge, Shown(PARTY, code), None, VISIT)
    assert isinstance(found, Issued)
    return found.actor


def shown_now(seed: str) -> str:
    return TOTP(seed).at(int(clock.now().timestamp()))


async def test_a_first_factor_shows_out_who_came_in_without_one(world: World) -> None:
    """ASVS V6.3.3, V7.4.3: nobody who showed the password alone is in any more, in any organisation, nor half in."""
    await in_both(world)
    owner, other = await signed_in(world), await signed_in(world)
    token, _ = await tokens.issue(world.desk, other, tokens.Wanted("theirs", frozenset({"thread.read"}), 365))
    elsewhere = await gone_on(world, await signed_in(world))
    begun = await enrolment.begin_totp(world.desk, other, VISIT)
    await enrol(world, owner)
    assert await dead(world, other)
    assert await dead(world, elsewhere)
    assert await world.desk.peek(token_hash(token)) is None
    assert not await dead(world, owner)
    with pytest.raises((SignedOut, enrolment.TooLate)):
        await enrolment.add_totp(world.desk, other, begun.challenge, "000000", "Theirs", VISIT)
    assert isinstance(await people.sign_in(world.desk, EMAIL, PASSWORD, None, VISIT), SecondNeeded)
    assert await dead(world, world.acme.agent)
    assert await differences(world) == []


async def test_a_second_one_leaves_them(world: World) -> None:
    here = await signed_in(world)
    codes = await enrol(world, here)
    there = await with_code(world, codes[0])
    assert await enrol(world, here) == ()
    assert not await dead(world, there)


@pytest.mark.parametrize(("rules", "age", "left"), [('{"idle_minutes": 5}', 6, 3), ('{"absolute_hours": 1}', 61, 58)])
async def test_a_switch_does_not_make_a_session_young(world: World, rules: str, age: int, left: int) -> None:
    """ASVS V7.3.1, V7.3.2: what may have ended there by now is confirmed first, in use or not; then it lives as is right."""
    await in_both(world)
    here = await signed_in(world)
    await sql(
        world,
        "insert into app.setting (org_id, name, value, commit) values ($1, 'sign_in', $2::text::jsonb, sha256('x'))",
        world.globex.org,
        rules,
    )
    aged = (
        "update sec.session set confirmed_at = now() - make_interval(mins => $2), seen_at = now() where session_id = $1"
    )
    await sql(world, aged, here.session_id, age)
    with pytest.raises(ConfirmFirst):
        await gone_on(world, here)
    assert not await dead(world, here)
    await sql(world, aged, here.session_id, left)
    there = await gone_on(world, here)
    ends = "select hard_until - confirmed_at, idle_for from sec.session where session_id = $1"
    (row,) = await sql(world, ends, there.session_id)
    assert row[0] == timedelta(hours=1) or row[1] == timedelta(minutes=5)


async def test_what_an_admin_ended_does_not_come_back_from_elsewhere(world: World) -> None:
    """ASVS V7.4.5, T05: a session that had gone on in another organisation has to be confirmed before it is back, in whatever role."""
    await in_both(world)
    away = await gone_on(world, await signed_in(world))
    await commands.change_member(
        world.desk, world.acme.admin, world.acme.agent.member, commands.Wanted(role=Role.AUDITOR), whatever
    )
    with pytest.raises(ConfirmFirst):
        await gone_on(world, away, back=True)
    assert isinstance(await people.sign_in(world.desk, EMAIL, PASSWORD, world.acme.org, VISIT), Issued)


@pytest.mark.parametrize("shown", ["in signing in", "in a session", "as a new one"])
async def test_a_factor_that_is_shown_ends_the_way_back(world: World, shown: str) -> None:
    """ASVS V6.4.4: what two people vouch for is that every factor was lost."""
    member, here = world.acme.agent.member, await signed_in(world)
    codes = await enrol(world, here)
    await recovery.ask(world.desk, world.acme.admin, member, "seen at the desk")
    async with world.desk.read(world.acme.auditor) as work:
        assert len(await recovery.waiting(work, member)) == 1
    match shown:
        case "in signing in":
            await with_code(world, codes[0])
        case "in a session":
            challenge, _ = await confirming.pose(world.desk, here, VISIT)
            await confirming.confirm(world.desk, here, PASSWORD, challenge, Shown(PARTY, codes[0]), VISIT)
        case _:
            await enrol(world, here)
    async with world.desk.read(world.acme.auditor) as work:
        assert await recovery.waiting(work, member) == []
    assert await factors(world, member) == 1 + (shown == "as a new one")


async def test_the_time_to_enrol_is_that_of_open_sessions_too(world: World) -> None:
    """ASVS V6.4.4: no session outlives it, and after it none adds a factor."""
    member = world.acme.agent.member
    await sql(
        world,
        "update sec.person p set enrol_by = now() + interval '1 hour' from app.member m"
        " where m.person_id = p.person_id and m.member_id = $1",
        member,
    )
    here = await signed_in(world)
    (row,) = await sql(world, "select hard_until - now() from sec.session where session_id = $1", here.session_id)
    assert isinstance(row[0], timedelta)
    assert row[0] <= timedelta(hours=1)
    begun = await enrolment.begin_totp(world.desk, here, VISIT)
    await sql(
        world,
        "update sec.person p set enrol_by = now() from app.member m where m.person_id = p.person_id and m.member_id = $1",
        member,
    )
    with pytest.raises(SignedOut):
        await enrolment.add_totp(world.desk, here, begun.challenge, shown_now(begun.text), "Late", VISIT)
    assert await factors(world, member) == 0


async def test_an_invited_address_is_whose_mail_it_is(world: World) -> None:
    """Inviting an address takes it away from nobody; the invitation leads nowhere once its owner has shown that it is theirs."""
    await invitations.invite(world.desk, world.globex.admin, Newcomer("new@acme.test", "New", Role.AGENT))
    invitation = await link(world, "invitation", "new@acme.test")
    here = await signed_in(world)
    await email_commands.ask_change(world.desk, here, "new@acme.test")
    await email_commands.settle_address(world.desk, await link(world, "email", "new@acme.test"), here)
    assert isinstance(await people.sign_in(world.desk, "new@acme.test", PASSWORD, world.acme.org, VISIT), Issued)
    with pytest.raises(invitations.InvitationOver):
        await invitations.look(world.desk, invitation)
    assert await differences(world) == []


async def test_an_invitation_to_another_role_says_so(world: World) -> None:
    """Whoever comes back as something else has an entry with before and after."""
    member = world.acme.agent.member
    await commands.change_member(world.desk, world.acme.admin, member, commands.Wanted(active=False), whatever)
    assert await invitations.invite(world.desk, world.acme.admin, Newcomer(EMAIL, "Agent", Role.ADMIN)) == member
    rows = await sql(
        world,
        "select convert_from(entry, 'UTF8')::jsonb -> 'body' ->> 'old', convert_from(entry, 'UTF8')::jsonb -> 'body' ->> 'new'"
        " from ledger.entry where stream_id = $1 and type = 'role.changed'",
        member,
    )
    assert rows == [("agent", "admin")]
    assert (await last(world, member))[0] == "member.invited"
    assert await differences(world) == []


async def test_a_reset_opens_a_locked_account(world: World) -> None:
    """Guesses, somebody else's or one's own in a browser that is known, keep out nobody who reads the owner's mail."""
    issued = await people.sign_in(world.desk, EMAIL, PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    for visit in (VISIT, replace(VISIT, device=issued.device)):
        for _ in range(10):
            with pytest.raises(SignedOut):
                await people.sign_in(world.desk, EMAIL, "a wrong passphrase", None, visit)
        with pytest.raises(TooMany):
            await people.sign_in(world.desk, EMAIL, PASSWORD, None, visit)
    await ask_reset(world.desk, EMAIL, VISIT)
    await reset(world.desk, await link(world, "reset", EMAIL), "kettle and two cups", visit)
    for each in (VISIT, visit):
        assert isinstance(await people.sign_in(world.desk, EMAIL, "kettle and two cups", None, each), Issued)


async def test_what_has_expired_stays_so_when_rules_get_looser(world: World) -> None:
    """ASVS V7.3.1: a session that was idle for too long has ended, whatever the rule is afterwards."""
    here = await signed_in(world)
    await sql(
        world,
        "update sec.session set idle_for = interval '5 minutes', seen_at = now() - interval '1 hour' where session_id = $1",
        here.session_id,
    )
    await rules.set_sign_in_rules(world.desk, world.acme.admin, rules.SignInRules((), 720, 24), whatever)
    assert await dead(world, here)


async def test_what_an_admin_left_behind_is_void(world: World) -> None:
    """Nobody's word counts for what they may not ask any more: neither an invitation nor a recovery that waits."""
    admin, member = world.acme.admin, world.acme.agent.member
    other = await founding.add_person(
        world.desk, world.acme.org, NewPerson("other@acme.test", "Other", Role.ADMIN, PASSWORD)
    )
    second_admin = await signed_in(world, "other@acme.test")
    await enrol(world, await signed_in(world))
    await recovery.ask(world.desk, second_admin, member, "so they say")
    await invitations.invite(world.desk, second_admin, Newcomer("own@evil.test", "Own", Role.ADMIN))
    invitation = await link(world, "invitation", "own@evil.test")
    await commands.change_member(world.desk, admin, other, commands.Wanted(active=False), whatever)
    async with world.desk.read(admin) as work:
        assert await recovery.waiting(work, member) == []
    with pytest.raises(invitations.InvitationOver):
        await invitations.look(world.desk, invitation)


async def test_nothing_of_an_ousted_admin_slips_through(world: World) -> None:
    """At once: whatever they began stands before they were put out, and is void with that, or never was."""
    admin = world.acme.admin
    other = await founding.add_person(
        world.desk, world.acme.org, NewPerson("other@acme.test", "Other", Role.ADMIN, PASSWORD)
    )
    ousted = await signed_in(world, "other@acme.test")
    for number in range(4):
        inviting = (
            invitations.invite(world.desk, ousted, Newcomer(f"{number}-{each}@evil.test", "Own", Role.ADMIN))
            for each in range(6)
        )
        ousting = commands.change_member(world.desk, admin, other, commands.Wanted(active=False), whatever)
        await asyncio.gather(*inviting, ousting, return_exceptions=True)
        alive = "select count(*) from sec.session where kind = 'invitation' and ended_at is null and made_by = $1"
        assert await sql(world, alive, other) == [(0,)]
        await commands.change_member(world.desk, admin, other, commands.Wanted(active=True), whatever)
        ousted = await signed_in(world, "other@acme.test")


async def test_whoever_was_invited_at_most_gets_the_password_that_an_operator_sets(world: World) -> None:
    await invitations.invite(world.desk, world.globex.admin, Newcomer("new@acme.test", "New", Role.AGENT))
    assert not await founding.knows(world.desk, "new@acme.test")
    await founding.add_person(
        world.desk, world.acme.org, NewPerson("new@acme.test", "New", Role.AGENT, "kettle and two cups")
    )
    assert isinstance(
        await people.sign_in(world.desk, "new@acme.test", "kettle and two cups", world.acme.org, VISIT), Issued
    )


async def test_guesses_at_the_password_are_counted_over_organisations(world: World) -> None:
    """ASVS V6.3.1: to go on elsewhere does not begin a new count."""
    await in_both(world)
    here = await signed_in(world)
    for number in range(10):
        with pytest.raises(WrongCurrent):
            await change_password(world.desk, here, f"wrong {number}", "kettle and two cups", VISIT, end_others=False)
        here = await gone_on(world, here, back=number % 2 == 1)
    with pytest.raises(TooMany):
        await change_password(world.desk, here, PASSWORD, "kettle and two cups", VISIT, end_others=False)
