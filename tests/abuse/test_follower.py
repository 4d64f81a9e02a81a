"""The follower: what it flags, what it escalates, what it leaves alone, and that it does each once."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest

import sealdesk.following
from members.test_members import differences
from sealdesk.abuse.follower import Abuse
from sealdesk.following import Following, advance
from sealdesk.ledger import tail
from sealdesk.ledger.read import Stored
from sealdesk.threads import queries, states
from sealdesk.threads.queries import Cursor
from sealdesk.unit import Change
from watching import THREAT, entries, flags, follow, opened, say
from world import World


async def test_it_works(world: World) -> None:
    """A disguised threat is flagged, names everything, and escalates its conversation; it stands in the record unharmed."""
    thread = await opened(world)
    message = await say(world, world.acme.requester, thread, THREAT)
    await follow(world)
    (found,) = await flags(world)
    assert (found.flag.about, found.flag.thread, found.flag.kinds) == ("message", thread, ("threat",))
    assert (found.flag.author, found.flag.author_kind) == (world.acme.requester.member, "customer")
    assert (found.flag.evidence, found.excerpt, found.subject) == (message, THREAT, "Hi")
    (flagged,) = await entries(world, "abuse.flagged")
    assert flagged["body"]["author"] == str(world.acme.requester.member)
    assert flagged["actor"] == {"kind": "system", "id": "abuse"}
    assert flagged["stream"]["id"] == str(thread)
    assert [ref["id"] for ref in flagged["refs"]] == [str(message)]
    assert flagged["body"]["rules"][0]["lexicon"] == "threat"
    (escalated,) = await entries(world, "thread.escalated")
    assert [ref["id"] for ref in escalated["refs"]] == [str(message), flagged["id"]]
    assert escalated["body"] == {"reason": "safety"}
    assert await differences(world) == []


async def test_each_place_that_is_looked_at(world: World) -> None:
    """Messages, notes and subjects, by anybody; and nothing is flagged twice, however often the worker begins anew."""
    thread = await opened(world, "You fucking idiots")
    await say(world, world.acme.agent, thread, "He said: kys", "internal")
    await say(world, world.acme.requester, thread, "Scunthorpe, assess, skill, classic")
    for _ in range(3):
        await follow(world)
    found = await flags(world)
    assert [(each.flag.about, each.flag.author_kind, each.flag.kinds) for each in found] == [
        ("message", "agent", ("self-harm",)),
        ("subject", "customer", ("abuse",)),
    ]
    assert len(await entries(world, "thread.escalated")) == 1
    assert len(await entries(world, "abuse.flagged")) == 2


async def test_a_reason_is_looked_at(world: World) -> None:
    """Of a change of a conversation, by whoever gives it; a follower's own escalation has none, and is no reason for another."""
    thread, cast = await opened(world), world.acme
    await states.change_state(world.desk, cast.agent, thread, "close", "other", "solved by telephone")
    await states.change_state(world.desk, cast.requester, thread, "reopen", "other", "I will k1ll you tonight")
    await states.change_participant(world.desk, cast.agent, thread, cast.stranger.member, "He said: kys", present=True)
    for _ in range(3):
        await follow(world)
    found = await flags(world)
    assert [(each.flag.about, each.flag.author_kind, each.flag.kinds, each.excerpt) for each in found] == [
        ("reason", "agent", ("self-harm",), "He said: kys"),
        ("reason", "customer", ("threat",), "I will k1ll you tonight"),
    ]
    flagged = await entries(world, "abuse.flagged")
    assert {each["body"]["about"] for each in flagged} == {"reason"}
    reopened, added = await entries(world, "thread.reopened", "participant.added")
    assert [ref["id"] for each in flagged for ref in each["refs"]] == [reopened["id"], added["id"]]
    assert [each["body"]["reason"] for each in await entries(world, "thread.escalated")] == ["safety"]
    assert await differences(world) == []


async def test_its_author_sees_nothing_of_it(world: World) -> None:
    """Not in the timeline, not in its cursor, not by SQL; the message itself is there as before."""
    thread = await opened(world)
    await say(world, world.acme.requester, thread, THREAT)
    async with world.desk.read(world.acme.requester) as work:
        before = await queries.timeline(work, thread, Cursor())
    await follow(world)
    async with world.desk.read(world.acme.requester) as work:
        after = await queries.timeline(work, thread, Cursor())
        seen = await work.rows("select type from ledger.entry")
    assert [each.body for each in after.items if isinstance(each, queries.Message)] == ["first", THREAT]
    assert after.cursor == before.cursor
    assert not {"abuse.flagged", "thread.escalated"} & {row["type"] for row in seen}
    pool = await world.desk.database.pool("desk_requester")
    for table in ("app.flag", "app.lexicon"):
        with pytest.raises(Exception, match="permission denied"):
            await pool.fetch(f"select * from {table}")


async def test_two_workers_flag_once(world: World) -> None:
    thread = await opened(world)
    for number in range(5):
        await say(world, world.acme.requester, thread, f"{THREAT} {number}")
    await world.seal()
    both = (Following(world.desk, (Abuse(),)) for _ in range(2))
    await asyncio.gather(*(each.catch_up(Abuse()) for each in both))
    assert len(await entries(world, "abuse.flagged")) == 5


async def test_what_fails_leaves_nothing_and_comes_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction of an entry fails at its end: no flag, no entry, no position; the next try does all of it."""
    thread = await opened(world)
    await say(world, world.acme.requester, thread, THREAT)
    await world.seal()

    async def positions() -> list[object]:
        pool = await world.desk.database.pool("desk_worker")
        rows = await pool.fetch("select position from ledger.follower where org_id = $1", world.acme.org)
        return [row["position"] for row in rows]

    async def never(*_: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(tail, "move", never)
        with pytest.raises(RuntimeError):
            while await advance(world.desk, Abuse(), world.acme.org):
                pass
    assert (await flags(world), await entries(world, "abuse.flagged"), await positions()) == ([], [], [])
    await follow(world)
    assert len(await flags(world)) == 1


async def test_an_organisation_that_stumbles_holds_up_no_other(world: World) -> None:
    class Stumbling(Abuse):
        async def handle(self, change: Change, entry: Stored) -> bool:
            if change.actor.org == min(world.acme.org, world.globex.org):
                raise ValueError("unreadable")
            return await super().handle(change, entry)

    for cast in (world.acme, world.globex):
        thread = await opened(world, by=cast.requester)
        await say(world, cast.requester, thread, THREAT)
    await world.seal()
    following = Following(world.desk, (Stumbling(),))
    await following.catch_up(Stumbling())
    counted = {cast.org: len(await flags(world, cast.agent)) for cast in (world.acme, world.globex)}
    assert counted == {min(counted): 0, max(counted): 1}
    await follow(world)
    assert {len(await flags(world, cast.agent)) for cast in (world.acme, world.globex)} == {1}


async def test_who_writes_much_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch ends with what it read as well as with how many; after it come the others, those that wrote meanwhile among them."""

    class Noting(Abuse):
        def __init__(self) -> None:
            super().__init__()
            self.read = Counter[UUID]()

        async def handle(self, change: Change, entry: Stored) -> bool:
            self.read[change.actor.org] += 1
            return await super().handle(change, entry)

    monkeypatch.setattr(sealdesk.following, "STRETCH_BYTES", 1000)
    acme, globex = world.acme, world.globex
    thread, other = await opened(world), await opened(world, by=globex.requester)
    for _ in range(4):
        await say(world, acme.requester, thread, "a" * 1000)
    await world.seal()
    abuse, following = Noting(), Following(world.desk, ())
    assert await following.turn(abuse)
    assert abuse.read == {acme.org: 3, globex.org: 2}  # a subject and a message of each, and one that fills the stretch
    await say(world, globex.requester, other, THREAT)
    await world.seal()
    assert await following.turn(abuse)
    assert abuse.read == {acme.org: 4, globex.org: 3}
    assert len(await flags(world, globex.agent)) == 1
    await following.catch_up(abuse)
    assert abuse.read == {acme.org: 6, globex.org: 3}
