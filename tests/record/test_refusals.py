"""Refusals on record: the first at once, then counted, none lost, and nobody's probe in a tenant's own log."""

import json
from uuid import UUID, uuid4

from sealdesk.access.actor import Actor
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, Refusal, SignedOut, TooMany
from sealdesk.record import refusals
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from world import World


async def note(world: World, actor: Actor | None, refusal: Refusal, target: UUID | None = None) -> None:
    """One refusal, as the web process notes it."""
    session = actor.session_hash if actor else None
    await refusals.note(world.desk, session, refusal, "/api/v1/threads/{thread:str}/messages", target, "198.51.100.9")


async def recorded(world: World, org: UUID) -> list[dict[str, object]]:
    """The refusals in a log, oldest first."""
    connection = await world.superuser()
    try:
        rows = await connection.fetch(
            "select entry from ledger.entry where org_id = $1"
            " and type in ('auth.failed', 'authz.denied', 'rate.limited', 'suspicious.activity') order by qid",
            org,
        )
    finally:
        await connection.close()
    return [json.loads(row["entry"]) for row in rows]


async def test_the_first_is_recorded_at_once_and_the_rest_are_counted(world: World) -> None:
    """A flood writes by windows, and the counts sum exactly."""
    await note(world, world.acme.requester, NotPermitted())
    await refusals.settle(world.desk)
    for _ in range(25):
        await note(world, world.acme.requester, NotPermitted())
    await refusals.settle(world.desk)
    assert [entry["body"]["count"] for entry in await recorded(world, world.acme.org)] == [1]  # type: ignore[index]
    connection = await world.superuser()
    await connection.execute("update sec.refusal_window set until = now()")
    await connection.close()
    await refusals.settle(world.desk)
    entries = await recorded(world, world.acme.org)
    assert [entry["body"]["count"] for entry in entries] == [1, 25]  # type: ignore[index]
    assert {entry["stream"]["id"] for entry in entries} == {str(world.acme.requester.member)}  # type: ignore[index]


async def test_a_probe_of_anothers_id_is_suspicious_and_of_nobodys_is_nothing(world: World) -> None:
    """The prober's organisation gets the entry; the other's log shows nothing of it."""
    thread = await commands.open_thread(
        world.desk, world.globex.requester, "x", Draft("y"), "chat", key=None, origin=None
    )
    await note(world, world.acme.agent, OutsideReach(), thread)
    await note(world, world.acme.agent, OutsideReach(), uuid4())
    await refusals.settle(world.desk)
    assert [entry["type"] for entry in await recorded(world, world.acme.org)] == ["suspicious.activity"]
    assert await recorded(world, world.globex.org) == []


async def test_without_an_organisation_it_goes_to_sys_under_a_bucket(world: World) -> None:
    """Never an address."""
    await note(world, None, SignedOut())
    await note(world, None, TooMany())
    await refusals.settle(world.desk)
    entries = await recorded(world, UUID(int=0))
    assert sorted(str(entry["type"]) for entry in entries) == ["auth.failed", "rate.limited"]
    assert all(entry["body"]["bucket"] for entry in entries)  # type: ignore[index]
    assert "198.51.100.9" not in json.dumps(entries)


async def test_bad_input_is_no_refusal(world: World) -> None:
    """Only 401, 403, 404 of an id and 429 go on record."""
    await note(world, world.acme.agent, BadRequest())
    await refusals.settle(world.desk)
    assert await recorded(world, world.acme.org) == []
