"""Acts that govern hold the role by which they are done: whoever loses it while their request waits is told so, and it is undone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from counts import count
from holding import holding, waits
from members.test_members import VISIT, sign_in, sql, whatever
from newcomers import join
from post import link, waiting
from redactions.test_erasure import place, release
from redactions.test_redaction import said
from sealdesk.abuse.commands import change_lexicon
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.account import email_commands, password_commands
from sealdesk.core.errors import SignedOut, Stale
from sealdesk.members import invitations, rules
from sealdesk.members.commands import Wanted, change_member, end_sessions
from sealdesk.members.invitations import InvitationOver, Newcomer
from sealdesk.redactions import erasure
from sealdesk.widget import switching
from sites import switched_on
from threads.test_states import opened
from world import PASSWORD, World

STREAM = "select 1 from ledger.stream where org_id = $1 and stream_id = $2 for update"


@dataclass(frozen=True)
class Scene:
    """Who is put out while they act, and what on."""

    world: World
    ousted: Actor
    thread: UUID
    message: UUID
    hold: UUID


Act = Callable[[Scene], Awaitable[object]]


async def adds_to_a_lexicon(scene: Scene) -> None:
    await change_lexicon(scene.world.desk, scene.ousted, "threat", "add", ["late"])


async def places_a_hold(scene: Scene) -> None:
    await place(scene.world, scene.thread, scene.ousted)


async def releases_a_hold(scene: Scene) -> None:
    await release(scene.world, scene.thread, scene.hold, scene.ousted)


async def turns_erasure(scene: Scene) -> None:
    await erasure.turn(scene.world.desk, scene.ousted, "ask", "the law", whatever)


async def asks_for_an_erasure(scene: Scene) -> None:
    await erasure.ask(scene.world.desk, scene.ousted, scene.thread, scene.message, "gdpr-17-1", "asked", key=None)


async def sets_rules(scene: Scene) -> None:
    await rules.set_sign_in_rules(scene.world.desk, scene.ousted, rules.SignInRules((), 61, 24), whatever)


async def allows_a_site(scene: Scene) -> None:
    await rules.set_allowed_origins(scene.world.desk, scene.ousted, ("https://late.test",), whatever)


async def switches_the_widget_off(scene: Scene) -> None:
    await switching.switch(scene.world.desk, scene.ousted, on=False, require=whatever)


async def turns_a_key(scene: Scene) -> None:
    await switching.turn_key(scene.world.desk, scene.ousted, whatever)


async def ends_a_key(scene: Scene) -> None:
    await switching.end_former_key(scene.world.desk, scene.ousted)


OF_THE_ORGANISATION: tuple[Act, ...] = (
    adds_to_a_lexicon, turns_erasure, sets_rules, allows_a_site, switches_the_widget_off, turns_a_key, ends_a_key,
)  # fmt: skip
OF_A_CONVERSATION: tuple[Act, ...] = (places_a_hold, releases_a_hold, asks_for_an_erasure)


PUT_OUT = (
    (Wanted(active=False), Wanted(active=True)),
    (Wanted(role=Role.AGENT), Wanted(role=Role.ADMIN)),
)


async def test_it_works(world: World) -> None:
    """T05, T13: all of them in turn, and each is refused, whether its admin was deactivated, lowered, or only signed out."""
    thread = await opened(world)
    message = await said(world, thread)
    hold = await place(world, thread)
    await switched_on(world, world.acme)
    await switching.turn_key(world.desk, world.acme.admin, whatever)
    member = await join(world.desk, world.acme.org, Role.ADMIN, "other@acme.test")
    for number, act in enumerate((*OF_THE_ORGANISATION, *OF_A_CONVERSATION)):
        wanted, back = (*PUT_OUT, (None, None))[number % 3]
        scene = Scene(world, await sign_in(world, "other@acme.test"), thread, message, hold.id)
        stream = world.acme.org if act in OF_THE_ORGANISATION else thread
        async with holding(world, STREAM, world.acme.org, stream) as held:
            (late,) = await waits(held, _done(act, scene))
            if wanted is None:
                await end_sessions(world.desk, world.acme.admin, member)
            else:
                await change_member(world.desk, world.acme.admin, member, wanted, whatever)
            assert not late.done(), act
        with pytest.raises(SignedOut):
            await late
        if back is not None:
            await change_member(world.desk, world.acme.admin, member, back, whatever)
    theirs = "select type from ledger.entry where org_id = $1 and convert_from(entry, 'UTF8')::jsonb -> 'actor' ->> 'id' = $2"
    assert {row[0] for row in await sql(world, theirs, world.acme.org, str(member))} <= {"auth.login", "device.added"}


async def _done(act: Act, scene: Scene) -> None:
    await act(scene)


async def test_an_invitation_ends_with_the_session_that_sends_it(world: World) -> None:
    """T05: a thief's session is ended, and so is the admin whom they were inviting."""
    await join(world.desk, world.acme.org, Role.ADMIN, "other@acme.test")
    thief = await sign_in(world, "other@acme.test")
    asked = Newcomer("mallory@host.test", "Mallory", Role.ADMIN)
    stream = "select pg_advisory_xact_lock(7325433, hashtext($1::text || 'mallory@host.test'))"
    async with holding(world, stream, str(world.acme.org)) as held:
        (late,) = await waits(held, invitations.invite(world.desk, thief, asked))
        await end_sessions(world.desk, world.acme.admin, thief.member)
    with pytest.raises(SignedOut):
        await late
    assert await sql(world, "select count(*) from sec.person where email_norm = 'mallory@host.test'") == [(0,)]


async def test_who_chooses_the_password_is_who_joins(world: World) -> None:
    """T05: two organisations invited one address in two spellings. No link for a password goes to the first, and of two who accept at once
    the second joins nothing under the first one's password."""
    desk = world.desk
    await invitations.invite(desk, world.globex.admin, Newcomer("BEA@host.test", "Mallory", Role.REQUESTER))
    await invitations.invite(desk, world.acme.admin, Newcomer("bea@host.test", "Bea", Role.ADMIN))
    await password_commands.ask_reset(desk, "bea@host.test", VISIT)
    assert [each for each in await waiting(world, "reset") if not each.void] == []
    theirs, ours = await link(world, "invitation", "BEA@host.test"), await link(world, "invitation", "bea@host.test")
    async with holding(world, "select 1 from sec.person where email_norm = 'bea@host.test' for update") as held:
        one, two = await waits(
            held,
            invitations.accept(desk, theirs, "tamarisk and quartz 99", VISIT),
            invitations.accept(desk, ours, "another and its 99 quartz", VISIT),
        )
    ended = await asyncio.gather(one, two, return_exceptions=True)
    assert sorted(isinstance(each, InvitationOver) for each in ended) == [False, True], ended
    joined = await sql(
        world,
        "select org_id from app.member join sec.person using (person_id) where email_norm = 'bea@host.test' and app.member.active",
    )
    assert joined == [(world.acme.org if isinstance(ended[0], InvitationOver) else world.globex.org,)]


async def test_an_invitation_and_a_new_address_meet_in_one_order(world: World) -> None:
    """T05: the address that an invitation was mailed to is taken while it is being accepted: one holds, and neither waits in vain."""
    desk, agent, person = world.desk, world.acme.agent, "select 1 from sec.person where email_norm = $1 for update"
    for number in range(count(2, 50)):
        email = f"bea{number}@host.test"
        await invitations.invite(desk, world.globex.admin, Newcomer(email, "Bea", Role.REQUESTER))
        await email_commands.ask_change(desk, agent, email)
        theirs, address = await link(world, "invitation", email), await link(world, "email", email)
        works = (
            invitations.accept(desk, theirs, "tamarisk and quartz 99", VISIT),
            email_commands.settle_address(desk, address, agent),
        )
        async with holding(world, person, email) as held:
            begun = await waits(held, *(works if number % 2 else works[::-1]))
        ended = await asyncio.gather(*begun, return_exceptions=True)
        over = [each for each in ended if isinstance(each, InvitationOver | email_commands.AddressLinkOver)]
        assert len(over) == 1, ended


async def test_an_old_password_accepts_nothing(world: World) -> None:
    """T05, V7.4.3: whoever was checked against it is told, and no member of another organisation."""
    email, desk = "agent@acme.test", world.desk
    await invitations.invite(desk, world.globex.admin, Newcomer(email, "Agent", Role.REQUESTER))
    token = await link(world, "invitation", email)
    async with holding(world, "select 1 from sec.person where email_norm = $1 for update", email) as held:
        (late,) = await waits(held, invitations.accept(desk, token, PASSWORD, VISIT))
        await held.execute(
            "update sec.person set credential_version = credential_version + 1 where email_norm = $1", email
        )
    with pytest.raises(Stale, match="Your password was changed"):
        await late
    joined = (
        "select count(*) from app.member join sec.person using (person_id) where email_norm = $1 and app.member.active"
    )
    assert await sql(world, joined, email) == [(1,)]


async def test_a_newcomer_half_way_in_is_not_let_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """T05, V7.4.5: between the act that makes them a member and their session, an admin ends what they have open."""
    email, desk = "bea@host.test", world.desk
    await invitations.invite(desk, world.acme.admin, Newcomer(email, "Bea", Role.AGENT))
    (member,) = (await sql(world, "select member_id from app.member where name = 'Bea'"))[0]
    assert isinstance(member, UUID)
    honest = invitations.memberships

    async def late(*given: Any) -> Any:
        await end_sessions(desk, world.acme.admin, member)
        return await honest(*given)

    monkeypatch.setattr(invitations, "memberships", late)
    with pytest.raises(SignedOut):
        await invitations.accept(desk, await link(world, "invitation", email), "tamarisk and quartz 99", VISIT)
    alive = "select count(*) from sec.session where member_id = $1 and kind = 'session' and ended_at is null"
    assert await sql(world, alive, member) == [(0,)]
