"""ASVS V6.4.5: whoever owns an API token is told before it ends, in time to put another in its place, and never twice."""

import asyncio
from datetime import timedelta
from uuid import UUID

from post import waiting
from sealdesk.account import reminders
from sealdesk.account import tokens_commands as commands
from sealdesk.account.tokens_commands import Wanted
from sealdesk.people import letters
from world import World

BASE = "https://desk.test"


async def make(world: World, name: str) -> UUID:
    wanted = Wanted(name, frozenset({"thread.read"}), 365)
    _, token = await commands.issue(world.desk, world.acme.agent, wanted)
    return token.id


async def sql(world: World, query: str, *arguments: object) -> None:
    connection = await world.superuser()
    try:
        await connection.execute(query, *arguments)
    finally:
        await connection.close()


async def set_life(world: World, token: UUID, life: float, left: float) -> None:
    """A token of so many days, of which so many are left."""
    await sql(
        world,
        "update sec.session set created_at = now() + $3::interval - $2::interval, hard_until = now() + $3::interval where session_id = $1",
        token,
        timedelta(days=life),
        timedelta(days=left),
    )


async def reminded(world: World) -> list[str]:
    """The names of the tokens that mails tell of."""
    return [mail.data["token"] for mail in await waiting(world, "token.ends")]


async def test_it_works(world: World) -> None:
    """Fourteen days and three days ahead, each once; also when two workers come at once, and again after a restart."""
    token = await make(world, "nightly report")
    for left, mails in ((14.1, 0), (13.9, 1), (5, 1), (2.9, 2), (0.1, 2)):
        await set_life(world, token, 365, left)
        await asyncio.gather(*(reminders.settle(world.desk) for _ in range(3)))
        assert await reminders.settle(world.desk) == 0
        assert len(await reminded(world)) == mails, left
    (first, _) = await waiting(world, "token.ends")
    assert first.to == "agent@acme.test"
    letter = letters.write(first.to, first.template, first.data, BASE)
    assert "nightly report" in letter.subject
    for part in (letter.text, letter.html):
        assert f"{BASE}/account/tokens" in part
        assert "make a new token now" in part
        assert first.data["hint"] in part
    await sql(world, "delete from sec.mail")
    await short_lives(world)


async def short_lives(world: World) -> None:
    """Half of a shorter life; nothing for what has ended, was revoked, or belongs to who may not enter any more."""
    tokens = {name: await make(world, name) for name in ("week", "day", "fresh", "late", "revoked", "over")}
    for name, life, left in (
        ("week", 7, 3.4),
        ("day", 1, 0.49),
        ("fresh", 7, 3.6),
        ("late", 365, 1),
        ("revoked", 365, 2),
        ("over", 365, -1),
    ):
        await set_life(world, tokens[name], life, left)
    await sql(world, "update sec.session set ended_at = now() where session_id = $1", tokens["revoked"])
    assert await reminders.settle(world.desk) == 3
    assert sorted(await reminded(world)) == ["day", "late", "week"]
    await set_life(world, tokens["day"], 1, 0.01)
    await set_life(world, tokens["week"], 7, 2.9)
    assert await reminders.settle(world.desk) == 1
    assert sorted(await reminded(world)) == ["day", "late", "week", "week"]
    await set_life(world, tokens["fresh"], 7, 1)
    await sql(world, "update app.member set active = false where member_id = $1", world.acme.agent.member)
    assert await reminders.settle(world.desk) == 0
