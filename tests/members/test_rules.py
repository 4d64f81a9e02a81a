"""Rules of signing in and allowed sites: on record with before and after, in force at once."""

import asyncio
import json
from datetime import timedelta

import pytest

from sealdesk.access.actor import FactorNeeded
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest, NotPermitted, Refusal, SignedOut, Stale
from sealdesk.ledger.fsck import Difference, fsck
from sealdesk.members import rules
from sealdesk.members.rules import SignInRules, set_allowed_origins, set_sign_in_rules
from sealdesk.people import commands as people
from sealdesk.people.sessions import Issued, Visit
from sealdesk.verification.terminal import with_state
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})


def fresh(version: int) -> None:
    if version:
        raise Stale


def whatever(_: int) -> None:
    return None


async def differences(world: World) -> list[Difference]:
    await world.seal()
    report = await fsck(world.desk.database, world.signer, sealer=world.desk.sealer)
    return list((await with_state(world.desk.database, report, None, world.desk.sealer)).differences())


async def sql(world: World, query: str, *arguments: object) -> list[tuple[object, ...]]:
    connection = await world.superuser()
    try:
        return [tuple(row.values()) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def test_it_works(world: World) -> None:
    """ASVS V6.3.3: a role that needs a second factor can do nothing without one, from the next request on; others go on."""
    admin, agent = world.acme.admin, world.acme.agent
    asked = SignInRules((Role.AGENT,), 30, 8)
    assert await set_sign_in_rules(world.desk, admin, asked, fresh) == 1
    async with world.desk.read(admin) as work:
        assert await rules.sign_in_rules(work) == (asked, 1)
    weak = await world.desk.peek(agent.session_hash)
    assert weak is not None
    with pytest.raises(FactorNeeded):
        weak.demand(Permission.THREAD_READ)
    weak.demand(Permission.SESSION_OWN)
    other = await world.desk.peek(world.acme.requester.session_hash)
    assert other is not None
    other.demand(Permission.THREAD_READ)
    issued = await people.sign_in(world.desk, "agent@acme.test", PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    assert issued.actor.weak
    lives = await sql(
        world,
        "select distinct idle_for, hard_until - created_at < interval '8 hours 1 second' from sec.session where org_id = $1",
        world.acme.org,
    )
    assert lives == [(timedelta(minutes=30), True)]
    assert await differences(world) == []


async def test_before_and_after_are_on_record(world: World) -> None:
    admin = world.acme.admin
    await set_sign_in_rules(world.desk, admin, SignInRules((), 60, 24), fresh)
    await set_sign_in_rules(world.desk, admin, SignInRules((Role.ADMIN,), 60, 24), whatever)
    await set_sign_in_rules(world.desk, admin, SignInRules((Role.ADMIN,), 60, 24), whatever)  # as it is: no entry
    with pytest.raises(Stale):
        await set_sign_in_rules(world.desk, admin, SignInRules((), 60, 24), fresh)
    async with world.desk.read(world.acme.auditor) as work:
        rows = await work.rows(
            "select convert_from(entry, 'UTF8')::jsonb as entry from ledger.entry where type = 'config.changed' order by stream_seq"
        )
        entries = [json.loads(row["entry"]) for row in rows]
        assert [entry["body"] for entry in entries] == [{"setting": "sign_in"}] * 2
        commits = {slot["slot"]: bytes.fromhex(slot["commit"]) for slot in entries[1]["content"]}
        opened = await work.open(commits.values())
    told = {slot: json.loads(opened[commit].content) for slot, commit in commits.items()}
    assert (told["old"]["second_factor"], told["new"]["second_factor"]) == ([], ["admin"])


async def test_a_session_that_the_new_rules_end_is_dead(world: World) -> None:
    await sql(
        world,
        "update sec.session set created_at = now() - interval '3 hours' where hash = $1",
        world.acme.agent.session_hash,
    )
    await set_sign_in_rules(world.desk, world.acme.admin, SignInRules((), 60, 2), fresh)
    with pytest.raises(SignedOut):
        async with world.desk.read(world.acme.agent):
            pass


async def test_allowed_sites(world: World) -> None:
    admin = world.acme.admin
    listed = ("https://shop.example", "https://a.example:8443", "https://shop.example")
    assert await set_allowed_origins(world.desk, admin, listed, fresh) == 1
    async with world.desk.read(admin) as work:
        assert await rules.allowed_origins(work) == (("https://a.example:8443", "https://shop.example"), 1)
    for wrong in (
        "http://shop.example",
        "https://shop.example/",
        "https://*.example",
        "https://Shop.example",
        "null",
        "https://x",
        "https://a.b@c.example",
    ):
        with pytest.raises(BadRequest):
            await set_allowed_origins(world.desk, admin, (wrong,), whatever)
    with pytest.raises(BadRequest):
        await set_sign_in_rules(world.desk, admin, SignInRules((), 4, 24), whatever)
    with pytest.raises(BadRequest, match="without use"):
        await set_sign_in_rules(world.desk, admin, SignInRules((), 61, 1), whatever)
    assert await differences(world) == []


async def test_only_admins_and_in_production_they_need_a_second_factor(world: World) -> None:
    """ASVS V6.3.3: until an organisation's admins set otherwise, which is on record."""
    await sql(world, "update sec.deployment set environment = 'production'")
    for email, weak in (("admin@acme.test", True), ("agent@acme.test", False)):
        issued = await people.sign_in(world.desk, email, PASSWORD, None, VISIT)
        assert isinstance(issued, Issued)
        assert issued.actor.weak is weak
    async with world.desk.read(world.acme.admin) as work:
        assert await rules.sign_in_rules(work) == (SignInRules((Role.ADMIN,)), 0)
    for actor in (world.acme.agent, world.acme.auditor, world.acme.requester):
        with pytest.raises(NotPermitted):
            await set_sign_in_rules(world.desk, actor, SignInRules(), whatever)


async def test_two_at_once_do_not_undo_each_other(world: World) -> None:
    """The one that comes second did not see what it would replace: it is refused."""
    admin = world.acme.admin
    ended = await asyncio.gather(
        *(set_sign_in_rules(world.desk, admin, SignInRules((), minutes, 24), fresh) for minutes in (10, 20)),
        return_exceptions=True,
    )
    assert sorted(isinstance(each, Refusal) for each in ended) == [False, True], ended


async def test_what_nobody_recorded_is_named(world: World) -> None:
    """A rule edited, added or taken away behind our back."""
    admin = world.acme.admin
    await set_sign_in_rules(world.desk, admin, SignInRules((Role.ADMIN,), 60, 24), fresh)
    await sql(world, """update app.setting set value = jsonb_set(value, '{second_factor}', '[]')""")
    (found,) = await differences(world)
    assert (found.table, found.key, found.finding) == ("app.setting", "sign_in", "state.setting.value")
    await sql(world, "delete from app.setting")
    (found,) = await differences(world)
    assert found.finding == "state.setting.missing"
    await sql(
        world,
        "insert into app.setting (org_id, name, value, commit) values ($1, 'allowed_origins', '[]', $2)",
        world.globex.org,
        bytes(32),
    )
    assert {each.finding for each in await differences(world)} == {"state.setting.missing", "state.setting.unrecorded"}
