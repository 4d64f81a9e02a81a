"""Redacting a message: who reads what in its place, that it is an entry, and that it can be taken back."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from members.test_members import differences
from sealdesk.access.actor import Actor
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, Stale
from sealdesk.redactions import commands
from sealdesk.redactions.model import AlreadyRedacted, NotRedacted, Wanted
from sealdesk.threads import queries
from sealdesk.threads.commands import post_message
from sealdesk.threads.model import Draft
from sealdesk.threads.queries import Cursor, Message
from sealdesk.threads.redacted import Redaction
from sealdesk.tickets.queries import conversations
from sealdesk.unit import Key
from sealdesk.web.headers import Expected
from threads.test_states import entries, opened
from world import World

SECRET = "the card is 4111 1111 1111 1111"
MASK = Wanted("mask", "pii", "the card is [a number]", "as the customer asked")
WITHHOLD = Wanted("withhold", "abuse")


def whichever(_: object) -> None:
    """Whatever stands."""


def only(entry: UUID) -> Callable[[str], None]:
    """As an `If-Match` with this entry has it."""
    return Expected(frozenset({str(entry)})).require


async def said(world: World, thread: UUID, by: Actor | None = None, visibility: str = "public") -> UUID:
    """A message with something that is not to be read."""
    actor = by or world.acme.requester
    return (await post_message(world.desk, actor, thread, Draft(SECRET, visibility), key=None, origin=None)).id


async def redact(
    world: World, thread: UUID, message: UUID, wanted: Wanted = MASK, by: Actor | None = None, key: str = ""
) -> Message:
    made = Key.of("POST /redaction", key, b"x") if key else None
    return await commands.redact(world.desk, by or world.acme.agent, thread, message, wanted, key=made)


async def lift(
    world: World, thread: UUID, message: UUID, by: Actor | None = None, saw: Callable[[str], None] | None = None
) -> Message:
    actor = by or world.acme.agent
    return await commands.lift(world.desk, actor, thread, message, "error", "wrong one", saw or whichever, key=None)


async def read(world: World, by: Actor, thread: UUID, message: UUID) -> Message:
    """The message as a reader finds it in the timeline."""
    async with world.desk.read(by) as work:
        found = await queries.timeline(work, thread, Cursor())
    return next(item for item in found.items if isinstance(item, Message) and item.id == message)


async def preview(world: World, by: Actor, thread: UUID) -> str:
    async with world.desk.read(by) as work:
        rows, _ = await conversations(work, "all", None)
    return next(row.preview for row in rows if row.thread_id == thread)


async def test_it_works(world: World) -> None:
    """Masked and withheld: the stub for everybody, the original for auditors; taken back, all is as before; three entries with reasons."""
    acme = world.acme
    thread = await opened(world)
    message = await said(world, thread)
    for wanted in (MASK, WITHHOLD):
        await redact(world, thread, message, wanted)
        for reader in (acme.requester, acme.agent, acme.admin, acme.auditor):
            found = await read(world, reader, thread, message)
            assert found.redaction is not None
            assert found.redaction.by == ("Agent",)
            assert (found.redaction.code, found.redaction.text) == (wanted.code, wanted.text)
            assert found.redaction.note == wanted.note
            assert found.body == (SECRET if reader is acme.auditor else None)
            assert await preview(world, reader, thread) == (wanted.text or "Message withheld")
        assert await differences(world) == []
        await lift(world, thread, message)
        for reader in (acme.requester, acme.agent, acme.admin, acme.auditor):
            again = await read(world, reader, thread, message)
            assert (again.body, again.redaction) == (SECRET, None)
            assert await preview(world, reader, thread) == SECRET
    made = (await entries(world, thread))[3:]
    assert [each["type"] for each in made] == ["message.redacted", "message.unredacted"] * 2
    posted = (await entries(world, thread))[2]
    assert [each["body"]["mode"] for each in made[::2]] == ["mask", "withhold"]
    body = [slot["commit"] for slot in posted["content"] if slot["slot"] == "body"]
    mask = [slot["commit"] for slot in made[0]["content"] if slot["slot"] == "redacted_body"]
    # What stood in its place is not to be read any more either once something else does.
    assert [each["body"]["commits"] for each in made] == [body, body, body + mask, body]
    for each in made:
        assert each["body"]["message"] == str(message)
        assert each["refs"][0]["id"] == posted["id"]
    assert made[1]["refs"][1]["id"] == made[0]["id"]
    assert await differences(world) == []


async def test_a_note_is_redacted_in_its_own_stream(world: World) -> None:
    """Whoever reads no notes learns nothing of it: not in the timeline, not in the cursor, not by SQL."""
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread, acme.agent, "internal")
    before = await entries(world, thread)
    await redact(world, thread, message)
    assert await entries(world, thread) == before
    assert (await entries(world, thread, "ticket"))[-1]["type"] == "message.redacted"
    assert (await read(world, acme.admin, thread, message)).body is None
    assert (await read(world, acme.auditor, thread, message)).body == SECRET
    async with world.desk.read(acme.requester) as work:
        assert await work.rows("select * from app.redaction") == []
    with pytest.raises(OutsideReach):
        await redact(world, thread, message, by=acme.requester)
    assert await differences(world) == []


async def test_who_may_and_who_reaches(world: World) -> None:
    acme, globex, thread = world.acme, world.globex, await opened(world)
    message, other = await said(world, thread), await opened(world)
    for act in (redact, lift):
        for role in (acme.requester, acme.auditor):
            with pytest.raises(NotPermitted):
                await act(world, thread, message, by=role)
        for outsider in (acme.stranger, globex.agent, globex.admin):
            with pytest.raises(OutsideReach):
                await act(world, thread, message, by=outsider)
        with pytest.raises(OutsideReach):
            await act(world, other, message)
        with pytest.raises(OutsideReach):
            await act(world, thread, thread)
    await redact(world, thread, message, by=acme.admin)
    assert len(await entries(world, thread)) == 4


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("mask", "pii"),
        Wanted("mask", "pii", " \n\u200b"),
        Wanted("withhold", "pii", "text"),
        Wanted("withhold", "pii", None, "x" * 1001),
    ],
)
async def test_what_makes_no_sense_is_refused(world: World, wanted: Wanted) -> None:
    thread = await opened(world)
    message = await said(world, thread)
    with pytest.raises(BadRequest):
        await redact(world, thread, message, wanted)
    assert len(await entries(world, thread)) == 3


async def test_one_entry_however_often_it_is_asked(world: World) -> None:
    """With one key all get the same answer; of several with keys of their own one redacts, and the others are told so."""
    thread = await opened(world)
    message = await said(world, thread)
    with pytest.raises(NotRedacted):
        await lift(world, thread, message)
    same = await asyncio.gather(*(redact(world, thread, message, key="once") for _ in range(4)))
    assert {each.redaction.entry_id for each in same if each.redaction} == {
        UUID((await entries(world, thread))[3]["id"])
    }
    with pytest.raises(AlreadyRedacted):
        await redact(world, thread, message, WITHHOLD, key="twice")
    await lift(world, thread, message)
    outcomes: list[Any] = await asyncio.gather(
        *(redact(world, thread, message, key=f"race {number}") for number in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, Message) for each in outcomes) == 1
    assert sum(isinstance(each, AlreadyRedacted) for each in outcomes) == 5
    assert [each["type"] for each in await entries(world, thread)][3:] == [
        "message.redacted",
        "message.unredacted",
        "message.redacted",
    ]


async def test_an_old_page_takes_no_newer_redaction_back(world: World) -> None:
    """Lifting names the redaction that it lifts: not another one that came meanwhile, nor one that is gone."""
    thread = await opened(world)
    message = await said(world, thread)
    first = (await redact(world, thread, message)).redaction
    assert first is not None
    await lift(world, thread, message, saw=only(first.entry_id))
    with pytest.raises(Stale):
        await lift(world, thread, message, saw=only(first.entry_id))
    second = (await redact(world, thread, message, WITHHOLD)).redaction
    assert second is not None
    with pytest.raises(Stale):
        await lift(world, thread, message, saw=only(first.entry_id))
    assert (await read(world, world.acme.requester, thread, message)).body is None
    with pytest.raises(NotPermitted):  # before it is looked at which one is meant
        await lift(world, thread, message, world.acme.requester, saw=only(first.entry_id))
    await lift(world, thread, message, saw=only(second.entry_id))


async def test_whoever_read_it_before_is_told(world: World) -> None:
    """Reading on from behind the message brings it again, as it is to be read now."""
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread)
    for act in (redact, lift):
        async with world.desk.read(acme.requester) as work:
            cursor = (await queries.timeline(work, thread, Cursor())).cursor
        await act(world, thread, message)
        async with world.desk.read(acme.requester) as work:
            found = await queries.timeline(work, thread, cursor)
            changed = await queries.changed_in(work, thread, found.items)
        assert [(each.id, each.body) for each in changed] == [(message, None if act is redact else SECRET)]


def test_a_note_turns_none_of_our_words() -> None:
    """Whatever direction is left open in it (UAX 9)."""
    for turn in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068":
        shown = Redaction("masked", UUID(int=1), datetime.now(UTC), ("Ada",), "pii", f"as {turn}asked\u2069", None)
        assert shown.sentence.endswith(" (as asked)")
        assert shown.note == f"as {turn}asked\u2069", "on record it is what it was"
