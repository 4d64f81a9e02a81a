"""Switching off, and ending keys, whatever is under way: visitors who arrive, others who end sessions, a process that dies."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from counts import count
from holding import holding, waits
from members.test_members import differences, sign_in, sql
from newcomers import join
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.errors import NotPermitted, OutsideReach, Refusal, SignedOut, Stale
from sealdesk.members import commands as members
from sealdesk.members.rules import set_allowed_origins
from sealdesk.web.tokens import token_hash
from sealdesk.widget import commands, queries, switching
from sealdesk.widget.model import Visiting
from sites import VISIT, Site, switched_on
from widget.test_visits import actor_of, entries
from world import World

STREAM = "select 1 from ledger.stream where org_id = $1 and kind = 'user' and stream_id = $2 for update"


def whatever(_: int) -> None:
    return None


async def enter(world: World, site: Site, email: str = "vera@visitor.test") -> Visiting:
    return await commands.enter_by_identity(world.desk, site.widget, site.token(email), VISIT)


async def off(world: World) -> int:
    return await switching.switch(world.desk, world.acme.admin, on=False, require=whatever)


async def turned(world: World, site: Site) -> Site:
    return Site(site.widget, await switching.turn_key(world.desk, world.acme.admin, whatever), site.audience)


async def other_admin(world: World) -> Actor:
    await join(world.desk, world.acme.org, Role.ADMIN, "other@acme.test")
    return await sign_in(world, "other@acme.test")


async def open_visits(world: World) -> int:
    superuser = await world.superuser()
    found = await superuser.fetchval(
        "select count(*) from sec.session where org_id = $1 and kind = 'visitor' and ended_at is null", world.acme.org
    )
    await superuser.close()
    assert isinstance(found, int)
    return found


async def good(world: World) -> list[int]:
    """The numbers of the keys that a site may sign with."""
    return sorted(await queries.site_keys(world.desk, world.acme.org))


async def refused(work: Awaitable[object]) -> None:
    with pytest.raises(SignedOut):
        await work


async def test_it_works(world: World) -> None:
    """Visits and keys end with the widget; on again, it wants a new key; all of it is on record and told to the operator."""
    first = await switched_on(world, world.acme)
    actor = await actor_of(world, await enter(world, first))
    with capture_logs() as logs:
        await off(world)
    told = [(each["event"], each["owasp"]) for each in logs]
    assert told == [("rules_changed", "authz_change"), ("sessions_revoked", "session_expired")]
    assert (await world.desk.peek(actor.session_hash), await good(world)) == (None, [])
    await switching.switch(world.desk, world.acme.admin, on=True, require=whatever)
    await refused(enter(world, first))
    second = await turned(world, first)
    await enter(world, second)
    await refused(enter(world, first))
    assert await good(world) == [2]
    assert await differences(world) == []


async def test_two_keys_are_good_at_most(world: World) -> None:
    """One that leaked is gone after two turns."""
    first = await switched_on(world, world.acme)
    second = await turned(world, first)
    await enter(world, first)
    third = await turned(world, second)
    await refused(enter(world, first))
    await enter(world, second)
    await enter(world, third)
    assert await good(world) == [2, 3]


async def test_the_former_key_ends_at_once(world: World) -> None:
    """With an entry; where there is none, nothing happens."""
    first = await switched_on(world, world.acme)
    second = await turned(world, first)
    with capture_logs() as logs:
        await switching.end_former_key(world.desk, world.acme.admin)
    assert [each["event"] for each in logs] == ["rules_changed", "site_key_ended"]
    await refused(enter(world, first))
    await enter(world, second)
    before = await entries(world, world.acme.org)
    assert [each["body"] for each in before if each["type"] == "config.changed"][-1] == {"setting": "widget"}
    await switching.end_former_key(world.desk, world.acme.admin)
    assert await entries(world, world.acme.org) == before
    async with world.desk.read(world.acme.admin) as work:
        held, _ = await queries.arrangement(work)
    assert (held.key, held.keys) == (2, (2,))


async def test_whoever_arrives_by_a_key_that_ends_is_not_let_in(world: World) -> None:
    """The key was good when it was looked at, and is not when the visit would begin."""
    first = await switched_on(world, world.acme)
    second = await turned(world, first)
    async with holding(world, "select 1 from sec.site_key where number = 1 for update") as held:
        ending, arriving = await waits(
            held, switching.end_former_key(world.desk, world.acme.admin), enter(world, first)
        )
    await ending
    await refused(arriving)
    assert await open_visits(world) == 0
    await enter(world, second)


@pytest.mark.parametrize("role", ["requester", "agent", "auditor"])
async def test_only_admins_end_keys(world: World, role: str) -> None:
    await turned(world, await switched_on(world, world.acme))
    somebody: Actor = getattr(world.acme, role)
    with pytest.raises(NotPermitted):
        await switching.end_former_key(world.desk, somebody)
    assert await good(world) == [1, 2]


async def test_whoever_arrives_while_it_is_switched_off_is_not_let_in(world: World) -> None:
    """The act stands still in the middle: it waits for the stream of one whose visit ends, and others arrive."""
    site = await switched_on(world, world.acme)
    vera = await actor_of(world, await enter(world, site))
    async with holding(world, STREAM, world.acme.org, vera.member) as held:
        ending, again, new = await waits(
            held, off(world), enter(world, site), enter(world, site, "another@visitor.test")
        )
    await ending
    for arriving in (again, new):
        await refused(arriving)
    assert await open_visits(world) == 0


async def test_whoever_was_on_the_way_in_is_in_and_ends(world: World) -> None:
    site = await switched_on(world, world.acme)
    vera = await actor_of(world, await enter(world, site))
    async with holding(world, STREAM, world.acme.org, vera.member) as held:
        arriving, ending = await waits(held, enter(world, site), off(world))
    visiting = await arriving
    assert isinstance(visiting, Visiting)
    await ending
    assert await world.desk.peek(token_hash(visiting.token)) is None
    told = [each["type"] for each in await entries(world, world.acme.org)]
    assert told[-3:] == ["session.started", "config.changed", "session.revoked"]


async def test_whoever_died_on_the_way_in_was_never_there(world: World) -> None:
    """Stopped before the visit is on record: no session, no member, and nobody whose visit could end."""
    site = await switched_on(world, world.acme)
    superuser = await world.superuser()
    before = await entries(world, world.acme.org)
    known = await superuser.fetchval("select count(*) from ledger.stream")
    async with superuser.transaction():
        await superuser.execute("lock table app.member in share mode")  # nobody becomes a member
        (arriving,) = await waits(superuser, enter(world, site))
        arriving.cancel()
        await asyncio.gather(arriving, return_exceptions=True)
    await off(world)
    assert [each["type"] for each in (await entries(world, world.acme.org))[len(before) :]] == ["config.changed"]
    assert await superuser.fetchval("select count(*) from ledger.stream") == known
    assert await superuser.fetchval("select count(*) from sec.session where kind = 'visitor'") == 0
    assert await superuser.fetchval("select count(*) from sec.person where email = 'vera@visitor.test'") == 0
    await superuser.execute("update sec.arrival set until = now()")
    await superuser.execute("select sec.sweep()")
    assert await superuser.fetchval("select count(*) from sec.arrival") == 0
    await superuser.close()


async def test_nothing_that_ends_sessions_stands_in_its_way(world: World) -> None:
    """Of those who wait for one another none waits for ever: what takes a member's stream has their session next, and off had it first."""
    site = await switched_on(world, world.acme)
    other = await other_admin(world)

    async def leave(actor: Actor) -> None:
        await commands.leave(world.desk, actor)

    async def end_theirs(actor: Actor) -> None:
        await members.end_sessions(world.desk, other, actor.member)

    async def end_all(_: Actor) -> None:
        await members.end_all_sessions(world.desk, world.acme.admin)

    works: list[Callable[[Actor], Coroutine[Any, Any, None]]] = [leave, end_theirs, end_all]
    for work in works:
        await switching.switch(world.desk, world.acme.admin, on=True, require=whatever)
        site = await turned(world, site)
        vera = await actor_of(world, await enter(world, site))
        async with holding(world, STREAM, world.acme.org, vera.member) as held:
            both = await waits(held, work(vera), off(world))
        await asyncio.gather(*both)
        assert await open_visits(world) == 0


async def test_races_leave_nothing_alive_and_nobody_is_told_to_come_again(world: World) -> None:
    """Off, beside all that ends sessions, and visitors old and new who arrive and leave."""
    site, other, chance = await switched_on(world, world.acme), await other_admin(world), random.Random(5)
    for number in range(count(8, 1000)):
        await switching.switch(world.desk, other, on=True, require=whatever)
        site = Site(site.widget, await switching.turn_key(world.desk, other, whatever), site.audience)
        vera, will = [
            await actor_of(world, await enter(world, site, email)) for email in ("vera@visitor.test", "will@x.test")
        ]

        async def later(work: Coroutine[Any, Any, object]) -> object:
            await asyncio.sleep(chance.choice((0, 0, 0.003, 0.006, 0.012, 0.02)))
            return await work

        works: list[Coroutine[Any, Any, object]] = [
            switching.switch(world.desk, other, on=False, require=whatever),
            members.end_all_sessions(world.desk, other),
            members.end_sessions(world.desk, other, vera.member),
            commands.leave(world.desk, will),
            *(enter(world, site, email) for email in ("vera@visitor.test", "will@x.test", f"new{number}@x.test")),
        ]
        found = await asyncio.gather(*map(later, works), return_exceptions=True)
        for outcome in found:
            assert not isinstance(outcome, BaseException) or isinstance(outcome, SignedOut), repr(outcome)
        assert not any(isinstance(outcome, BaseException) for outcome in found[:3])
        assert await open_visits(world) == 0
        if number % 20 == 0:
            await world.seal()
            await sql(world, "delete from sec.counter")  # nobody visits that often in an hour
    assert await differences(world) == []


async def test_a_change_that_is_undone_is_not_told(world: World) -> None:
    """T24: the log says nothing that did not happen."""
    site = await switched_on(world, world.acme)

    def stale(_: int) -> None:
        raise Stale("no")

    with capture_logs() as logs:
        with pytest.raises(Refusal):
            await switching.switch(world.desk, world.acme.admin, on=False, require=stale)
        superuser = await world.superuser()
        await superuser.execute(
            "alter table ledger.entry add constraint is_full check (type <> 'config.changed') not valid"
        )
        for work in (off(world), turned(world, site), set_allowed_origins(world.desk, world.acme.admin, (), whatever)):
            with pytest.raises(Exception, match="is_full"):
                await work
        await superuser.close()
    assert [each for each in logs if each.get("owasp")] == []
    with pytest.raises(OutsideReach):
        await queries.widget_of(world.desk, "nobody's")
    assert (await queries.widget_of(world.desk, site.widget.id)).org == UUID(str(world.acme.org))
