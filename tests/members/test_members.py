"""What admins do to members: each act on record, sessions dead at once, and never an organisation without an admin."""

import asyncio
import json
from decimal import Decimal
from uuid import UUID

import pytest

from newcomers import join
from post import link, waiting
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.errors import NotPermitted, OutsideReach, Refusal, SignedOut, Stale, StateConflict
from sealdesk.ledger.fsck import Difference, fsck
from sealdesk.members import commands, invitations, queries
from sealdesk.members.commands import Wanted, change_member
from sealdesk.members.invitations import Newcomer
from sealdesk.members.model import NotThem, Yourself
from sealdesk.people import commands as people
from sealdesk.people import founding
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Issued, SecondNeeded, Visit
from sealdesk.verification.terminal import with_state
from sealdesk.web.tokens import token_hash
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
CHOSEN = "kettle and two cups"


def whatever(_: int) -> None:
    return None


async def sign_in(world: World, email: str, org: UUID | None = None) -> Actor:
    issued = await people.sign_in(world.desk, email, PASSWORD, org, VISIT)
    assert isinstance(issued, Issued)
    return issued.actor


async def add(world: World, email: str, role: Role) -> Actor:
    await founding.add_person(world.desk, world.acme.org, NewPerson(email, "Added", role, PASSWORD))
    return await sign_in(world, email)


async def sql(world: World, query: str, *arguments: object) -> list[tuple[object, ...]]:
    connection = await world.superuser()
    try:
        return [tuple(row.values()) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def last(world: World, member: UUID) -> tuple[str, dict[str, str]]:
    """Type and body of the newest entry about a member."""
    async with world.desk.read(world.acme.auditor) as work:
        row = await work.row(
            "select type, convert_from(entry, 'UTF8')::jsonb -> 'body' as body from ledger.entry"
            " where stream_id = $1 order by stream_seq desc limit 1",
            member,
        )
    assert row is not None
    return row["type"], json.loads(row["body"])


async def differences(world: World) -> list[Difference]:
    await world.seal()
    report = await fsck(world.desk.database, world.signer, sealer=world.desk.sealer)
    return list((await with_state(world.desk.database, report, None, world.desk.sealer)).differences())


async def dead(world: World, actor: Actor) -> bool:
    try:
        async with world.desk.read(actor):
            return False
    except SignedOut:
        return await world.desk.peek(actor.session_hash) is None


async def test_it_works(world: World) -> None:
    """ASVS V8.3.2: a role is another at commit: the old id is dead, the new one has the new rights; before and after are on record."""
    admin, agent = world.acme.admin, world.acme.agent
    _, after = await change_member(world.desk, admin, agent.member, Wanted(role=Role.AUDITOR), whatever)
    assert (after.role, after.version) == (Role.AUDITOR, 2)
    assert await last(world, agent.member) == (
        "role.changed",
        {"member": str(agent.member), "old": "agent", "new": "auditor"},
    )
    assert await dead(world, agent)
    assert (await sign_in(world, "agent@acme.test")).role is Role.AUDITOR
    (mail,) = await waiting(world, "role.changed")
    assert (mail.to, mail.data["role"]) == ("agent@acme.test", "auditor")
    assert await differences(world) == []


async def test_a_repeat_changes_nothing_and_a_stale_version_is_refused(world: World) -> None:
    admin, agent = world.acme.admin, world.acme.agent

    def first(version: int) -> None:
        if version != 1:
            raise Stale

    await change_member(world.desk, admin, agent.member, Wanted(role=Role.AGENT), first)
    assert not await dead(world, agent)
    await change_member(world.desk, admin, agent.member, Wanted(role=Role.AUDITOR), first)
    with pytest.raises(Stale):
        await change_member(world.desk, admin, agent.member, Wanted(role=Role.AGENT), first)


async def test_only_admins_and_only_in_their_own_organisation(world: World) -> None:
    target = world.acme.agent.member
    for actor in (world.acme.agent, world.acme.auditor):
        with pytest.raises(NotPermitted):
            await change_member(world.desk, actor, target, Wanted(role=Role.ADMIN), whatever)
    with pytest.raises(OutsideReach):
        await change_member(world.desk, world.globex.admin, target, Wanted(role=Role.ADMIN), whatever)
    with pytest.raises(NotPermitted):
        await invitations.invite(world.desk, world.acme.agent, Newcomer("x@y.test", "X", Role.ADMIN))


async def test_deactivated_and_back(world: World) -> None:
    """ASVS V7.4.2: every session of who is deactivated is dead on the next request, and no new one can be had."""
    admin = world.acme.admin
    sessions = [await sign_in(world, "agent@acme.test") for _ in range(3)]
    member = sessions[0].member
    await change_member(world.desk, admin, member, Wanted(active=False), whatever)
    assert all([await dead(world, each) for each in sessions])
    assert (await last(world, member))[0] == "member.deactivated"
    with pytest.raises(SignedOut):
        await sign_in(world, "agent@acme.test")
    with pytest.raises(NotThem):
        await change_member(world.desk, admin, member, Wanted(role=Role.ADMIN), whatever)
    assert await differences(world) == []
    await change_member(world.desk, admin, member, Wanted(active=True), whatever)
    assert (await last(world, member))[0] == "member.reactivated"
    assert not await dead(world, await sign_in(world, "agent@acme.test"))
    assert await differences(world) == []


async def test_an_admin_ends_sessions(world: World) -> None:
    """ASVS V7.4.5: of one member, and of everybody else at once; only in their own organisation."""
    admin = world.acme.admin
    await commands.end_sessions(world.desk, admin, world.acme.agent.member)
    assert await dead(world, world.acme.agent)
    assert await last(world, world.acme.agent.member) == ("session.revoked", {"cause": "admin"})
    assert not await dead(world, world.acme.auditor)
    auditor = world.acme.auditor
    assert await commands.end_all_sessions(world.desk, admin) == 3
    assert await dead(world, auditor)
    assert not await dead(world, admin)
    assert not await dead(world, world.globex.agent)


async def test_an_admin_has_a_reset_mailed_and_never_chooses(world: World) -> None:
    """ASVS V6.4.6: the link goes to the member; nothing the admin gets or could call sets a password."""
    admin, agent = world.acme.admin, world.acme.agent
    before = await sql(world, "select password_hash from sec.person order by 1")
    await commands.mail_a_reset(world.desk, admin, agent.member)
    assert (await last(world, agent.member))[0] == "reset.asked"
    (mail,) = await waiting(world, "reset_by_admin")
    assert mail.to == "agent@acme.test"
    assert await sql(world, "select password_hash from sec.person order by 1") == before
    async with world.desk.keep(admin) as connection:
        await connection.execute("savepoint before")
        for statement in (
            "select sec.reset_password('\\x00', 'x', null)",
            "select * from sec.person",
            "select * from sec.mail",
        ):
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(statement)
            await connection.execute("rollback to before")


async def test_nobody_lowers_themselves_by_accident(world: World) -> None:
    await add(world, "second@acme.test", Role.ADMIN)
    admin = world.acme.admin
    for wanted in (Wanted(role=Role.AGENT), Wanted(active=False)):
        with pytest.raises(Yourself):
            await change_member(world.desk, admin, admin.member, wanted, whatever)
    await change_member(world.desk, admin, admin.member, Wanted(role=Role.AGENT, myself=True), whatever)
    assert await dead(world, admin)


async def test_the_last_admin_stays(world: World) -> None:
    admin = world.acme.admin
    for wanted in (Wanted(role=Role.AGENT, myself=True), Wanted(active=False, myself=True)):
        with pytest.raises(StateConflict, match="at least one admin"):
            await change_member(world.desk, admin, admin.member, wanted, whatever)
    assert not await dead(world, admin)
    assert await differences(world) == []


async def test_what_nobody_recorded_is_named(world: World) -> None:
    """A role, an access or a version edited behind our back."""
    member = world.acme.agent.member
    for column, value in (("role", "'auditor'"), ("active", "false"), ("invited", "true"), ("version", "7")):
        (old,) = await sql(world, f"select {column} from app.member where member_id = $1", member)
        await sql(world, f"update app.member set {column} = {value} where member_id = $1", member)
        (found,) = await differences(world)
        assert (found.table, found.key, found.finding) == ("app.member", str(member), f"state.member.{column}")
        await sql(world, f"update app.member set {column} = $2 where member_id = $1", member, old[0])
    assert await differences(world) == []


async def test_the_list(world: World) -> None:
    async with world.desk.read(world.acme.admin) as work:
        found, more = await queries.members(work)
    assert more is None
    assert {each.email for each in found} == {
        f"{name}@acme.test" for name in ("requester", "stranger", "agent", "admin", "auditor")
    }
    for actor in (world.acme.agent, world.acme.auditor, world.acme.requester):
        async with world.desk.read(actor) as work:
            with pytest.raises(NotPermitted):
                await queries.members(work)


async def test_the_list_by_the_page(world: World) -> None:
    """Each once, in one order, namesakes too; found by name, address or role; another organisation's member leads nowhere."""
    for number in range(7):
        await join(world.desk, world.acme.org, Role.REQUESTER, f"visitor{number}@site.test", "Vera %_ Visitor")
    pages: list[list[str]] = []
    after: UUID | None = None
    while not pages or after is not None:
        async with world.desk.read(world.acme.admin) as work:
            found, after = await queries.members(work, "", after, 5)
        pages.append([each.email for each in found])
    assert [len(page) for page in pages] == [5, 5, 2]
    assert len({each for page in pages for each in page}) == 12
    sought = {"vera %_": 7, "SITE.test": 7, " auditor ": 1, "nobody%": 0, "_": 7}
    async with world.desk.read(world.acme.admin) as work:
        assert {text: len((await queries.members(work, text))[0]) for text in sought} == sought
        with pytest.raises(OutsideReach):
            await queries.members(work, "", world.globex.agent.member)


async def test_a_page_reads_a_page(world: World) -> None:
    """However many members there are, and sessions of all tenants in the last month: what is read is looked up by key."""
    await sql(
        world,
        """with p as (insert into sec.person (person_id, email, email_norm) select gen_random_uuid(), e, e
             from (select 'many' || n || '@acme.test' e from generate_series(1, 3000) n) x returning person_id)
           insert into app.member (org_id, member_id, person_id, role, name)
             select $1, gen_random_uuid(), person_id, 'requester', 'Many' from p""",
        world.acme.org,
    )
    counted = "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) from pg_stat_xact_all_tables where schemaname in ('app', 'sec')"
    async with world.desk.read(world.acme.admin) as work:
        before = await work.value(counted)
        await queries.members(work)
        after = await work.value(counted)
    assert isinstance(before, Decimal)
    assert isinstance(after, Decimal)
    assert 0 < after - before < 1000


async def test_an_invitation(world: World) -> None:
    """ASVS V6.4.1: 256 random bits, for a day, once; the password is the newcomer's own."""
    admin = world.acme.admin
    member = await invitations.invite(world.desk, admin, Newcomer("new@acme.test", "Nia New", Role.AGENT))
    assert (await last(world, member)) == ("member.invited", {"member": str(member), "role": "agent"})
    assert await differences(world) == []
    token = await link(world, "invitation", "new@acme.test")
    assert len(token) == 43
    assert not (await invitations.look(world.desk, token)).known
    assert not (await invitations.look(world.desk, token)).known  # looking uses nothing up
    with pytest.raises(Refusal, match="made of"):
        await invitations.accept(world.desk, token, "nianew2026", VISIT)
    issued = await invitations.accept(world.desk, token, CHOSEN, VISIT)
    assert isinstance(issued, Issued)
    assert (issued.actor.member, issued.actor.role) == (member, Role.AGENT)
    assert (await people.sign_in(world.desk, "new@acme.test", CHOSEN, None, VISIT)) is not None
    types = await sql(world, "select type from ledger.entry where stream_id = $1 order by stream_seq", member)
    assert [row[0] for row in types][:3] == ["member.invited", "member.joined", "auth.login"]
    assert await differences(world) == []
    for other in (token, "x" * 43, "nonsense", ""):
        with pytest.raises(OutsideReach):
            await invitations.accept(world.desk, other, CHOSEN, VISIT)


async def test_an_invitation_again_replaces_the_first_and_a_day_ends_it(world: World) -> None:
    admin, newcomer = world.acme.admin, Newcomer("new@acme.test", "Nia New", Role.AGENT)
    member = await invitations.invite(world.desk, admin, newcomer)
    first = await link(world, "invitation", "new@acme.test")
    assert await invitations.invite(world.desk, admin, Newcomer("NEW@acme.test", "Nia", Role.AUDITOR)) == member
    second = await link(world, "invitation", "NEW@acme.test")
    with pytest.raises(OutsideReach):
        await invitations.look(world.desk, first)
    assert (await invitations.look(world.desk, second)).role is Role.AUDITOR
    assert await differences(world) == []
    await sql(world, "update sec.session set hard_until = now() where kind = 'invitation'")
    with pytest.raises(OutsideReach):
        await invitations.accept(world.desk, second, CHOSEN, VISIT)


async def test_a_withdrawn_invitation(world: World) -> None:
    admin = world.acme.admin
    member = await invitations.invite(world.desk, admin, Newcomer("new@acme.test", "Nia", Role.AGENT))
    token = await link(world, "invitation", "new@acme.test")
    await change_member(world.desk, admin, member, Wanted(active=False), whatever)
    with pytest.raises(OutsideReach):
        await invitations.accept(world.desk, token, CHOSEN, VISIT)
    with pytest.raises(NotThem):
        await change_member(world.desk, admin, member, Wanted(active=True), whatever)
    assert await differences(world) == []


async def test_who_is_known_gives_their_own_password(world: World) -> None:
    """What an admin of one organisation learns of an address is nothing: the act answers alike for known and unknown."""
    admin = world.acme.admin
    known = await invitations.invite(world.desk, admin, Newcomer("agent@globex.test", "Gil", Role.AUDITOR))
    unknown = await invitations.invite(world.desk, admin, Newcomer("nobody@globex.test", "Gil", Role.AUDITOR))
    assert type(known) is type(unknown)
    token = await link(world, "invitation", "agent@globex.test")
    with pytest.raises(SignedOut):
        await invitations.accept(world.desk, token, CHOSEN, VISIT)
    issued = await invitations.accept(world.desk, token, PASSWORD, VISIT)
    assert isinstance(issued, Issued)
    assert (issued.actor.org, issued.actor.role) == (world.acme.org, Role.AUDITOR)
    assert not await dead(world, world.globex.agent)
    with pytest.raises(StateConflict, match="already"):
        await invitations.invite(world.desk, admin, Newcomer("agent@globex.test", "Gil", Role.ADMIN))


async def listed(world: World, member: UUID) -> queries.Listed:
    async with world.desk.read(world.acme.admin) as work:
        return await queries.member(work, member)


async def test_who_is_invited_is_listed_as_typed_until_they_join(world: World) -> None:
    """ASVS V6.3.8: neither the stored spelling nor factors nor a shown address tell that the desk knows somebody elsewhere."""
    admin = world.acme.admin
    await sql(world, "update sec.person set verified_at = now() where email_norm = 'agent@globex.test'")
    await sql(
        world,
        "insert into sec.factor (factor_id, person_id, kind, name, secret) select gen_random_uuid(), person_id, 'totp', 'app', 'x'"
        " from sec.person where email_norm = 'agent@globex.test'",
    )
    seen: list[tuple[str, int, bool]] = []
    for email in ("Agent@Globex.test", "Nobody@Globex.test"):
        member = await invitations.invite(world.desk, admin, Newcomer(email, "Gil", Role.AGENT))
        found = await listed(world, member)
        seen.append((found.email.replace("Nobody", "Agent"), found.factors, found.verified))
    assert seen == [("Agent@Globex.test", 0, False)] * 2
    member = await invitations.invite(world.desk, admin, Newcomer("AGENT@globex.test", "Gil", Role.AGENT))
    assert (await listed(world, member)).email == "AGENT@globex.test"
    token = await link(world, "invitation", "AGENT@globex.test")  # it goes where the list says
    await change_member(world.desk, admin, member, Wanted(active=False), whatever)
    assert (await listed(world, member)).factors == 0  # withdrawn, they are as unknown as before
    await invitations.invite(world.desk, admin, Newcomer("AGENT@globex.test", "Gil", Role.AGENT))
    token = await link(world, "invitation", "AGENT@globex.test")
    assert isinstance(await invitations.accept(world.desk, token, PASSWORD, VISIT), SecondNeeded)
    found = await listed(world, member)
    assert (found.email, found.factors, found.verified) == ("agent@globex.test", 1, True)


async def test_two_accept_at_once(world: World) -> None:
    """One joins; the other's link is over, and the password is the first one's."""
    await invitations.invite(world.desk, world.acme.admin, Newcomer("new@acme.test", "Nia", Role.AGENT))
    token = await link(world, "invitation", "new@acme.test")
    words = ("kettle and two cups", "cups and one kettle")
    ended = await asyncio.gather(
        *(invitations.accept(world.desk, token, word, VISIT) for word in words), return_exceptions=True
    )
    assert sorted(isinstance(each, OutsideReach) for each in ended) == [False, True], ended
    winner = words[0] if isinstance(ended[0], Issued) else words[1]
    assert isinstance(await people.sign_in(world.desk, "new@acme.test", winner, None, VISIT), Issued)


async def test_an_invitations_token_opens_nothing_else(world: World) -> None:
    member = await invitations.invite(world.desk, world.acme.admin, Newcomer("new@acme.test", "Nia", Role.ADMIN))
    token = token_hash(await link(world, "invitation", "new@acme.test"))
    assert await world.desk.peek(token) is None
    guest = Actor(token, world.acme.org, member, Role.ADMIN, kind="invitation")
    with pytest.raises(NotPermitted):
        await change_member(world.desk, guest, world.acme.agent.member, Wanted(role=Role.ADMIN), whatever)
