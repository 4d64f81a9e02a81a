"""What tests of abuse do: let the follower read, and look at what it made."""

import json
from typing import Any
from uuid import UUID

from sealdesk.abuse import queries
from sealdesk.abuse.follower import Abuse, flag
from sealdesk.abuse.lexicon import Rule
from sealdesk.abuse.queries import Flagged
from sealdesk.access.actor import Actor, system
from sealdesk.core.ids import new_id
from sealdesk.following import Following
from sealdesk.ledger.read import ENTRY_COLUMNS, Stored
from sealdesk.record import refusals
from sealdesk.record.refusals import Asked
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from sealdesk.tickets.commands import open_request
from world import World

THREAT = "I will k1ll  уоu!"
"""With a digit, two blanks, and two letters of another alphabet."""


async def follow(world: World) -> None:
    """Have everything sequenced, and read by a follower that begins anew, as after a restart."""
    await world.seal()
    await Following(world.desk, (Abuse(),)).catch_up(Abuse())


async def opened(world: World, subject: str = "Hi", body: str = "first", by: Actor | None = None) -> UUID:
    actor = by or world.acme.requester
    return await open_request(world.desk, actor, subject, Draft(body), "portal", key=None, origin=None)


async def say(world: World, by: Actor, thread: UUID, body: str, visibility: str = "public") -> UUID:
    """One message; its entry."""
    posted = await commands.post_message(world.desk, by, thread, Draft(body, visibility), key=None, origin=None)
    return posted.entry_id


async def flags(world: World, by: Actor | None = None, standing: queries.Standing = "open") -> list[Flagged]:
    """The queue, newest first."""
    async with world.desk.read(by or world.acme.agent) as work:
        return (await queries.queue(work, standing, None))[0]


async def flagged(world: World, by: Actor, thread: UUID) -> UUID:
    """A flag on a new message, as the follower makes it once the message is sequenced."""
    entry = await say(world, by, thread, THREAT)
    async with world.desk.change(system(by.org, "abuse")) as change:
        row = await change.row(
            f"select {ENTRY_COLUMNS} from ledger.entry e left join ledger.leaf l using (org_id, qid)"
            " where e.org_id = $1 and e.entry_id = $2",
            by.org,
            entry,
        )
        assert row is not None
        await flag(change, Stored.of(row), "message", (Rule("threat", 0, 0),))
        found = await change.value("select flag_id from app.flag where org_id = $1 and evidence = $2", by.org, entry)
    assert isinstance(found, UUID)
    return found


async def entries(world: World, *types: str, by: Actor | None = None) -> list[dict[str, Any]]:
    """The organisation's entries of some types, as they stand in the log."""
    async with world.desk.read(by or world.acme.auditor) as work:
        rows = await work.rows(
            "select entry from ledger.entry where org_id = $1 and type = any ($2) order by qid",
            work.actor.org,
            list(types),
        )
    return [json.loads(row["entry"]) for row in rows]


async def refuse(world: World, actor: Actor, refusal: Exception, route: str, *targets: UUID) -> None:
    """Put a refusal on record as a web process does, and have the worker count what is due."""
    asked = Asked(new_id(), actor.session_hash, route, targets, "192.0.2.1")
    await refusals.Notes(world.desk).note(asked, refusal)  # pyright: ignore[reportArgumentType]
    await refusals.settle(world.desk)
