"""Two admins at once: what one begins outlives no ousting, and who decides on somebody decides on what stands."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from counts import count
from members.test_members import differences, last, sql, whatever
from members.test_recovery import enrol, factors, signed_in
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.errors import Overloaded, SignedOut, StateConflict
from sealdesk.members import commands, invitations, queries, recovery, rules
from sealdesk.members.commands import Wanted, change_member
from sealdesk.members.invitations import Newcomer
from sealdesk.people import founding
from sealdesk.people.founding import NewPerson
from world import PASSWORD, World

EMAIL = "agent@acme.test"
RACES = count(6, 200)


async def change(world: World, member: UUID, wanted: Wanted, by: Actor | None = None) -> None:
    await change_member(world.desk, by or world.acme.admin, member, wanted, whatever)


async def invite(world: World, role: Role, by: Actor | None = None, name: str = "Agent") -> UUID:
    return await invitations.invite(world.desk, by or world.acme.admin, Newcomer(EMAIL, name, role))


async def state(world: World, member: UUID) -> tuple[object, ...]:
    found = await sql(
        world,
        "select role, name, active, invited from app.member where org_id = $1 and member_id = $2",
        world.acme.org,
        member,
    )
    return found[0]


async def other_admin(world: World, email: str = "other@acme.test") -> UUID:
    return await founding.add_person(world.desk, world.acme.org, NewPerson(email, "Other", Role.ADMIN, PASSWORD))


async def at_once(*acts: Coroutine[Any, Any, object]) -> list[object]:
    """What came of each; all that may stand in its way is a refusal, and none of them is one of waiting for each other for ever."""
    found = await asyncio.gather(*acts, return_exceptions=True)
    for outcome in found:
        if isinstance(outcome, BaseException):
            assert isinstance(outcome, StateConflict | SignedOut), outcome
            assert not isinstance(outcome, Overloaded)
    return found


async def test_two_invitations_leave_what_the_last_of_them_says(world: World) -> None:
    member = world.acme.agent.member
    await change(world, member, Wanted(active=False))
    for _ in range(RACES):
        await at_once(invite(world, Role.AUDITOR), invite(world, Role.AGENT), invite(world, Role.ADMIN))
        kind, body = await last(world, member)
        assert kind == "member.invited"
        assert (await state(world, member))[0] == body["role"]
    assert await differences(world) == []


async def test_the_same_newcomer_invited_twice_is_one_member(world: World) -> None:
    for number in range(RACES):
        both = [
            invitations.invite(world.desk, world.acme.admin, Newcomer(f"{number}@new.test", "New", role))
            for role in (Role.AGENT, Role.REQUESTER)
        ]
        first, second = await at_once(*both)
        assert first == second
    assert await differences(world) == []


async def test_an_invitation_and_access_given_back_exclude_each_other(world: World) -> None:
    member = world.acme.agent.member
    for _ in range(RACES):
        await change(world, member, Wanted(active=False))
        await at_once(change(world, member, Wanted(active=True)), invite(world, Role.AUDITOR))
        role, _, active, invited = await state(world, member)
        assert active != invited
        assert role == ("agent" if active else "auditor")
        if invited:
            await change(world, member, Wanted(active=False))
            await change(world, member, Wanted(active=True))
        assert (await state(world, member))[0] == "agent"
    assert await differences(world) == []


async def test_a_withdrawn_invitation_leaves_nothing_behind(world: World) -> None:
    """Whoever is given access back has the role that was theirs, not one that somebody once invited them to."""
    member = world.acme.agent.member
    before = await state(world, member)
    await change(world, member, Wanted(active=False))
    await invite(world, Role.ADMIN, name="Somebody Else")
    await invite(world, Role.AUDITOR, name="Another Name")
    await change(world, member, Wanted(active=False))
    assert (await last(world, member))[0] == "member.deactivated"
    await change(world, member, Wanted(active=True))
    assert await state(world, member) == before
    assert await differences(world) == []


async def test_an_accepted_invitation_stays(world: World) -> None:
    member = world.acme.agent.member
    await change(world, member, Wanted(active=False))
    await invite(world, Role.ADMIN)
    await sql(world, "update app.member set active = true, invited = false where member_id = $1", member)
    await sql(world, "delete from sec.before_invitation")
    await change(world, member, Wanted(active=False))
    await change(world, member, Wanted(active=True))
    assert (await state(world, member))[0] == "admin"


async def test_an_invitation_whose_admin_was_put_out_is_told_to_be_over(world: World) -> None:
    other = await other_admin(world)
    await change(world, world.acme.agent.member, Wanted(active=False))
    await invite(world, Role.ADMIN, by=await signed_in(world, "other@acme.test"))
    member = world.acme.agent.member
    async with world.desk.read(world.acme.admin) as work:
        assert await queries.invitation_until(work, member) is not None
    await change(world, other, Wanted(active=False))
    async with world.desk.read(world.acme.admin) as work:
        assert await queries.invitation_until(work, member) is None


Act = Callable[[World, Actor, int], Awaitable[object]]


async def promotes(world: World, admin: Actor, number: int) -> None:
    role = Role.ADMIN if number % 2 == 0 else Role.AGENT
    await change(world, world.acme.agent.member, Wanted(role=role), admin)


async def sets_rules(world: World, admin: Actor, number: int) -> None:
    wanted = rules.SignInRules((), 60 + number, 24)
    await rules.set_sign_in_rules(world.desk, admin, wanted, whatever)


async def allows_a_site(world: World, admin: Actor, number: int) -> None:
    await rules.set_allowed_origins(world.desk, admin, (f"https://n{number}.evil.test",), whatever)


async def ends_sessions(world: World, admin: Actor, _: int) -> None:
    await commands.end_sessions(world.desk, admin, world.acme.agent.member)


async def invites(world: World, admin: Actor, number: int) -> None:
    await invitations.invite(world.desk, admin, Newcomer(f"{number}@own.test", "Own", Role.ADMIN))


async def approves(world: World, admin: Actor, _: int) -> None:
    await recovery.approve(world.desk, admin, world.acme.agent.member, whatever)


@pytest.mark.parametrize("act", [promotes, sets_rules, allows_a_site, ends_sessions, invites, approves])
async def test_an_admin_who_is_put_out_does_nothing_after_that(world: World, act: Act) -> None:
    """T05: by the order of the record whatever they did stands before they were put out."""
    other = await other_admin(world)
    for number in range(RACES):
        if act is approves:
            if not await factors(world, world.acme.agent.member):
                await enrol(world, await signed_in(world))
            with suppress(StateConflict):  # it waits from last time
                await recovery.ask(world.desk, world.acme.admin, world.acme.agent.member, "seen at the desk")
        ousted = await signed_in(world, "other@acme.test")

        async def a_moment_later(number: int = number, ousted: Actor = ousted) -> None:
            await asyncio.sleep(0.002 * (number % 4))
            await act(world, ousted, number)

        await at_once(change(world, other, Wanted(active=False)), a_moment_later())
        rows = await sql(
            world,
            "select type, convert_from(entry, 'UTF8')::jsonb -> 'actor' ->> 'id' = $2 as theirs, stream_id = $3 as about"
            " from ledger.entry where org_id = $1 order by qid",
            world.acme.org,
            str(other),
            other,
        )
        put_out = max(place for place, row in enumerate(rows) if row[2] and row[0] == "member.deactivated")
        acts = [place for place, row in enumerate(rows) if row[1]]
        assert max(acts) < put_out
        await change(world, other, Wanted(active=True))


async def test_ending_all_sessions_and_being_put_out_wait_for_each_other(world: World) -> None:
    """One of them comes first, as it falls; neither is told to come again because the two stood in each other's way."""
    other = await other_admin(world)
    for number in range(6):
        await founding.add_person(
            world.desk, world.acme.org, NewPerson(f"m{number}@acme.test", "M", Role.AGENT, PASSWORD)
        )
    for number in range(3 * RACES):
        here, ousted = await signed_in(world, "admin@acme.test"), await signed_in(world, "other@acme.test")

        async def a_moment_later(number: int = number, here: Actor = here) -> None:
            await asyncio.sleep(0.002 * (number % 6))
            await change(world, other, Wanted(active=False), here)

        ended, put_out = await at_once(commands.end_all_sessions(world.desk, ousted), a_moment_later())
        assert isinstance(ended, int) or put_out is None
        if put_out is None:
            await change(world, other, Wanted(active=True), await signed_in(world, "admin@acme.test"))


async def test_of_two_who_put_each_other_out_one_stays(world: World) -> None:
    admin = world.acme.admin
    other = await other_admin(world)
    for _ in range(RACES):
        here, there = await signed_in(world, "admin@acme.test"), await signed_in(world, "other@acme.test")
        await at_once(
            change(world, other, Wanted(active=False), here), change(world, admin.member, Wanted(active=False), there)
        )
        standing = [member for member in (admin.member, other) if (await state(world, member))[2]]
        assert len(standing) == 1
        email = "admin@acme.test" if standing == [admin.member] else "other@acme.test"
        gone = other if standing == [admin.member] else admin.member
        await change(world, gone, Wanted(active=True), await signed_in(world, email))
    assert await differences(world) == []
