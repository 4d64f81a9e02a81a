"""What is under way when a credential changes or a session ends: nothing that began before it outlives it (ASVS V7.4.1, V7.4.3)."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from pyotp.totp import TOTP

from counts import count
from holding import holding, waits
from post import link
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.account import commands as account
from sealdesk.account import email_commands, enrolment, tokens_commands
from sealdesk.account.password_commands import ask_reset, change_password, reset
from sealdesk.account.tokens_commands import Wanted
from sealdesk.core import clock
from sealdesk.core.errors import SignedOut
from sealdesk.members import commands as members
from sealdesk.people import commands, confirming, founding, second
from sealdesk.people.factors import Shown, WrongFactor
from sealdesk.people.founding import NewPerson
from sealdesk.people.passkeys import Party
from sealdesk.people.sessions import Choice, Issued, SecondNeeded, Visit
from sealdesk.web.tokens import new_token, token_hash
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""}, bound=b"p" * 32)
PARTY = Party("https://desk.test", "desk.test")
NEXT = "kettle and two cups"
EMAIL = "agent@acme.test"
PERSON = "select from sec.person where email_norm = 'agent@acme.test' for update"
STREAM = "select from ledger.stream where stream_id = $1 for update"


async def change(world: World, old: str, new: str) -> None:
    await change_password(world.desk, world.acme.agent, old, new, VISIT, end_others=True)


async def forget(world: World, old: str, new: str) -> None:
    del old
    await ask_reset(world.desk, EMAIL, VISIT)
    await reset(world.desk, await link(world, "reset", EMAIL), new, VISIT)


async def test_a_password_that_was_right_before_opens_nothing_after(world: World) -> None:
    """V7.4.3: whoever was checked against the old one and is still on the way in is not let in, nor asked for the rest."""
    for renew, old, new in ((change, PASSWORD, NEXT), (forget, NEXT, f"{NEXT} more")):
        known = await commands.authenticate(world.desk, EMAIL, old, VISIT)
        await renew(world, old, new)
        for factors in (0, 1):
            with pytest.raises(SignedOut):
                await commands.go_on(world.desk, replace(known, factors=factors), None, VISIT)
        assert isinstance(await commands.sign_in(world.desk, EMAIL, new, None, VISIT), Issued)


async def test_a_session_that_is_being_opened_ends_too(world: World) -> None:
    """V7.4.3: the new password waits for it, and ends it."""
    opening = "select sec.open_session($1, $2, $3, $4, '1 hour', '1 hour', 'password', '', null)"
    for renew, old, new in ((change, PASSWORD, NEXT), (forget, NEXT, f"{NEXT} more")):
        known = await commands.authenticate(world.desk, EMAIL, old, VISIT)
        token = token_hash(new_token())
        async with holding(world, opening, token, known.person, known.version, world.acme.org) as connection:
            (renewing,) = await waits(connection, renew(world, old, new))
        await renewing
        assert await world.desk.peek(token) is None


async def test_sign_ins_beside_a_reset(world: World) -> None:
    """V7.4.3: however they fall, none with the old password is alive afterwards."""
    passwords = [PASSWORD, *(f"{NEXT} {number}" for number in range(count(2, 50)))]
    for old, new in pairwise(passwords):
        async with holding(world, "select") as connection:
            await connection.execute("delete from sec.counter")  # or soon nobody is let in at all
        await ask_reset(world.desk, EMAIL, VISIT)
        token = await link(world, "reset", EMAIL)
        tries = (commands.sign_in(world.desk, EMAIL, old, None, VISIT) for _ in range(9))
        _, *found = await asyncio.gather(reset(world.desk, token, new, VISIT), *tries, return_exceptions=True)
        opened = [each.actor for each in found if isinstance(each, Issued)]
        assert [await world.desk.peek(actor.session_hash) for actor in opened] == [None] * len(opened)


async def test_what_an_ended_session_began_comes_to_nothing(world: World) -> None:
    """V7.4.1: a token, a session in another organisation or a factor would outlive it."""
    agent = world.acme.agent
    await founding.add_person(world.desk, world.globex.org, NewPerson(EMAIL, "Agent", Role.REQUESTER, "unused words"))
    begun = await enrolment.begin_totp(world.desk, agent, VISIT)
    seed = TOTP(begun.text)
    works = (
        tokens_commands.issue(world.desk, agent, Wanted("x", frozenset({"thread.read"}), 1)),
        account.switch_organisation(world.desk, agent, world.globex.org),
        enrolment.add_totp(world.desk, agent, begun.challenge, seed.at(int(clock.now().timestamp())), "Phone", VISIT),
    )
    async with holding(world, PERSON) as connection:
        tasks = await waits(connection, *works)
        await connection.execute("update sec.session set ended_at = now() where hash = $1", agent.session_hash)
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(found, SignedOut)
    connection = await world.superuser()
    left = "select (select count(*) from sec.session where kind = 'token'), (select count(*) from sec.factor)"
    try:
        assert tuple((await connection.fetch(left))[0].values()) == (0, 0)
    finally:
        await connection.close()


async def test_what_an_ended_session_takes_away_stays(world: World) -> None:
    """V7.4.1: whoever was shown out a moment ago changes no password, and takes no session, factor or code from who showed them out."""
    agent, desk = world.acme.agent, world.desk
    works = (
        change_password(desk, agent, PASSWORD, NEXT, VISIT, end_others=True, end_tokens=True),
        account.end_other_sessions(desk, agent, VISIT, tokens=True),
        account.end_session(desk, agent, uuid4()),
        account.vouch(desk, agent, uuid4()),
        account.remove_factor(desk, agent, uuid4()),
        account.renew_codes(desk, agent),
        tokens_commands.revoke(desk, agent, await token_of(world)),
        email_commands.ask_change(desk, agent, "thief@host.test"),
        email_commands.drop_change(desk, agent),
        email_commands.ask_verification(desk, agent),
    )
    for work in works:
        async with holding(world, PERSON) as connection:
            (late,) = await waits(connection, work)
            await connection.execute("update sec.session set ended_at = now() where hash = $1", agent.session_hash)
        with pytest.raises(SignedOut):
            await late
        async with holding(world, PERSON) as connection:
            await connection.execute("update sec.session set ended_at = null where hash = $1", agent.session_hash)


async def token_of(world: World) -> UUID:
    """A token of the agent's."""
    _, shown = await tokens_commands.issue(world.desk, world.acme.agent, Wanted("x", frozenset({"thread.read"}), 1))
    return shown.id


async def test_an_old_password_confirms_nothing(world: World) -> None:
    """V7.5.1: judged before the change, used after it."""
    there = await commands.sign_in(world.desk, EMAIL, PASSWORD, None, VISIT)
    assert isinstance(there, Issued)
    async with holding(world, STREAM, world.acme.agent.member) as connection:
        works = (
            change_password(world.desk, world.acme.agent, PASSWORD, NEXT, VISIT, end_others=False),
            confirming.confirm(world.desk, there.actor, PASSWORD, "", Shown(PARTY), VISIT),
        )
        changing, confirmed = await waits(connection, *works)
    await changing
    with pytest.raises(WrongFactor):
        await confirmed


async def test_half_a_sign_in_ends_with_the_rest(world: World) -> None:
    """V6.6.2, V7.4.3: what was posed on a password does not outlast its change, nor what else puts strangers out."""
    agent, admin = world.acme.agent, world.acme.admin
    await founding.add_person(world.desk, world.globex.org, NewPerson(EMAIL, "Agent", Role.REQUESTER, "unused words"))
    password = PASSWORD

    async def with_a_factor_less() -> None:
        begun = await enrolment.begin_totp(world.desk, agent, VISIT)
        code = TOTP(begun.text).at(int(clock.now().timestamp()))
        await enrolment.add_totp(world.desk, agent, begun.challenge, code, "Phone", VISIT)
        connection = await world.superuser()
        factor = await connection.fetchval("select factor_id from sec.factor")
        await connection.close()
        await account.remove_factor(world.desk, agent, factor)

    for act in (
        lambda: change_password(world.desk, agent, PASSWORD, NEXT, VISIT, end_others=False),
        lambda: account.end_other_sessions(world.desk, agent, VISIT, tokens=False),
        with_a_factor_less,
        lambda: members.end_sessions(world.desk, admin, agent.member),
    ):
        asked = await commands.sign_in(world.desk, EMAIL, password, None, VISIT)
        assert isinstance(asked, Choice)
        await act()
        with pytest.raises(SignedOut):
            await commands.choose(world.desk, asked.challenge, world.acme.org, VISIT)
        password = NEXT
    # What an organisation ends is its own: they are half way into another one, and get in there.
    asked = await commands.sign_in(world.desk, EMAIL, password, None, VISIT)
    assert isinstance(asked, Choice)
    await members.end_sessions(world.desk, admin, agent.member)
    await members.end_all_sessions(world.desk, admin)
    assert isinstance(await commands.choose(world.desk, asked.challenge, world.globex.org, VISIT), Issued)
    began = await commands.sign_in(world.desk, EMAIL, password, world.acme.org, VISIT)
    assert isinstance(began, Issued)
    seed = await enrolment.begin_totp(world.desk, began.actor, VISIT)
    app = TOTP(seed.text)
    await enrolment.add_totp(
        world.desk, began.actor, seed.challenge, app.at(int(clock.now().timestamp())), "App", VISIT
    )
    for org, inside in ((world.acme.org, False), (world.globex.org, True)):
        asked = await commands.sign_in(world.desk, EMAIL, password, org, VISIT)
        assert isinstance(asked, SecondNeeded)
        await members.end_sessions(world.desk, admin, agent.member)
        code = app.at(int(clock.now().timestamp()) + (30 if inside else 0))
        answer = second.answer_second(world.desk, asked.challenge, Shown(PARTY, code=code), None, VISIT)
        if inside:
            assert isinstance(await answer, Issued)
        else:
            with pytest.raises(SignedOut):
                await answer


async def test_signing_out_is_not_outrun(world: World) -> None:
    """V7.4.1: by a confirmation that gives the session another token, nor by a switch that goes on elsewhere."""
    await founding.add_person(world.desk, world.globex.org, NewPerson(EMAIL, "Agent", Role.REQUESTER, "unused words"))

    def confirm(actor: Actor) -> Coroutine[None, None, Issued]:
        return confirming.confirm(world.desk, actor, PASSWORD, "", Shown(PARTY), VISIT)

    def switch(actor: Actor) -> Coroutine[None, None, Issued]:
        return account.switch_organisation(world.desk, actor, world.globex.org)

    leaver = replace(VISIT, label="leaver")
    for act in (confirm, switch):
        here = await commands.sign_in(world.desk, EMAIL, PASSWORD, world.acme.org, leaver)
        assert isinstance(here, Issued)
        async with holding(world, STREAM, here.actor.member) as connection:
            works = (act(here.actor), commands.sign_out(world.desk, here.actor))
            acting, leaving = await waits(connection, *works)
        found, _ = await asyncio.gather(acting, leaving, return_exceptions=True)
        assert isinstance(found, Issued | SignedOut)
        assert not isinstance(found, Issued) or await world.desk.peek(token_hash(found.token)) is None
    connection = await world.superuser()
    assert not await connection.fetch("select from sec.session where ended_at is null and label = 'leaver'")
    await connection.close()


async def test_all_others_means_those_on_the_way_too(world: World) -> None:
    """V7.4.3: a session that goes on in another organisation, not committed yet, is waited for and ended; and by its first id as well."""
    await founding.add_person(world.desk, world.globex.org, NewPerson(EMAIL, "Agent", Role.REQUESTER, "unused words"))
    agent, globex, going = world.acme.agent, world.globex.org, "select from sec.person where email_norm = $1 for share"
    for by_id in (False, True):
        other = await commands.sign_in(world.desk, EMAIL, PASSWORD, world.acme.org, VISIT)
        assert isinstance(other, Issued)
        old, new = other.actor.session_hash, token_hash(new_token())
        async with holding(world, going, EMAIL) as connection:
            await connection.execute("update sec.session set ended_at = now() where hash = $1", old)
            await connection.execute(
                "insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, family_id)"
                " select $1, 'session', m.org_id, m.member_id, '1 hour', now() + interval '1 hour', s.family_id"
                " from app.member m join app.member n using (person_id) join sec.session s on s.member_id = n.member_id"
                " where m.org_id = $2 and s.hash = $3",
                new,
                globex,
                old,
            )
            assert other.actor.session_id is not None
            (ending,) = await waits(
                connection,
                account.end_session(world.desk, agent, other.actor.session_id)
                if by_id
                else account.end_other_sessions(world.desk, agent, VISIT, tokens=False),
            )
        await ending
        assert await world.desk.peek(new) is None
        assert await world.desk.peek(agent.session_hash) is not None
