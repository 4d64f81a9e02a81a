"""ASVS V6.4.4: who lost every second factor gets back in when two people of the organisation vouch for who it is, and enrols anew."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import pytest
from pyotp.totp import TOTP

from members.test_members import VISIT, dead, differences, sql, whatever
from post import waiting as mails
from sealdesk.access.actor import Actor, FactorNeeded
from sealdesk.access.permissions import Permission, Role
from sealdesk.account import enrolment
from sealdesk.account import queries as account
from sealdesk.account import tokens_commands as tokens
from sealdesk.core import clock
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, SignedOut, Stale, StateConflict
from sealdesk.members import recovery
from sealdesk.members.model import NotThem
from sealdesk.people import commands as people
from sealdesk.people import founding, happenings
from sealdesk.people.commands import TIME_IS_OVER
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Issued, SecondNeeded
from sealdesk.web.tokens import token_hash
from world import PASSWORD, World

REASON = "seen at the front desk, with her badge"


async def enrol(world: World, actor: Actor) -> tuple[str, ...]:
    """An authenticator app; gives the recovery codes that come with the first."""
    begun = await enrolment.begin_totp(world.desk, actor, VISIT)
    code = TOTP(begun.text).at(int(clock.now().timestamp()))
    return (await enrolment.add_totp(world.desk, actor, begun.challenge, code, "Phone", VISIT)).codes


async def factors(world: World, member: UUID) -> int:
    (row,) = await sql(
        world,
        "select (select count(*) from sec.factor f where f.person_id = m.person_id) from app.member m where member_id = $1",
        member,
    )
    assert isinstance(row[0], int)
    return row[0]


async def signed_in(world: World, email: str = "agent@acme.test") -> Actor:
    found = await people.sign_in(world.desk, email, PASSWORD, world.acme.org, VISIT)
    assert isinstance(found, Issued)
    return found.actor


async def told(world: World, member: UUID) -> list[tuple[str, dict[str, str], int]]:
    """What the record says of it: type, body and how many entries it refers to."""
    async with world.desk.read(world.acme.auditor) as work:
        rows = await work.rows(
            "select entry from ledger.entry where stream_id = $1 and type in ('recovery.asked', 'recovery.approved',"
            " 'recovery.refused', 'credential.changed') order by stream_seq",
            member,
        )
    found = [json.loads(row["entry"]) for row in rows]
    assert REASON not in str(found)
    return [(each["type"], each["body"], len(each["refs"])) for each in found]


async def test_it_works(world: World) -> None:
    """Asked by an admin, approved by an auditor: the factors are gone, all is signed out, the password opens only the way to a new one."""
    admin, auditor, agent = world.acme.admin, world.acme.auditor, world.acme.agent
    member = agent.member
    await enrol(world, agent)
    token, _ = await tokens.issue(world.desk, agent, tokens.Wanted("x", frozenset({"thread.read"}), 9))
    await recovery.ask(world.desk, admin, member, REASON)
    assert [(mail.to, mail.template) for mail in await mails(world, "recovery")] == [
        ("agent@acme.test", "recovery.asked"),
        ("auditor@acme.test", "recovery.waits"),
    ]
    async with world.desk.read(auditor) as work:
        (found,) = await recovery.waiting(work, member)
    assert (found.asker, found.reason, found.asked_by) == ("Admin", REASON, admin.member)
    assert isinstance(await people.sign_in(world.desk, "agent@acme.test", PASSWORD, None, VISIT), SecondNeeded)
    await recovery.approve(world.desk, auditor, member, Exactly(found.version))
    assert await factors(world, member) == 0
    assert await dead(world, agent)
    assert await world.desk.peek(token_hash(token)) is None
    await happenings.settle(world.desk)
    assert [mail.to for mail in await mails(world, "credential.changed/factors_let_go")] == ["agent@acme.test"]
    again = await signed_in(world)
    for permission in (Permission.THREAD_READ, Permission.EXPORT_REQUEST, Permission.API_OWN):
        with pytest.raises(FactorNeeded):
            again.demand(permission)
    await enrol(world, again)
    assert isinstance(await people.sign_in(world.desk, "agent@acme.test", PASSWORD, None, VISIT), SecondNeeded)
    about = {"member": str(member)}
    kinds = await told(world, member)
    assert kinds[2:5] == [
        ("recovery.asked", about, 0),
        ("recovery.approved", about, 1),
        ("credential.changed", {"cause": "factors_let_go"}, 0),
    ]
    assert await differences(world) == []


class Exactly:
    """One version."""

    def __init__(self, version: int) -> None:
        self.version = version

    def __call__(self, version: int) -> None:
        if version != self.version:
            raise Stale


async def test_what_one_person_can_not_do(world: World) -> None:
    """Nor whoever it is for, nor somebody of another organisation, nor twice, nor too late; and SQL as the role can't either."""
    desk, admin, auditor, agent = world.desk, world.acme.admin, world.acme.auditor, world.acme.agent
    with pytest.raises(NotThem):
        await recovery.ask(desk, admin, agent.member, REASON)
    await enrol(world, agent)
    await enrol(world, admin)
    for who, whom, reason, refusal in (
        (admin, agent, " ", BadRequest),
        (admin, admin, REASON, NotPermitted),
        (auditor, agent, REASON, NotPermitted),
        (agent, agent, REASON, NotPermitted),
        (world.globex.admin, agent, REASON, OutsideReach),
    ):
        with pytest.raises(refusal):
            await recovery.ask(desk, who, whom.member, reason)
    with pytest.raises(recovery.NothingWaits):
        await recovery.approve(desk, auditor, agent.member, whatever)
    await recovery.ask(desk, admin, agent.member, REASON)
    with pytest.raises(StateConflict):
        await recovery.ask(desk, admin, agent.member, REASON)
    for who, refusal in (
        (admin, NotPermitted),
        (agent, NotPermitted),
        (world.acme.requester, OutsideReach),
        (world.globex.auditor, OutsideReach),
    ):
        with pytest.raises(refusal):
            await recovery.approve(desk, who, agent.member, whatever)
    async with desk.keep(admin) as connection:
        day = timedelta(days=1)
        assert await connection.fetchval("select sec.approve_recovery($1, $2, $2, $2)", agent.member, day) is None
    with pytest.raises(Stale):
        await recovery.approve(desk, auditor, agent.member, Exactly(0))
    await recovery.refuse(desk, auditor, agent.member, whatever)
    assert (await told(world, agent.member))[-1][0] == "recovery.refused"
    await recovery.ask(desk, admin, agent.member, REASON)
    await sql(world, "update sec.recovery set asked_at = now() - interval '25 hours'")
    with pytest.raises(recovery.NothingWaits):
        await recovery.approve(desk, auditor, agent.member, whatever)
    assert await factors(world, agent.member) == 1
    await too_late(world)


async def too_late(world: World) -> None:
    """Who does not set up a new one in time asks again; the operator can help where nobody else can."""
    await founding.let_in(world.desk, "agent@acme.test", "the only admin is away")
    assert await factors(world, world.acme.agent.member) == 0
    await sql(world, "update sec.person set enrol_by = now() where email_norm = 'agent@acme.test'")
    with pytest.raises(SignedOut, match=TIME_IS_OVER):
        await signed_in(world)
    await recovery.ask(world.desk, world.acme.admin, world.acme.agent.member, REASON)
    await recovery.approve(world.desk, world.acme.auditor, world.acme.agent.member, whatever)
    assert (await signed_in(world)).weak
    async with world.desk.read(world.acme.admin) as work:
        assert len((await account.factors(work)).listed) == 1, "nobody else's are touched"


async def test_each_organisation_of_a_person_has_to_let_go(world: World) -> None:
    """One organisation can't take away what another one relies on; when both agree at once, it is done once."""
    both = NewPerson("agent@acme.test", "Agent", Role.AGENT, PASSWORD)
    there = await founding.add_person(world.desk, world.globex.org, both)
    here = world.acme.agent.member
    await enrol(world, world.acme.agent)
    await recovery.ask(world.desk, world.acme.admin, here, REASON)
    await recovery.approve(world.desk, world.acme.auditor, here, whatever)
    assert await factors(world, here) == 1
    assert not await dead(world, world.acme.agent)
    await happenings.settle(world.desk)
    assert [mail.to for mail in await mails(world, "credential.changed/recovery_waits")] == ["agent@acme.test"]
    await sql(world, "delete from sec.recovery")
    for actor, member in ((world.acme.admin, here), (world.globex.admin, there)):
        await recovery.ask(world.desk, actor, member, REASON)
    await asyncio.gather(
        recovery.approve(world.desk, world.acme.auditor, here, whatever),
        recovery.approve(world.desk, world.globex.auditor, there, whatever),
    )
    assert await factors(world, here) == 0
    assert await sql(world, "select count(*) from sec.recovery") == [(0,)]
    assert await dead(world, world.acme.agent)
