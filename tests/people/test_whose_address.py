"""Whose an address is: letters that only resemble others let nobody in, and mail goes where it is said to go."""

from uuid import UUID

import asyncpg
import pytest

from post import link, waiting
from sealdesk.access.permissions import Role
from sealdesk.account import password_commands as passwords
from sealdesk.core.errors import BadRequest, OutsideReach, SignedOut
from sealdesk.members import invitations, queries
from sealdesk.members.invitations import Newcomer
from sealdesk.people import commands as people
from sealdesk.people import founding
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Issued, Visit
from sealdesk.threads import commands as threads
from sealdesk.threads.model import Draft
from sealdesk.web.tokens import token_hash
from sealdesk.widget import commands as widget
from sites import VISIT, Site, mails, switched_on
from world import PASSWORD, World

WHO = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
CHOSEN = "tamarisk and quartz 99"


async def sql(world: World, query: str, *arguments: object) -> list[tuple[object, ...]]:
    connection = await world.superuser()
    try:
        return [tuple(row.values()) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def add(world: World, email: str, role: Role = Role.REQUESTER) -> UUID:
    return await founding.add_person(world.desk, world.acme.org, NewPerson(email, "Anna", role, PASSWORD))


async def visitor(world: World, site: Site, email: str) -> UUID:
    """Whoever comes as `email` by the site's word: their member."""
    came = await widget.enter_by_identity(world.desk, site.widget, site.token(email), VISIT)
    actor = await world.desk.peek(token_hash(came.token))
    assert actor is not None
    return actor.member


async def test_it_works(world: World) -> None:
    """The address is found whatever its capitals, and the code goes to it as it is stored, not as it was typed."""
    site = await switched_on(world, world.acme)
    member = await add(world, "Anna@straße.test")
    challenge = await widget.ask_code(world.desk, site.widget, "ANNA@STRAẞE.test", "")
    (mail,) = await mails(world)
    assert mail.to == "Anna@straße.test"
    came = await widget.enter_by_code(world.desk, site.widget, challenge, mail.data["code"], VISIT)
    actor = await world.desk.peek(token_hash(came.token))
    assert actor is not None
    assert actor.member == member


async def test_no_code_and_no_word_for_one_address_lets_in_as_another(world: World) -> None:
    site = await switched_on(world, world.acme)
    anna = await add(world, "anna@strasse.test")
    issued = await people.sign_in(world.desk, "anna@strasse.test", PASSWORD, None, WHO)
    assert isinstance(issued, Issued)
    theirs = await threads.open_thread(world.desk, issued.actor, "Private", Draft("s"), "api", key=None, origin=None)
    challenge = await widget.ask_code(world.desk, site.widget, "anna@straße.test", "Mallory")
    (mail,) = await mails(world)
    assert mail.to == "anna@straße.test"
    came = await widget.enter_by_code(world.desk, site.widget, challenge, mail.data["code"], VISIT)
    actor = await world.desk.peek(token_hash(came.token))
    assert actor is not None
    assert actor.member not in (anna, await visitor(world, site, "anna@strasse.test"))
    assert actor.member == await visitor(world, site, "anna@STRAẞE.test")
    with pytest.raises(OutsideReach):
        await threads.post_message(world.desk, actor, theirs, Draft("x"), key=None, origin=None)
    for email in ("ſam@acme.test", "ａnna@strasse.test"):
        with pytest.raises(BadRequest, match="plain letters"):
            await widget.ask_code(world.desk, site.widget, email, "")
        with pytest.raises(SignedOut):
            await widget.enter_by_identity(world.desk, site.widget, site.token(email), VISIT)


async def test_a_code_that_went_to_another_spelling_opens_nothing(world: World) -> None:
    """A host may keep Vera and vera apart: of two first visits, who comes second is not let in by what they read elsewhere."""
    site = await switched_on(world, world.acme)
    asked = {
        email: await widget.ask_code(world.desk, site.widget, email, "")
        for email in ("Vera@host.test", "vera@host.test")
    }
    codes = {mail.to: mail.data["code"] for mail in await mails(world)}
    await widget.enter_by_code(world.desk, site.widget, asked["Vera@host.test"], codes["Vera@host.test"], VISIT)
    with pytest.raises(SignedOut):
        await widget.enter_by_code(world.desk, site.widget, asked["vera@host.test"], codes["vera@host.test"], VISIT)
    await widget.ask_code(world.desk, site.widget, "vera@host.test", "")
    assert (await mails(world))[-1].to == "Vera@host.test"


@pytest.mark.parametrize("planted", ["bea@straße.test", "BEA@strasse.test"])
async def test_an_invitation_goes_where_the_page_says(world: World, planted: str) -> None:
    """Whatever another organisation invited before, and whoever accepts that one afterwards."""
    await invitations.invite(world.desk, world.globex.admin, Newcomer(planted, "Mallory", Role.REQUESTER))
    member = await invitations.invite(world.desk, world.acme.admin, Newcomer("bea@strasse.test", "Bea", Role.AGENT))
    async with world.desk.read(world.acme.admin) as work:
        assert (await queries.member(work, member)).email == "bea@strasse.test"
    theirs, ours = await waiting(world, "invitation")
    assert (theirs.to, ours.to) == (planted, "bea@strasse.test")
    assert (await invitations.look(world.desk, ours.token)).email == "bea@strasse.test"
    assert isinstance(await invitations.accept(world.desk, ours.token, CHOSEN, WHO), Issued)
    async with world.desk.read(world.acme.admin) as work:
        assert (await queries.member(work, member)).email == "bea@strasse.test"
    await passwords.ask_reset(world.desk, "bea@strasse.test", WHO)
    assert [mail.to for mail in await waiting(world, "reset")] == ["bea@strasse.test"]
    if planted == "BEA@strasse.test":  # one person, whose password is known to its owner alone
        with pytest.raises(SignedOut):
            await invitations.accept(world.desk, theirs.token, "another and its 99 quartz", WHO)


async def test_who_is_added_by_the_operator_has_the_address_that_was_said(world: World) -> None:
    await invitations.invite(world.desk, world.globex.admin, Newcomer("BEA@host.test", "Mallory", Role.REQUESTER))
    member = await add(world, "bea@host.test", Role.AGENT)
    async with world.desk.read(world.acme.admin) as work:
        assert (await queries.member(work, member)).email == "bea@host.test"
    await passwords.ask_reset(world.desk, "BEA@host.test", WHO)
    assert [mail.to for mail in await waiting(world, "reset")] == ["bea@host.test"]


async def test_a_visitor_is_nobody_who_signs_in(world: World) -> None:
    """Decision 21: neither the key of before nor the one of now is anybody's address, at any door."""
    site, acme = await switched_on(world, world.acme), world.acme.org
    member = await visitor(world, site, "vera@visitor.test")
    (key,) = await sql(
        world, "select email_norm from sec.person join app.member using (person_id) where member_id = $1", member
    )
    for email in (f"visitor/{acme}/vera@visitor.test", str(key[0])):
        await passwords.ask_reset(world.desk, email, WHO)
        with pytest.raises(SignedOut):
            await people.sign_in(world.desk, email, PASSWORD, None, WHO)
        assert not await founding.knows(world.desk, f"visitor/{acme}/vera@visitor.test")
    assert [mail for mail in await waiting(world, "reset") if not mail.void] == []
    pool = await world.desk.database.pool("desk_gate")
    assert await pool.fetchrow("select * from sec.credential($1)", key[0]) is None
    await pool.execute(
        "select sec.mail_link($1, 'reset', $2, interval '1 hour', gen_random_uuid(), $3)", b"r" * 32, key[0], bytes(29)
    )
    assert await pool.fetchval("select sec.reset_password($1, 'x', null)", b"r" * 32) is None
    (person,) = await sql(world, "select person_id from app.member where member_id = $1", member)
    assert (
        await pool.fetchval(
            "select sec.open_session($1, $2, 1, $3, '1 h', '1 h', 'password', '', null)", b"o" * 32, person[0], acme
        )
        is None
    )
    for statement in (
        "update sec.person set password_hash = 'x' where person_id = $1",
        "update sec.person set email_norm = 'visitor vera@visitor.test' where person_id = $1",
        "update sec.person set email_norm = 'vera @visitor.test' where person_id = $1",
        "insert into sec.factor (factor_id, person_id, kind, name, secret) values (gen_random_uuid(), $1, 'totp', 'app', 'x')",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await sql(world, statement, person[0])


async def test_nobody_owns_a_visitors_person_beforehand(world: World) -> None:
    """What another organisation invites under the former key is an odd address of its own, and no visitor's."""
    site, email = await switched_on(world, world.acme), f"visitor/{world.acme.org}/future@victim.test"
    await invitations.invite(world.desk, world.globex.admin, Newcomer(email, "F", Role.REQUESTER))
    token = await link(world, "invitation", email)
    assert isinstance(await invitations.accept(world.desk, token, CHOSEN, WHO), Issued)
    member = await visitor(world, site, "future@victim.test")
    signed_in = await people.sign_in(world.desk, email, CHOSEN, None, WHO)
    assert isinstance(signed_in, Issued)
    assert signed_in.actor.org == world.globex.org
    owners = "select count(distinct person_id) from app.member where member_id = any ($1)"
    assert await sql(world, owners, [member, signed_in.actor.member]) == [(2,)]
    with pytest.raises(BadRequest):
        key = f"visitor {world.acme.org} future@victim.test"
        await invitations.invite(world.desk, world.globex.admin, Newcomer(key, "F", Role.REQUESTER))
