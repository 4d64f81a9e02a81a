"""Signing in and out."""

from dataclasses import replace
from datetime import datetime

import pytest

from sealdesk.access.permissions import Role
from sealdesk.core.errors import SignedOut, StateConflict
from sealdesk.people import commands, founding
from sealdesk.people.founding import NewPerson
from sealdesk.people.presence import Presence
from sealdesk.people.sessions import Choice, Issued, Visit
from sealdesk.web.tokens import token_hash
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})


async def test_it_works(world: World) -> None:
    """A session is an entry; signed out, it is dead on the next request."""
    issued = await commands.sign_in(world.desk, "AGENT@acme.test ", PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    found = await world.desk.peek(token_hash(issued.token))
    assert found is not None
    assert (found.member, found.role) == (world.acme.agent.member, Role.AGENT)
    await commands.sign_out(world.desk, issued.actor)
    assert await world.desk.peek(token_hash(issued.token)) is None
    with pytest.raises(SignedOut):
        async with world.desk.read(issued.actor):
            pass
    async with world.desk.read(world.acme.auditor) as work:
        rows = await work.rows(
            "select type from ledger.entry where stream_id = $1 order by stream_seq", issued.actor.member
        )
    assert [row["type"] for row in rows][-2:] == ["auth.login", "auth.logout"]


@pytest.mark.parametrize("email", ["agent@acme.test", "nobody@acme.test", "not an address", ""])
async def test_every_wrong_pair_has_the_same_answer(world: World, email: str) -> None:
    """Whether the account exists does not show."""
    with pytest.raises(SignedOut, match=f"^{commands.WRONG}$"):
        await commands.sign_in(world.desk, email, "wrong", None, VISIT)


async def test_a_person_in_two_organisations_chooses(world: World) -> None:
    """One password, two memberships, a session in one of them."""
    person = NewPerson("agent@acme.test", "Agent", Role.REQUESTER, "another password")
    await founding.add_person(world.desk, world.globex.org, person)
    asked = await commands.sign_in(world.desk, "agent@acme.test", PASSWORD, None, VISIT)
    assert isinstance(asked, Choice)
    assert {m.org for m in asked.memberships} == {world.acme.org, world.globex.org}
    chosen = await commands.sign_in(world.desk, "agent@acme.test", PASSWORD, world.globex.org, VISIT)
    assert isinstance(chosen, Issued)
    assert (chosen.actor.org, chosen.actor.role) == (world.globex.org, Role.REQUESTER)


async def test_only_the_hash_of_a_token_is_stored(world: World) -> None:
    """What the database holds opens no session."""
    issued = await commands.sign_in(world.desk, "agent@acme.test", PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    connection = await world.superuser()
    try:
        rows = await connection.fetch(
            "select s::text as row from sec.session s union all select p::text from sec.person p"
        )
    finally:
        await connection.close()
    text = "\n".join(row["row"] for row in rows)
    assert issued.token not in text
    assert PASSWORD not in text


async def test_a_session_in_use_is_noted_once_a_minute_and_not_by_polling(world: World) -> None:
    """What keeps it alive is a person, not a page left open."""
    presence, agent = Presence(world.desk), world.acme.agent

    async def last() -> datetime:
        connection = await world.superuser()
        try:
            return await connection.fetchval("select seen_at from sec.session where hash = $1", agent.session_hash)
        finally:
            await connection.close()

    async def grow_idle() -> datetime:
        connection = await world.superuser()
        await connection.execute("update sec.session set seen_at = now() - interval '5 minutes'")
        await connection.close()
        return await last()

    before = await grow_idle()
    await presence.seen(agent, "/c/1/news")
    await presence.seen(agent, "/api/v1/threads/1/live")
    await presence.seen(agent, "/api/v1/threads/1/messages", b"after=3&wait=20")
    assert await last() == before
    # A program that waits uses its token, and that is on its page.
    await Presence(world.desk).seen(replace(agent, kind="token"), "/api/v1/threads/1/messages", b"wait=20&after=3")
    assert await last() > before
    before = await grow_idle()
    await presence.seen(agent, "/c/1")
    noted = await last()
    assert noted > before
    await presence.seen(agent, "/c/1")
    assert await last() == noted


async def test_nobody_is_a_member_twice(world: World) -> None:
    """The second time is a conflict, and leaves no entry."""
    with pytest.raises(StateConflict):
        await founding.add_person(world.desk, world.acme.org, NewPerson("agent@acme.test", "A", Role.AGENT, PASSWORD))
