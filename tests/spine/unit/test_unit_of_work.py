"""The unit of work: state and entry together or not at all."""

import asyncio
from hashlib import sha256
from uuid import UUID

import pytest

from scene import Scene, any_version, post
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import KeyReused, NotPermitted, OutsideReach, Overloaded, SignedOut
from sealdesk.core.ids import new_id
from sealdesk.ledger.append import StreamNotHeld
from sealdesk.ledger.events import Event, Stream
from sealdesk.ledger.fsck import fsck
from sealdesk.people import events
from sealdesk.people.commands import sign_out
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from sealdesk.tickets.commands import change_ticket
from sealdesk.tickets.model import Work
from sealdesk.unit import Key, Unguarded, Unrecorded
from world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def counted(world: World) -> dict[str, int]:
    """The rows of every table that a change could write to."""
    connection = await world.superuser()
    rows = await connection.fetch(
        "select schemaname || '.' || tablename as name from pg_tables where schemaname in ('app', 'ledger') or tablename = 'session'"
    )
    counts = {row["name"]: await connection.fetchval(f"select count(*) from {row['name']}") for row in rows}
    await connection.close()
    return counts


def logout(actor: Actor) -> Event:
    return events.signed_out(actor.member)


async def test_a_change_that_asked_for_nothing_is_unguarded(stage: World) -> None:
    before, actor = await counted(stage), stage.acme.agent
    with pytest.raises(Unguarded):
        async with stage.desk.change(actor) as change:
            await change.lock(Stream("user", actor.member))
            change.record(logout(actor))
    assert await counted(stage) == before


async def test_a_change_that_recorded_nothing_is_unrecorded(stage: World, scene: Scene) -> None:
    before = await counted(stage)
    with pytest.raises(Unrecorded):
        async with stage.desk.change(stage.acme.agent) as change:
            change.demand(Permission.TICKET_WORK)
            await change.execute("update app.ticket set priority = 'low'")
    assert await counted(stage) == before
    async with stage.desk.read(stage.acme.agent) as reading:
        assert await reading.value("select priority from app.ticket") == "urgent"


async def test_an_error_leaves_nothing(stage: World) -> None:
    before, actor = await counted(stage), stage.acme.agent
    with pytest.raises(RuntimeError, match="halfway"):
        async with stage.desk.change(actor) as change:
            change.demand(Permission.SESSION_OWN)
            await change.lock(Stream("user", actor.member))
            change.record(logout(actor))
            await change.flush()
            raise RuntimeError("halfway")
    assert await counted(stage) == before


async def test_a_refusal_after_the_key_was_claimed_frees_it(stage: World, scene: Scene) -> None:
    key = Key.of("POST /t", "freed", b"body")
    with pytest.raises(OutsideReach):
        await commands.post_message(stage.desk, stage.acme.agent, scene.foreign, Draft("x"), key=key, origin=None)
    posted = await commands.post_message(
        stage.desk, stage.acme.agent, scene.threads[0], Draft("x"), key=key, origin=None
    )
    assert posted.seq > 1


async def test_an_event_needs_its_stream_locked(stage: World) -> None:
    with pytest.raises(StreamNotHeld):
        async with stage.desk.change(stage.acme.agent) as change:
            change.demand(Permission.SESSION_OWN)
            change.record(logout(stage.acme.agent))


async def test_a_repeat_gives_the_first_answer_and_no_second_effect(stage: World, scene: Scene) -> None:
    key = Key.of("POST /messages", "k-1", b"hello")
    arguments = (stage.desk, stage.acme.requester, scene.threads[0], Draft("hello"))
    first = await commands.post_message(*arguments, key=key, origin=None)
    before = await counted(stage)
    again = await commands.post_message(*arguments, key=key, origin=None)
    assert (again.id, again.entry_id, again.seq, again.body) == (first.id, first.entry_id, first.seq, "hello")
    assert await counted(stage) == before


async def test_a_key_with_another_body_is_refused_and_is_nobody_elses(stage: World, scene: Scene) -> None:
    desk, thread = stage.desk, scene.threads[0]
    await commands.post_message(
        desk, stage.acme.requester, thread, Draft("a"), key=Key.of("r", "k-2", b"a"), origin=None
    )
    with pytest.raises(KeyReused):
        await commands.post_message(
            desk, stage.acme.requester, thread, Draft("b"), key=Key.of("r", "k-2", b"b"), origin=None
        )
    for actor, route in ((stage.acme.agent, "r"), (stage.acme.requester, "other")):
        await commands.post_message(desk, actor, thread, Draft("b"), key=Key.of(route, "k-2", b"b"), origin=None)


async def test_twins_at_once_have_one_effect(stage: World, scene: Scene) -> None:
    before = await counted(stage)
    key = Key("POST /messages", "twins", sha256(b"x").digest())
    answers = await asyncio.gather(
        *(
            commands.post_message(stage.desk, stage.acme.agent, scene.threads[0], Draft("x"), key=key, origin=None)
            for _ in range(20)
        )
    )
    assert len({answer.entry_id for answer in answers}) == 1
    after = await counted(stage)
    assert after["app.message"] == before["app.message"] + 1
    assert after["ledger.entry"] == before["ledger.entry"] + 1


async def test_thirty_two_at_once_stand_in_one_order(stage: World, scene: Scene) -> None:
    actors = (stage.acme.requester, stage.acme.agent, stage.acme.admin)
    posted = await asyncio.gather(*(post(stage, actors[n % 3], scene.threads[0], f"at once {n}") for n in range(32)))
    numbers = sorted(message.seq for message in posted)
    assert numbers == list(range(numbers[0], numbers[0] + 32))
    await stage.seal()
    assert list((await fsck(stage.desk.database, stage.signer)).differences()) == []


async def test_several_streams_in_any_order_do_not_deadlock(stage: World) -> None:
    """`lock` sorts, so that two changes that name the same streams in opposite orders wait for each other in turn."""
    streams = [Stream("user", new_id()) for _ in range(4)]

    async def work(order: list[Stream]) -> None:
        async with stage.desk.change(stage.acme.agent) as change:
            change.demand(Permission.SESSION_OWN)
            await change.lock(*order)
            for stream in order:
                change.record(Event("auth.logout", stream, {}))

    await asyncio.gather(*(work(streams if n % 2 else streams[::-1]) for n in range(24)))
    connection = await stage.superuser()
    found = await connection.fetch(
        "select seq from ledger.stream where stream_id = any ($1)", [stream.id for stream in streams]
    )
    await connection.close()
    assert [row["seq"] for row in found] == [24] * 4


async def test_two_streams_of_one_conversation_do_not_deadlock(stage: World, scene: Scene) -> None:
    thread = scene.threads[1]
    jobs = [
        change_ticket(stage.desk, stage.acme.agent, thread, Work(status=status, priority=priority), any_version)
        for status, priority in [("open", "low"), ("solved", "high")] * 6
    ]
    await asyncio.gather(*jobs, *(post(stage, stage.acme.admin, thread, "note", "internal") for _ in range(6)))


async def test_a_requester_who_works_on_a_ticket_is_refused(stage: World, scene: Scene) -> None:
    for actor, thread, refusal in (
        (stage.acme.stranger, scene.threads[1], NotPermitted),
        (stage.acme.requester, scene.threads[1], OutsideReach),
        (stage.acme.auditor, scene.threads[1], NotPermitted),
        (stage.globex.admin, scene.threads[1], OutsideReach),
    ):
        with pytest.raises(refusal):
            await change_ticket(stage.desk, actor, thread, Work(status="closed"), any_version)


async def test_an_unknown_session_is_signed_out(stage: World) -> None:
    with pytest.raises(SignedOut):
        async with stage.desk.read(Actor(bytes(32), stage.acme.org, stage.acme.agent.member, Role.AGENT)):
            pass


async def test_a_wrong_hint_of_the_role_leads_to_the_right_pool(stage: World) -> None:
    agent = stage.acme.agent
    hinted = Actor(agent.session_hash, agent.org, agent.member, Role.ADMIN, "session", agent.name)
    async with stage.desk.read(hinted) as reading:
        assert reading.actor.role is Role.AGENT
        assert await reading.value("select session_user") == "desk_agent"
        assert await reading.value("select sec.role()") == "agent"


async def test_a_wrong_hint_of_the_organisation_reaches_nothing_of_it(stage: World) -> None:
    agent = stage.acme.agent
    hinted = Actor(agent.session_hash, stage.globex.org, agent.member, Role.AGENT, "session", agent.name)
    async with stage.desk.read(hinted) as reading:
        assert await reading.value("select sec.org()") == stage.acme.org
        assert await reading.rows("select 1 from app.thread where org_id = $1", stage.globex.org) == []


async def test_reading_writes_nothing(stage: World) -> None:
    before = await counted(stage)
    with pytest.raises(Exception, match="read-only transaction"):
        async with stage.desk.read(stage.acme.agent) as reading:
            await reading.value("insert into ledger.pending (org_id, qid) values ($1, 1)", stage.acme.org)
    assert await counted(stage) == before


async def test_a_server_that_dies_before_commit_leaves_the_key_unused(stage: World, scene: Scene) -> None:
    """Kill the backend inside the change, then repeat the request: one effect."""
    actor, key = stage.acme.agent, Key.of("POST /m", "killed", b"x")
    before = await counted(stage)
    with pytest.raises(Overloaded):
        async with stage.desk.change(actor, key) as change:
            change.demand(Permission.SESSION_OWN)
            pid = await change.value("select pg_backend_pid()")
            connection = await stage.superuser()
            await connection.execute("select pg_terminate_backend($1, 5000)", pid)
            await connection.close()
            await change.lock(Stream("user", actor.member))
    assert await counted(stage) == before
    posted = await commands.post_message(stage.desk, actor, scene.threads[0], Draft("x"), key=key, origin=None)
    assert isinstance(posted.id, UUID)


async def test_a_session_that_was_ended_is_dead_at_once(stage: World) -> None:
    await sign_out(stage.desk, stage.globex.auditor)
    with pytest.raises(SignedOut):
        await sign_out(stage.desk, stage.globex.auditor)
