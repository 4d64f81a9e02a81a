"""What a conversation can be, and with whom: each change has its reason, its entry and its effect."""

import json
from typing import Any
from uuid import UUID

import pytest

from members.test_members import differences
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, StateConflict
from sealdesk.threads import commands, queries, states
from sealdesk.threads.model import Draft, Thread, ThreadLocked
from sealdesk.threads.queries import Cursor, Happening
from sealdesk.threads.states import Act, State
from sealdesk.tickets.commands import open_request
from sealdesk.unit import Key
from world import World

ACTS: tuple[Act, ...] = ("lock", "unlock", "close", "reopen", "escalate", "deescalate")


async def opened(world: World) -> UUID:
    return await open_request(world.desk, world.acme.requester, "Hi", Draft("first"), "portal", key=None, origin=None)


async def do(world: World, thread: UUID, act: Act, by: Actor | None = None) -> State:
    return await states.change_state(world.desk, by or world.acme.agent, thread, act, "legal", f"why {act}")


async def post(world: World, by: Actor, thread: UUID, body: str, visibility: str = "public", key: str = "") -> None:
    made = Key.of("POST /messages", key or body, body.encode())
    await commands.post_message(world.desk, by, thread, Draft(body, visibility), key=made, origin=None)


async def entries(world: World, thread: UUID, kind: str = "thread") -> list[dict[str, Any]]:
    async with world.desk.read(world.acme.auditor) as work:
        rows = await work.rows(
            "select entry from ledger.entry where stream_id = $1 and stream_kind = $2 order by stream_seq", thread, kind
        )
    return [json.loads(row["entry"]) for row in rows]


async def seen(world: World, by: Actor, thread: UUID) -> list[tuple[str, str]]:
    """Types and reasons in the timeline of a reader, but for messages."""
    async with world.desk.read(by) as work:
        found = await queries.timeline(work, thread, Cursor())
    return [(item.stored.type, item.note) for item in found.items if isinstance(item, Happening)]


async def test_it_works(world: World) -> None:
    """Each act and its opposite: the state, one entry each, its reason in the timeline, and what it answers."""
    thread = await opened(world)
    assert await do(world, thread, "lock") == State(locked=True, closed=False, escalated=False)
    assert await do(world, thread, "unlock") == State(locked=False, closed=False, escalated=False)
    assert await do(world, thread, "close") == State(locked=False, closed=True, escalated=False)
    assert await do(world, thread, "reopen", world.acme.requester) == State(False, False, False)
    assert await do(world, thread, "escalate") == State(locked=False, closed=False, escalated=True)
    assert await do(world, thread, "deescalate") == State(locked=False, closed=False, escalated=False)
    public, internal = await entries(world, thread), await entries(world, thread, "ticket")
    assert [each["type"] for each in public[2:]] == [
        "thread.locked", "thread.unlocked", "thread.closed", "thread.reopened",
    ]  # fmt: skip
    assert [each["type"] for each in internal[-2:]] == ["thread.escalated", "thread.deescalated"]
    ids = {each["type"]: each["id"] for each in (*public, *internal)}
    answered = {each["type"]: [ref["id"] for ref in each["refs"]] for each in (*public, *internal)}
    assert answered["thread.unlocked"] == [ids["thread.locked"]]
    assert answered["thread.reopened"] == [ids["thread.closed"]]
    assert answered["thread.escalated"] == [ids["message.posted"]]
    assert answered["thread.deescalated"] == [ids["thread.escalated"]]
    told = await seen(world, world.acme.agent, thread)
    assert ("thread.locked", "why lock") in told
    assert ("thread.escalated", "why escalate") in told
    assert await differences(world) == []


async def test_whoever_gave_the_cause_does_not_learn_of_an_escalation(world: World) -> None:
    """Not in the timeline, not in the state, not in the cursor, and not by SQL under their own login."""
    thread, requester = await opened(world), world.acme.requester
    async with world.desk.read(requester) as work:
        before = (await queries.timeline(work, thread, Cursor())).cursor.written(staff=False)
    await do(world, thread, "escalate")
    async with world.desk.read(requester) as work:
        found = await queries.timeline(work, thread, Cursor())
        state = await states.state_of(work, await work.find(Thread, thread, Permission.THREAD_READ))
    assert found.cursor.written(staff=False) == before
    assert not state.escalated
    assert [type_ for type_, _ in await seen(world, requester, thread)] == ["thread.created"]
    pool = await world.desk.database.pool("desk_requester")
    with pytest.raises(Exception, match="permission denied"):
        await pool.fetch("select * from app.escalation")


@pytest.mark.parametrize("act", ACTS)
async def test_a_repeat_leaves_no_entry(world: World, act: Act) -> None:
    thread = await opened(world)
    opposite: dict[Act, Act] = {"unlock": "lock", "reopen": "close", "deescalate": "escalate"}
    if act in opposite:
        await do(world, thread, opposite[act])
    after = await do(world, thread, act)
    count = len(await entries(world, thread)) + len(await entries(world, thread, "ticket"))
    assert await do(world, thread, act) == after
    assert len(await entries(world, thread)) + len(await entries(world, thread, "ticket")) == count


async def test_who_may_and_who_reaches(world: World) -> None:
    thread = await opened(world)
    for act in ACTS:
        with pytest.raises(NotPermitted):
            await do(world, thread, act, world.acme.auditor)
        for outsider in (world.acme.stranger, world.globex.agent, world.globex.requester):
            with pytest.raises(OutsideReach):
                await do(world, thread, act, outsider)
        if act != "reopen":
            with pytest.raises(NotPermitted):
                await do(world, thread, act, world.acme.requester)


@pytest.mark.parametrize("reason", ["", " \n\u200b ", "x" * 1001, "é" * 501])
async def test_a_reason_is_needed(world: World, reason: str) -> None:
    thread = await opened(world)
    with pytest.raises(BadRequest):
        await states.change_state(world.desk, world.acme.agent, thread, "lock", "other", reason)
    with pytest.raises(BadRequest):
        await states.change_participant(
            world.desk, world.acme.agent, thread, world.acme.stranger.member, reason, present=True
        )
    assert [each["type"] for each in await entries(world, thread)] == ["thread.created", "message.posted"]


async def test_writing_opens_again_what_was_closed(world: World) -> None:
    """In one transaction; the key stands for the message; a note leaves it closed."""
    thread, requester = await opened(world), world.acme.requester
    await do(world, thread, "close")
    await post(world, world.acme.agent, thread, "among us", "internal")
    assert (await entries(world, thread))[-1]["type"] == "thread.closed"
    for _ in range(2):
        await post(world, requester, thread, "still broken", key="once")
    types = [each["type"] for each in await entries(world, thread)]
    assert types == ["thread.created", "message.posted", "thread.closed", "thread.reopened", "message.posted"]
    async with world.desk.read(requester) as work:
        assert not (await work.find(Thread, thread, Permission.THREAD_READ)).closed
    assert await differences(world) == []


async def test_a_locked_one_is_not_opened_by_writing(world: World) -> None:
    thread = await opened(world)
    await do(world, thread, "close")
    await do(world, thread, "lock")
    for by, visibility in (
        (world.acme.requester, "public"),
        (world.acme.agent, "public"),
        (world.acme.admin, "internal"),
    ):
        with pytest.raises(ThreadLocked):
            await post(world, by, thread, f"{by.role} {visibility}", visibility)
    assert (await entries(world, thread))[-1]["type"] == "thread.locked"


async def test_participants_come_and_go(world: World) -> None:
    """Reach follows at once, both ways; each has its entry; staff and strangers are none."""
    thread, agent, stranger = await opened(world), world.acme.agent, world.acme.stranger

    async def change(member: UUID, *, present: bool, by: Actor = agent) -> None:
        await states.change_participant(world.desk, by, thread, member, "asked for it", present=present)

    for _ in range(2):
        await change(stranger.member, present=True)
    await post(world, stranger, thread, "hello")
    async with world.desk.read(agent) as work:
        assert {name for _, name in await states.participants(work, thread)} == {"Requester", "Stranger"}
        assert await states.candidates(work, thread) == ()
    for _ in range(2):
        await change(stranger.member, present=False)
    with pytest.raises(OutsideReach):
        await post(world, stranger, thread, "still there?")
    told = [(each["type"], each["body"]) for each in await entries(world, thread) if "participant" in each["type"]]
    body = {"member": str(stranger.member), "role": "requester"}
    assert told == [("participant.added", body), ("participant.removed", body)]
    with pytest.raises(StateConflict):
        await change(world.acme.auditor.member, present=True)
    for nobody in (world.globex.requester.member, UUID(int=7)):
        with pytest.raises(BadRequest):
            await change(nobody, present=True)
    with pytest.raises(NotPermitted):
        await change(stranger.member, present=True, by=world.acme.requester)
    assert await differences(world) == []
