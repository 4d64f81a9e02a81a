"""T13: a redaction that hides without trace or does not hide, an erasure that leaves something or takes too much.

What each act does is in `tests/redactions`; here it is looked for by every way of reading, raced, and taken away piece by piece.
"""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from itertools import count as counting
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from counts import count
from evidence import WHERE, ask, build, builder, bundle_of, converse, entry_types, fetch, found, judge
from members.test_members import differences, sign_in
from redactions.test_erasure import another_admin, answer, place, release, turned_on
from redactions.test_erasure import ask as ask_erasure
from redactions.test_redaction import MASK, SECRET, WITHHOLD, lift, read, redact, said
from sealdesk.access.actor import Actor
from sealdesk.exports import commands as exports
from sealdesk.exports import keeping
from sealdesk.exports.follower import Builder
from sealdesk.exports.model import RedactedSince
from sealdesk.record import queries as record
from sealdesk.redactions import erasure
from sealdesk.redactions.model import LegalHold
from sealdesk.threads import queries, redacted
from sealdesk.threads.queries import Cursor, Happening, Message
from sealproof import policy, verify
from sealproof.report import Verdict
from threads.test_states import entries, opened
from world import World

RACES = count(12, 1000)
STRETCH = 40
"""Races of one conversation, so that a reading shows all of it, and until all is sealed: what nobody seals, the desk refuses to add to."""
_numbers = counting()


async def opens(world: World, by: Actor, message: UUID) -> bool:
    """Whether somebody who writes SQL of their own, as one of the desk's logins, gets at what opens a message."""
    async with world.desk.read(by) as work:
        commit = await work.value("select body_commit from app.message where message_id = $1", message)
        return bool(await work.value("select 1 from ledger.content_key where commit = $1", commit))


def unexplained(items: tuple[queries.Item, ...], message: UUID) -> bool:
    """Whether a reading shows the text of a message beside the entry that redacted it, or hides it without one."""
    shown = next(item for item in items if isinstance(item, Message) and item.id == message)
    acts = [item.stored for item in items if isinstance(item, Happening) and item.stored.type in redacted.ACTS]
    hidden = bool(acts) and acts[-1].type != "message.unredacted"
    return hidden != (shown.body is None) or hidden != (shown.redaction is not None)


def hides(items: tuple[queries.Item, ...], message: UUID) -> bool:
    return any(isinstance(item, Message) and item.id == message and item.body is None for item in items)


async def items_of(world: World, by: Actor, thread: UUID) -> tuple[queries.Item, ...]:
    async with world.desk.read(by) as work:
        return (await queries.timeline(work, thread, Cursor())).items


def erased_under_hold(happened: list[dict[str, Any]]) -> list[str]:
    """Erasures that stand behind a hold in the stream, and before its release."""
    standing, wrong = set[str](), list[str]()
    for each in happened:
        if each["type"] == "hold.placed":
            standing.add(each["body"]["hold"])
        elif each["type"] == "hold.released":
            standing.discard(each["body"]["hold"])
        elif each["type"] == "content.erased" and standing:
            wrong.append(each["id"])
    return wrong


async def test_none_but_auditors_open_an_original(world: World) -> None:
    """The database holds it, whatever is asked; without its policy everybody does, and this sees it."""
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread)
    people = (acme.requester, acme.agent, acme.admin, acme.auditor)
    assert [await opens(world, by, message) for by in people] == [True] * 4
    await redact(world, thread, message)
    assert [await opens(world, by, message) for by in people] == [False, False, False, True]
    superuser = await world.superuser()
    await superuser.execute("drop policy redacted on ledger.content_key")
    await superuser.close()
    assert [await opens(world, by, message) for by in people] == [True] * 4


async def test_reading_while_it_is_redacted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading shows the text, or the entry and what stands in its place, never both; and once it is acknowledged, never the text."""
    chance, told = random.Random(13), Counter[str]()
    thread, message = await opened(world), UUID(int=0)

    async def reading(by: Actor) -> tuple[queries.Item, ...]:
        await asyncio.sleep(chance.random() / 100)
        return await items_of(world, by, thread)

    for number in range(RACES):
        if number % STRETCH == 0:
            thread = await opened(world)
            message = await said(world, thread)
            await world.seal()
        act = redact if number % 2 == 0 else lift
        readers = [reading(by) for by in (world.acme.requester, world.acme.agent, world.acme.admin)]
        acting = asyncio.create_task(act(world, thread, message))
        seen = await asyncio.gather(*readers)
        await acting
        assert [unexplained(items, message) for items in seen] == [False] * 3
        told.update("hidden" if hides(items, message) else "shown" for items in seen)
        after = await read(world, world.acme.requester, thread, message)
        assert (after.body is None) == (act is redact)
    print(dict(told))
    await redact(world, thread, message)
    monkeypatch.setattr(redacted, "_STANDING", redacted._STANDING.replace("r.state <>", "false and r.state <>"))
    assert unexplained(await items_of(world, world.acme.agent, thread), message)


async def test_a_hold_and_an_erasure_at_once(world: World) -> None:
    """One of them is first, and the stream says which."""
    chance, threads = random.Random(31), list[UUID]()
    await turned_on(world)
    other = await another_admin(world, "releases")
    outcomes = Counter[str]()
    for number in range(RACES):
        if number % STRETCH == 0:
            threads.append(await opened(world))
            await world.seal()
        thread = threads[-1]
        message = await said(world, thread)
        await ask_erasure(world, thread, message)

        async def erase(thread: UUID = thread, message: UUID = message) -> str:
            await asyncio.sleep(chance.random() / 100)
            try:
                await answer(world, thread, message, by=world.acme.auditor)
            except LegalHold:
                return "held"
            return "erased"

        async def hold(thread: UUID = thread) -> UUID:
            await asyncio.sleep(chance.random() / 100)
            return (await place(world, thread, world.acme.auditor)).id

        outcome, placed = await asyncio.gather(erase(), hold())
        outcomes[outcome] += 1
        behind = [each["type"] for each in await entries(world, thread)]
        behind = behind[len(behind) - 1 - behind[::-1].index("message.posted") + 1 :]
        assert behind == (["content.erased", "hold.placed"] if outcome == "erased" else ["hold.placed"])
        await release(world, thread, placed, other)  # whoever releases a hold erases nothing here afterwards
    assert set(outcomes) <= {"erased", "held"}
    assert [erased_under_hold(await entries(world, each)) for each in threads] == [[]] * len(threads)
    print(dict(outcomes))


async def test_sabotage_of_the_judgement_about_holds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the command does not look, the database does; where that does not either, the reading of the record sees it."""
    thread = await opened(world)
    message = await said(world, thread)
    await turned_on(world)
    await ask_erasure(world, thread, message)
    await place(world, thread)
    with pytest.raises(LegalHold):
        await answer(world, thread, message)

    async def blind(*_: object) -> None:
        """Nothing stands in the way."""

    monkeypatch.setattr(erasure, "_demand_possible", blind)
    with pytest.raises(asyncpg.PostgresError, match="a legal hold stands"):
        await answer(world, thread, message)
    assert (await read(world, world.acme.requester, thread, message)).body == SECRET
    assert erased_under_hold(await entries(world, thread)) == []
    await edit_function(world, "h.standing", "not h.standing")
    await answer(world, thread, message)
    assert len(erased_under_hold(await entries(world, thread))) == 1


async def edit_function(world: World, old: str, new: str) -> None:
    """Put another text into the function that erases."""
    superuser = await world.superuser()
    text = await superuser.fetchval("select pg_get_functiondef('ledger.erase(uuid, uuid)'::regprocedure)")
    assert old in text
    await superuser.execute(text.replace(old, new))
    await superuser.close()


@pytest.mark.parametrize("table", ["content", "content_key"])
async def test_sabotage_of_the_eraser(world: World, table: str) -> None:
    """Content or a key that stays, although an entry says that it is gone, is named by verification."""
    thread = await opened(world)
    message = await said(world, thread)
    await turned_on(world)
    await ask_erasure(world, thread, message)
    short = {"content": "c", "content_key": "k"}[table]
    await edit_function(world, f"{short}.commit = any (named)", f"{short}.commit = any (named) and false")
    await answer(world, thread, message)
    assert [each.table for each in await differences(world)][:1] == [f"ledger.{table}"]


async def test_an_erasure_takes_nothing_but_its_message(world: World) -> None:
    """An entry that names what belongs to another message erases nothing at all."""
    thread = await opened(world)
    message, other = await said(world, thread), await said(world, thread)
    await turned_on(world)
    await ask_erasure(world, thread, message)
    honest = erasure._commits

    async def greedy(change: Any, posted: Any) -> list[bytes]:
        row = await change.row("select body_commit from app.message where message_id = $1", other)
        return [*(await honest(change, posted)), row["body_commit"]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erasure, "_commits", greedy)
        with pytest.raises(asyncpg.PostgresError, match="takes one message"):
            await answer(world, thread, message)
    for each in (message, other):
        assert (await read(world, world.acme.requester, thread, each)).body == SECRET
    assert [each["type"] for each in await entries(world, thread)][-1] == "message.posted"


async def test_erasing_while_a_bundle_is_built(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last moment: the bundle is built and stored, and what it holds is erased before that is on record. It is built again."""
    acme = world.acme
    thread = await converse(world, acme)
    message = (await items_of(world, acme.agent, thread))[1]
    assert isinstance(message, Message)
    export = await ask(world, acme.auditor, thread)
    await turned_on(world)
    await ask_erasure(world, thread, message.id)
    await world.seal()
    honest, names = keeping.keep, list[str]()

    async def keep(*arguments: Any) -> tuple[str, bytes]:
        stored = await honest(*arguments)
        names.append(stored[0])
        if len(names) == 1:
            await answer(world, thread, message.id)
        return stored

    monkeypatch.setattr(keeping, "keep", keep)
    works = builder(world)
    assert await works.step()
    assert (await found(world, acme.auditor, export.id)).state == "queued"
    assert not (world.folder / "blobs" / names[0]).exists()
    await world.seal()
    assert await works.step()
    report = await judge(world, await fetch(world, acme.auditor, export.id))
    assert report.verdict is Verdict.SIGNED
    assert report.manifest is not None
    assert report.manifest.counts.erased >= 1


@pytest.mark.parametrize("part", range(count(1, 10)))
async def test_erasing_and_building_at_once(world: World, part: int) -> None:
    """Whichever is first: no bundle is kept that holds what is erased. In ten desks, as each bundle holds every erasure of its log."""
    acme, chance, outcomes = world.acme, random.Random(7 + part), Counter[str]()
    await turned_on(world)
    for number in range(count(3, 100)):
        if number % STRETCH == STRETCH - 1:  # whoever asks for evidence showed who they are within ten minutes
            again = {who: await sign_in(world, f"{who}@acme.test") for who in ("auditor", "admin")}
            world.acme = acme = replace(acme, **again)
        thread = await converse(world, acme, f"race {next(_numbers)}")
        message = next(each for each in await items_of(world, acme.agent, thread) if isinstance(each, Message))
        export = await ask(world, acme.auditor, thread)
        await ask_erasure(world, thread, message.id)
        await world.seal()
        works: Builder = builder(world)

        async def erase(thread: UUID = thread, message: UUID = message.id) -> None:
            await asyncio.sleep(chance.random() / 5)
            await answer(world, thread, message)

        await asyncio.gather(works.step(), erase())
        now = await found(world, acme.auditor, export.id)
        async with world.desk.read(acme.auditor) as work:
            happened = await entry_types(work, export.id)
        outcomes[now.state] += 1
        # Built first, it expired with the erasure; else it was not built.
        assert (now.state, happened[1:]) in [("expired", ["export.built", "export.expired"]), ("queued", [])]
        if now.state == "queued":
            await world.seal()
            while (await found(world, acme.auditor, export.id)).state != "built":
                await works.step()
                await world.seal()
            report = await judge(world, await fetch(world, acme.auditor, export.id))
            assert report.manifest is not None
            assert report.manifest.counts.erased >= 1
    assert await differences(world) == []
    print(dict(outcomes))


async def test_bundles_follow_a_redaction(world: World) -> None:
    """A bundle from before goes to auditors alone; one from after shows the mask; what was lifted is in the next one again."""
    acme = world.acme
    thread = await opened(world)
    message = await said(world, thread)
    before = {by.member: await ask(world, by, thread) for by in (acme.requester, acme.agent, acme.auditor)}
    for by in (acme.requester, acme.agent, acme.auditor):
        await build(world, by, before[by.member].id)
    await redact(world, thread, message)
    for by in (acme.requester, acme.agent):
        with pytest.raises(RedactedSince):
            await exports.download(world.desk, by, before[by.member].id, origin=WHERE)
    await fetch(world, acme.auditor, before[acme.auditor.member].id)
    for act in (None, lift):
        if act:
            await act(world, thread, message)
        export = await ask(world, acme.requester, thread)
        await build(world, acme.requester, export.id)
        bundle = (await fetch(world, acme.requester, export.id)).read_bytes()
        assert (SECRET.encode() in bundle) == (act is lift)
        assert (MASK.text or "").encode() in bundle  # the redaction itself is never gone from the record
    await fetch(world, acme.requester, before[acme.requester.member].id)
    await redact(
        world, thread, message, WITHHOLD
    )  # nor is it, but its text is withheld like the message once another holds
    replaced = await bundle_of(world, acme.requester, thread)
    assert [each for each in (SECRET, MASK.text or "") if each.encode() in replaced.read_bytes()] == []
    report = await judge(world, replaced)
    assert (report.verdict, report.manifest and report.manifest.counts.withheld) == (Verdict.SIGNED, 2)


async def test_old_receipts_and_bundles_verify_after_an_erasure(world: World) -> None:
    """And the kept bundle is gone at once, its key with the entry, while copies that were handed out still hold."""
    acme = world.acme
    thread = await opened(world)
    message = await said(world, thread)
    export = await ask(world, acme.requester, thread)
    await build(world, acme.requester, export.id)
    old = await fetch(world, acme.requester, export.id)
    entry = UUID((await entries(world, thread))[2]["id"])
    receipt = await record.receipt(world.desk, acme.requester, entry, 0)
    assert receipt is not None
    await turned_on(world)
    await ask_erasure(world, thread, message)
    await answer(world, thread, message)
    gone = await found(world, acme.requester, export.id)
    assert (gone.state, gone.blob_key) == ("expired", None)
    await build(world, acme.requester, (later := await ask(world, acme.requester, thread)).id)
    new = await fetch(world, acme.requester, later.id)
    vkey = await world.signer.vkey(world.desk.origin(UUID(int=0)))
    trusted = policy.parse(f"log {vkey}\nquorum none\n")
    for bundle, erased in ((old, 0), (new, 1)):
        report = await asyncio.to_thread(verify.verify, bundle, trusted, receipts=[receipt])
        assert report.verdict is Verdict.SIGNED
        assert report.manifest is not None
        assert report.manifest.counts.erased == erased
        assert (SECRET.encode() in bundle.read_bytes()) == (bundle is old)
    assert await differences(world) == []
