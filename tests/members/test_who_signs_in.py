"""Who is a member and signs in to nothing: no staff, no admin to keep, and nobody to mail a new password to."""

import asyncio
from uuid import UUID, uuid4

import pytest

from newcomers import join
from post import waiting
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.account import password_commands as passwords
from sealdesk.core.errors import Refusal, SignedOut, StateConflict, TooMany
from sealdesk.members import commands
from sealdesk.members.commands import Wanted, change_member
from sealdesk.members.model import NotThem
from sealdesk.people import commands as people
from sealdesk.people.sessions import Issued, Visit
from sealdesk.web.tokens import token_hash
from sealdesk.widget import commands as widget
from sites import VISIT, switched_on
from world import PASSWORD, World

WHO = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})


def whatever(_: int) -> None:
    return None


async def visitor(world: World, email: str = "vera@visitor.test") -> UUID:
    """Whoever comes as `email`: their member."""
    site = await switched_on(world, world.acme)
    came = await widget.enter_by_identity(world.desk, site.widget, site.token(email), VISIT)
    actor = await world.desk.peek(token_hash(came.token))
    assert actor is not None
    return actor.member


async def admin(world: World, email: str) -> Actor:
    """One more, signed in."""
    await join(world.desk, world.acme.org, Role.ADMIN, email)
    issued = await people.sign_in(world.desk, email, PASSWORD, None, WHO)
    assert isinstance(issued, Issued)
    return issued.actor


async def sql(world: World, statement: str, *arguments: object) -> None:
    connection = await world.superuser()
    await connection.execute(statement, *arguments)
    await connection.close()


async def test_it_works(world: World) -> None:
    """Whoever has a password is given any role, and mailed a link by who they are."""
    member = world.acme.requester.member
    await change_member(world.desk, world.acme.admin, member, Wanted(role=Role.AGENT), whatever)
    await commands.mail_a_reset(world.desk, world.acme.admin, member)
    (mail,) = await waiting(world, "reset_by_admin")
    assert mail.to == "requester@acme.test"
    assert (await passwords.look_reset(world.desk, mail.token)).email == "requester@acme.test"


@pytest.mark.parametrize("role", [Role.AGENT, Role.ADMIN, Role.AUDITOR])
async def test_a_visitor_is_no_staff(world: World, role: Role) -> None:
    member = await visitor(world)
    with pytest.raises(NotThem, match="Invite them"):
        await change_member(world.desk, world.acme.admin, member, Wanted(role=role), whatever)


async def test_a_reset_is_the_persons_and_no_other_organisations(world: World) -> None:
    """A visitor has nothing to reset, whoever signs in by the same address elsewhere."""
    member = await visitor(world, "agent@globex.test")
    with pytest.raises(NotThem, match="no password"):
        await commands.mail_a_reset(world.desk, world.acme.admin, member)
    assert await waiting(world, "reset") == []


async def test_admins_mail_no_more_links_than_strangers(world: World) -> None:
    """Five an hour by one organisation, twenty by all; strangers use up none of them."""
    member = world.acme.requester.member
    for _ in range(passwords.PER_ASKER):
        await commands.mail_a_reset(world.desk, world.acme.admin, member)
    with pytest.raises(TooMany):
        await commands.mail_a_reset(world.desk, world.acme.admin, member)
    await passwords.ask_reset(world.desk, "requester@acme.test", WHO)
    assert len(await waiting(world, "reset_by_admin")) == passwords.PER_ASKER
    assert len(await waiting(world, "reset")) == passwords.PER_ASKER + 1
    for _ in range(passwords.PER_ACCOUNT - passwords.PER_ASKER):
        await passwords.count_reset(world.desk, "requester@acme.test", uuid4())
    with pytest.raises(TooMany):
        await passwords.count_reset(world.desk, "requester@acme.test", world.globex.org)


@pytest.mark.parametrize("unable", ["visitor", "no password"])
async def test_the_last_admin_who_signs_in_stays(world: World, unable: str) -> None:
    """Neither lowered nor removed, nor both of two at once, while another admin is one on paper alone."""
    if unable == "visitor":
        member = await visitor(world)
    else:
        member = await join(world.desk, world.acme.org, Role.REQUESTER, "bare@acme.test")
        await sql(world, "update sec.person set password_hash = null where email = 'bare@acme.test'")
    # As an earlier version let it be.
    await sql(world, "update app.member set role = 'admin' where member_id = $1", member)
    keeper = world.acme.admin
    for wanted in (Wanted(role=Role.AGENT, myself=True), Wanted(active=False, myself=True)):
        with pytest.raises(StateConflict, match="at least one admin"):
            await change_member(world.desk, keeper, keeper.member, wanted, whatever)
    other = await admin(world, "second@acme.test")
    ended = await asyncio.gather(
        change_member(world.desk, keeper, keeper.member, Wanted(role=Role.AGENT, myself=True), whatever),
        change_member(world.desk, other, other.member, Wanted(active=False, myself=True), whatever),
        return_exceptions=True,
    )
    assert sorted(isinstance(each, Refusal) for each in ended) == [False, True], ended
    left = keeper if isinstance(ended[0], Refusal) else other
    assert not isinstance(ended[0], SignedOut)
    await change_member(world.desk, left, member, Wanted(role=Role.REQUESTER), whatever)
    with pytest.raises(StateConflict, match="at least one admin"):
        await change_member(world.desk, left, left.member, Wanted(active=False, myself=True), whatever)


async def test_a_passkey_alone_is_a_way_in_and_an_app_is_none(world: World) -> None:
    """What counts is a first factor; codes of an app come after one."""
    await join(world.desk, world.acme.org, Role.ADMIN, "bare@acme.test")
    await sql(world, "update sec.person set password_hash = null where email = 'bare@acme.test'")
    factor = (
        "insert into sec.factor (factor_id, person_id, kind, name, secret, credential_id, public_key)"
        " select gen_random_uuid(), person_id,"
    )
    await sql(world, f"{factor} 'totp', 'app', 'x', null, null from sec.person where email = 'bare@acme.test'")
    keeper, lowered = world.acme.admin, Wanted(role=Role.AGENT, myself=True)
    with pytest.raises(StateConflict, match="at least one admin"):
        await change_member(world.desk, keeper, keeper.member, lowered, whatever)
    await sql(world, f"{factor} 'passkey', 'key', null, 'c', 'k' from sec.person where email = 'bare@acme.test'")
    await change_member(world.desk, keeper, keeper.member, lowered, whatever)
