"""T20: repeated violations go unnoticed, or are told so often that nobody listens.

What is a violation, and when there are too many, is a pure function that is tested with times of its own; the follower is tested on a real
desk, from refusals as a web process notes them to the escalation, and over HTTP from the request on.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from direct import seat, serve
from members.test_members import differences
from sealdesk.abuse import events as abuse_events
from sealdesk.abuse import follower, patience, showing
from sealdesk.abuse.commands import decide
from sealdesk.abuse.model import Flag
from sealdesk.abuse.patience import PATIENCE, Patience, Violations, exhausted
from sealdesk.abuse.queries import Flagged
from sealdesk.access.actor import Actor, system
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import BadToken, NotPermitted, OutsideReach, Refusal, TooMany
from sealdesk.ledger.events import Stream
from sealdesk.record import events, refusals
from watching import entries, flags, follow, opened, refuse
from world import World

MINUTE = timedelta(minutes=1)
BEGIN = datetime(2026, 11, 26, 12, tzinfo=UTC)
THREE = Patience("rate-limit", 3, 10 * MINUTE)
ROUTE = "/api/v1/threads/{thread:str}/messages"


def at(*minutes: float, count: int = 1) -> list[Violations]:
    """Refusals at these minutes after noon, counted singly."""
    times = [BEGIN + minute * MINUTE for minute in minutes]
    return [Violations(UUID(int=n), bytes(32), time, time, count, None) for n, time in enumerate(times)]


@pytest.mark.parametrize(
    ("found", "escalated", "expected"),
    [
        (at(0, 1), None, 0),
        (at(0, 1, 2), None, 3),
        (at(0, 1, 9.99), None, 3),
        (at(0, 1, 10), None, 0),  # the first is out of the window that ends with the last
        (at(0, 9, 18, 27), None, 0),  # never three within ten minutes
        (at(0, 1, 2, 3), 2, 0),  # escalated: within the window there is one
        (at(0, 1, 2, 11.9), 2, 0),
        (at(0, 1, 2, 5, 12), 2, 0),  # after the escalation there are two
        (at(0, 1, 2, 5, 6, 12), 2, 3),  # and so many make another
        (at(0, count=300), None, 1),
        (at(0, 60, 61, 62), 2, 3),
    ],
)
def test_a_window_slides(found: list[Violations], escalated: float | None, expected: int) -> None:
    """It ends with the newest refusal, not with a tick of a clock; an escalation holds for its length."""
    since = None if escalated is None else BEGIN + escalated * MINUTE
    assert len(exhausted(THREE, found, since)) == expected


def test_the_newest_conversations_are_named() -> None:
    """Up to 64, by when something was last refused there, and no older one in the place of a newer."""
    threads = [UUID(int=n) for n in (*range(70), 3)]
    found = [Violations(UUID(int=n), bytes(32), BEGIN, BEGIN, 1, thread) for n, thread in enumerate(threads)]
    event = abuse_events.escalated(UUID(int=1), UUID(int=2), ("agent", UUID(int=3)), THREE, found)
    assert event.body["threads"] == [str(thread) for thread in (*threads[7:70], threads[3])]
    assert [ref.id for ref in event.refs] == [each.entry for each in found[-64:]]
    flag = Flag(
        UUID(int=1), "person", None, UUID(int=2), "agent", ("rate-limit",), BEGIN, UUID(int=4), UUID(int=5), "open"
    )
    for named in (threads[:63], threads[:64]):
        shown = Flagged(flag, "Robin", None, None, None, {**event.body, "threads": list(map(str, named))})
        (card,) = showing.review([shown], [], "open", BEGIN, older=None, paged=False, decides=True).cards
        assert ("newest 64" in card.said) == (len(named) == 64)


async def noted(
    world: World,
    actor: Actor,
    minutes: float,
    count: int = 1,
    thread: UUID | None = None,
    kind: str = "too_many_requests",
) -> None:
    """Refusals by a rate limit as they stand on record, so many minutes from the world's beginning."""
    stream, when = Stream("user", actor.member), BEGIN + minutes * MINUTE
    async with world.desk.change(system(actor.org)) as change:
        change.demand(Permission.REFUSAL_RECORD)
        await change.lock(stream)
        where = events.Where(ROUTE, thread)
        change.record(events.refused(stream, "rate.limited", kind, where, count, when, when))


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the entries decides alone: when they were written does not matter here."""
    monkeypatch.setattr(follower, "SPREAD", timedelta(days=36500))


@pytest.mark.usefixtures("set_clock")
async def test_it_works(world: World) -> None:
    """Three refusals escalate once, with each conversation and each entry; the next within the window add nothing; later ones do."""
    requester, threads = world.acme.requester, [await opened(world) for _ in range(2)]
    await noted(world, requester, 0, thread=threads[0])
    await noted(world, requester, 1, thread=threads[1])
    await follow(world)
    assert await flags(world) == []
    await noted(world, requester, 2)
    await follow(world)
    (found,) = await flags(world)
    assert (found.flag.about, found.flag.author, found.flag.kinds) == ("person", requester.member, ("rate-limit",))
    (entry,) = await entries(world, "actor.escalated")
    refused = await entries(world, "rate.limited")
    assert [ref["id"] for ref in entry["refs"]] == [each["id"] for each in refused]
    assert entry["body"] == {
        "flag": str(found.flag.id),
        "member": str(requester.member),
        "member_kind": "customer",
        "violation": "rate-limit",
        "count": 3,
        "window_s": 600,
        "first_at": "2026-11-26T12:00:00.000000Z",
        "last_at": "2026-11-26T12:02:00.000000Z",
        "threads": [str(thread) for thread in threads],
    }
    for minutes in (3, 4, 5, 6):  # each followed by a worker that begins anew
        await noted(world, requester, minutes, count=100)
        await follow(world)
    assert len(await entries(world, "actor.escalated")) == 1
    await noted(world, requester, 13)
    await follow(world)
    assert [each["body"]["count"] for each in await entries(world, "actor.escalated")] == [3, 301]
    assert await differences(world) == []


@pytest.mark.usefixtures("set_clock")
async def test_three_hundred_at_once_are_one_escalation(world: World) -> None:
    await noted(world, world.acme.requester, 0, count=300)
    for number in range(5):
        await noted(world, world.acme.requester, number / 10, count=60)
    await follow(world)
    assert [each["body"]["count"] for each in await entries(world, "actor.escalated")] == [300]


@pytest.mark.usefixtures("set_clock")
async def test_each_is_counted_alone(world: World) -> None:
    """Two people with two refusals each are nobody with four; and another organisation's count nothing here."""
    for actor in (world.acme.requester, world.acme.stranger, world.globex.requester):
        await noted(world, actor, 0)
        await noted(world, actor, 1)
    await follow(world)
    assert await entries(world, "actor.escalated") == []


async def due(world: World) -> None:
    """Let the minute pass in which refusals are only counted."""
    connection = await world.superuser()
    await connection.execute("delete from sec.refusal_window")
    await connection.close()


@pytest.mark.parametrize(
    ("refusal", "violation", "least"),
    [
        (TooMany("x", seconds=1), "rate-limit", 3),
        (NotPermitted("x"), "unauthorised", 3),
        (OutsideReach(), "cross-tenant", 2),
    ],
    ids=["rate-limit", "unauthorised", "cross-tenant"],
)
async def test_refusals_as_they_are_noted(world: World, refusal: Refusal, violation: str, least: int) -> None:
    """From the spool on. A conversation of one's own is named; what was asked for of another organisation is not."""
    requester, own = world.acme.requester, await opened(world)
    target = own if violation != "cross-tenant" else await opened(world, by=world.globex.requester)
    for number in range(least + 2):
        await refuse(world, requester, refusal, ROUTE, target)
        await due(world)
        await follow(world)
        assert len(await entries(world, "actor.escalated")) == int(number + 1 >= least)
    (entry,) = await entries(world, "actor.escalated")
    assert (entry["body"]["violation"], entry["body"]["count"]) == (violation, least)
    assert entry["body"]["threads"] == ([] if violation == "cross-tenant" else [str(own)])
    assert await entries(world, "actor.escalated", by=world.globex.auditor) == []
    assert await differences(world) == []


async def test_what_is_no_violation_of_theirs(world: World) -> None:
    """A form that another site sent, and ids that nobody has."""
    for _ in range(4):
        await refuse(world, world.acme.requester, BadToken("x"), ROUTE)
        await refuse(world, world.acme.requester, OutsideReach(), ROUTE, UUID(int=7))
        await due(world)
    await follow(world)
    assert await entries(world, "actor.escalated") == []


async def test_from_the_request_on(world: World) -> None:
    """A requester tries what only staff may, in a conversation of theirs: three times 403, one escalation that names it."""
    thread = await opened(world)
    caller = await seat(serve(world, world.folder), world.acme.requester)
    for _ in range(3):
        said = {"body": "x", "visibility": "internal"}
        answer = await caller.ask("POST", f"/api/v1/threads/{thread}/messages", document=said)
        assert answer.status == 403
        await refusals.settle(world.desk)
        await due(world)
    await follow(world)
    (entry,) = await entries(world, "actor.escalated")
    assert entry["body"]["threads"] == [str(thread)]
    assert (entry["body"]["violation"], entry["body"]["count"]) == ("unauthorised", 3)


async def test_whom_it_is_about_sees_nothing_of_it(world: World) -> None:
    """Not in their own stream either, which they read: it stands in the organisation's."""
    for _ in range(3):
        await refuse(world, world.acme.requester, NotPermitted("x"), ROUTE)
        await due(world)
    await follow(world)
    assert len(await flags(world)) == 1
    async with world.desk.read(world.acme.requester) as work:
        seen = await work.rows("select type from ledger.entry")
    assert "authz.denied" in {row["type"] for row in seen}
    assert "actor.escalated" not in {row["type"] for row in seen}


async def test_a_person_is_decided_like_a_message(world: World) -> None:
    for _ in range(3):
        await refuse(world, world.acme.requester, NotPermitted("x"), ROUTE)
        await due(world)
    await follow(world)
    (found,) = await flags(world)
    await decide(world.desk, world.acme.agent, found.flag.id, "dismissed", "They were new here")
    (entry,) = await entries(world, "abuse.dismissed")
    assert entry["stream"]["kind"] == "org"
    assert await differences(world) == []


@pytest.mark.usefixtures("set_clock")
async def test_sabotage_of_the_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower that forgets what it escalated tells of every refusal."""
    monkeypatch.setattr(
        follower, "_ESCALATED", "select null::timestamptz where $1::uuid is null or $2::uuid is null or $3 = ''"
    )
    for number in range(6):
        await noted(world, world.acme.requester, number / 10)
        await follow(world)
    assert len(await entries(world, "actor.escalated")) == 4


@pytest.mark.usefixtures("set_clock")
async def test_what_others_used_up_escalates_nobody(world: World) -> None:
    """Nor do windows more than are kept live: neither says anything of whoever was refused."""
    for kind in ("crowded", "too_many_sockets"):
        await noted(world, world.acme.requester, 0, count=40, kind=kind)
    await follow(world)
    assert await entries(world, "actor.escalated") == []
    await noted(world, world.acme.requester, 1, count=3)
    await follow(world)
    assert len(await entries(world, "actor.escalated")) == 1


@pytest.mark.usefixtures("set_clock")
async def test_sabotage_of_the_window(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never ends escalates who was refused something once a day."""
    monkeypatch.setitem(PATIENCE, ("rate.limited", "too_many_requests"), Patience("rate-limit", 3, timedelta(days=365)))
    for day in range(3):
        await noted(world, world.acme.requester, day * 1440)
    await follow(world)
    assert len(await entries(world, "actor.escalated")) == 1
    assert timedelta(minutes=10) == patience.WINDOW
