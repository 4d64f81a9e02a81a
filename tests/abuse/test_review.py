"""Deciding what was flagged: who may, what it leaves, and that one decision wins."""

import asyncio
from uuid import UUID

import pytest

from members.test_members import differences
from sealdesk.abuse import queries
from sealdesk.abuse.commands import Decision, decide
from sealdesk.abuse.model import Decided
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach
from sealdesk.threads.model import Thread
from sealdesk.threads.states import state_of
from watching import entries, flagged, flags, opened
from world import World


async def waiting(world: World) -> UUID:
    return await flagged(world, world.acme.requester, await opened(world))


@pytest.mark.parametrize("decision", ["confirmed", "dismissed"])
async def test_it_works(world: World, decision: Decision) -> None:
    """The entry names the flag's, who decided and why; the escalation stands until somebody takes it back."""
    thread = await opened(world)
    flag = await flagged(world, world.acme.requester, thread)
    await decide(world.desk, world.acme.agent, flag, decision, "  I asked them ")
    assert await flags(world) == []
    (found,) = await flags(world, standing=decision)
    assert found.flag.id == flag
    (entry,) = await entries(world, f"abuse.{decision}")
    assert entry["actor"] == {"kind": "agent", "id": str(world.acme.agent.member)}
    assert (entry["body"], entry["stream"]["kind"]) == ({"flag": str(flag)}, "ticket")
    assert [ref["id"] for ref in entry["refs"]] == [str(found.flag.entry_id)]
    async with world.desk.read(world.acme.agent) as work:
        opened_slot = await work.open([bytes.fromhex(each["commit"]) for each in entry["content"]])
        assert b"I asked them" in {each.content for each in opened_slot.values()}
        assert (await state_of(work, await work.find(Thread, thread, Permission.THREAD_READ))).escalated
    assert await differences(world) == []


async def test_one_of_two_decisions_wins(world: World) -> None:
    flag = await waiting(world)

    async def attempt(by: Actor, decision: Decision) -> str:
        try:
            await decide(world.desk, by, flag, decision, "seen")
        except Decided:
            return "late"
        return decision

    both: list[tuple[Actor, Decision]] = [(world.acme.agent, "confirmed"), (world.acme.admin, "dismissed")]
    outcomes = await asyncio.gather(*(attempt(by, decision) for by, decision in both * 3))
    assert outcomes.count("late") == 5
    assert len(await entries(world, "abuse.confirmed", "abuse.dismissed")) == 1
    assert await differences(world) == []


async def test_who_may_and_who_reaches(world: World) -> None:
    flag = await waiting(world)
    for actor in (world.acme.auditor, world.acme.requester, world.globex.requester):
        with pytest.raises(NotPermitted):
            await decide(world.desk, actor, flag, "dismissed", "x")
    for outsider in (world.globex.agent, world.globex.admin):
        with pytest.raises(OutsideReach):
            await decide(world.desk, outsider, flag, "dismissed", "x")
    assert len(await flags(world, world.acme.auditor)) == 1
    assert await flags(world, world.globex.agent) == []
    with pytest.raises(NotPermitted):
        await flags(world, world.acme.requester)
    async with world.desk.read(world.globex.auditor) as work:
        with pytest.raises(OutsideReach):
            await queries.one(work, flag)


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 1001])
async def test_a_reason_is_needed(world: World, reason: str) -> None:
    flag = await waiting(world)
    with pytest.raises(BadRequest):
        await decide(world.desk, world.acme.agent, flag, "confirmed", reason)
    assert len(await flags(world)) == 1


async def test_pages_of_the_queue_neither_skip_nor_repeat(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 3)
    thread = await opened(world)
    made = [await flagged(world, world.acme.requester, thread) for _ in range(7)]
    seen, before = list[UUID](), None
    async with world.desk.read(world.acme.agent) as work:
        while True:
            found, before = await queries.queue(work, "open", before)
            seen += [each.flag.id for each in found]
            if before is None:
                break
    assert seen == made[::-1]
