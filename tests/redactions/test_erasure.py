"""Erasure: off until two people turn it on, asked by one and approved by another, stopped by a hold; and what is left then."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from members.test_members import differences, sign_in
from newcomers import join
from redactions.test_redaction import SECRET, only, preview, read, redact, said, whichever
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, Stale, StateConflict
from sealdesk.members.commands import Wanted, change_member
from sealdesk.redactions import erasure, holds, queries, rewriting
from sealdesk.redactions.erasure import Answer, NothingWaits, Turn, Void
from sealdesk.redactions.model import Erased, ErasureOff, LegalHold
from sealdesk.redactions.queries import Hold
from sealdesk.threads.queries import Message
from sealdesk.threads.view import EventItem
from sealdesk.tickets.conversation import conversation
from sealdesk.unit import Key
from threads.test_states import entries, opened
from world import World


async def turn(world: World, to: Turn, by: Actor) -> str:
    return (await erasure.turn(world.desk, by, to, "as our policy says", whichever)).state


async def turned_on(world: World) -> None:
    await turn(world, "ask", world.acme.admin)
    await turn(world, "approve", world.acme.auditor)


async def ask(world: World, thread: UUID, message: UUID, by: Actor | None = None, key: str = "") -> Message:
    made = Key.of("POST /erasure", key, b"x") if key else None
    return await erasure.ask(world.desk, by or world.acme.admin, thread, message, "gdpr-17-1", "they asked", key=made)


async def answer(
    world: World,
    thread: UUID,
    message: UUID,
    *,
    approve: bool = True,
    by: Actor | None = None,
    key: str = "",
    saw: Callable[[str], None] = whichever,
) -> Message:
    made, actor = Key.of("POST /answer", key, b"x") if key else None, by or world.acme.auditor
    return await erasure.answer(world.desk, actor, thread, message, Answer(approve, ""), saw, key=made)


async def place(world: World, thread: UUID, by: Actor | None = None) -> Hold:
    return await holds.place(world.desk, by or world.acme.auditor, thread, "litigation", "matter 7", key=None)


async def release(world: World, thread: UUID, hold: UUID, by: Actor | None = None) -> None:
    await holds.release(world.desk, by or world.acme.auditor, thread, hold, "settled", "it is over")


async def another_admin(world: World, name: str) -> Actor:
    await join(world.desk, world.acme.org, Role.ADMIN, f"{name}@acme.test")
    return await sign_in(world, f"{name}@acme.test")


async def test_it_works(world: World) -> None:
    """Content, key and salt are gone with the entry, also of what stood in its place; everybody sees who, when and why."""
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread)
    await redact(world, thread, message)
    await turned_on(world)
    await ask(world, thread, message)
    assert (await read(world, acme.auditor, thread, message)).body == SECRET
    async with world.desk.read(acme.agent) as work:
        assert await work.value("select count(*) from ledger.content_key")
        await answer(world, thread, message)
        assert await rewriting.settle(world.desk) == "snapshot"
    await rewritten(world)
    for reader in (acme.requester, acme.agent, acme.admin, acme.auditor):
        found = await read(world, reader, thread, message)
        assert found.body is None
        assert found.redaction is not None
        assert (found.redaction.state, found.redaction.text) == ("erased", None)
        assert (found.redaction.by, found.redaction.code) == (("Admin", "Auditor"), "gdpr-17-1")
        assert await preview(world, reader, thread) == "Message erased"
        async with world.desk.read(reader) as work:
            shown = (await conversation(work, thread, None, {})).items
        told = next(item for item in shown if isinstance(item, EventItem) and item.icon == "close")
        assert told.text.startswith("Message erased, asked for by Admin, approved by Auditor: ")
    public, internal = await entries(world, thread), await entries(world, thread, "ticket")
    act, asked = public[-1], internal[-1]
    assert (act["type"], asked["type"]) == ("content.erased", "erasure.asked")
    posted, redacted = public[2], public[3]
    named = {slot["commit"] for slot in posted["content"] if slot["slot"] in ("body", "origin")}
    named |= {slot["commit"] for slot in redacted["content"] if slot["slot"] == "redacted_body"}
    assert set(act["body"].pop("commits")) == named
    assert [ref["id"] for ref in act["refs"]] == [posted["id"], asked["id"]]
    assert act["body"].pop("backups_expire") > act["at"]
    assert act["body"] == {
        "basis": "gdpr-17-1",
        "asked_by": str(acme.admin.member),
        "approved_by": str(acme.auditor.member),
    }
    superuser = await world.superuser()
    for table in ("ledger.content", "ledger.content_key"):
        left = await superuser.fetchval(
            f"select count(*) from {table} where commit = any ($1)", [bytes.fromhex(each) for each in named]
        )
        assert left == 0
    await superuser.close()
    assert await differences(world) == []


async def judged(world: World, patience: timedelta) -> str | None:
    """What is in the way of a rewrite but for a look from before the erasure, such as PostgreSQL's own vacuum has for a moment."""
    for _ in range(200):
        if (reason := await rewriting.settle(world.desk, 0, patience)) != "snapshot":
            return reason
        await asyncio.sleep(0.05)
    return "snapshot"


async def rewritten(world: World) -> None:
    """After an erasure the keys are in another file, once nobody is in the way: who reads is not waited for."""
    superuser = await world.superuser()
    file = await superuser.fetchval("select pg_relation_filepath('ledger.content_key')")
    earlier = await world.superuser()
    await earlier.execute("begin; select 1 from ledger.content_key")
    assert await rewriting.settle(world.desk, 0) == "size"
    await superuser.execute("update ledger.key_gone set at = at - interval '2 days'")
    assert await judged(world, timedelta(hours=20)) == "lock"
    with capture_logs() as logs:
        assert await rewriting.settle(world.desk) == "lock"
    assert [(each["event"], each["reason"]) for each in logs] == [("erased_keys_wait", "lock")]
    await earlier.close()
    assert await superuser.fetchval("select pg_relation_filepath('ledger.content_key')") == file
    kept = await superuser.fetch("select * from ledger.content_key order by commit")
    assert await judged(world, timedelta(0)) is None
    file, once = await superuser.fetchval("select pg_relation_filepath('ledger.content_key')"), file
    assert file != once
    assert await superuser.fetch("select * from ledger.content_key order by commit") == kept
    assert await rewriting.settle(world.desk) is None
    assert await superuser.fetchval("select pg_relation_filepath('ledger.content_key')") == file
    await superuser.close()


async def test_the_switch_takes_two_people(world: World) -> None:
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread)
    with pytest.raises(ErasureOff):
        await ask(world, thread, message)
    for to, by in (("approve", acme.auditor), ("off", acme.admin)):
        with pytest.raises(StateConflict):
            await turn(world, to, by)  # pyright: ignore[reportArgumentType]
    for by in (acme.auditor, acme.agent, acme.requester):
        with pytest.raises(NotPermitted):
            await turn(world, "ask", by)
    assert await turn(world, "ask", acme.admin) == "asked"
    with pytest.raises(ErasureOff):
        await ask(world, thread, message)
    with pytest.raises(NotPermitted):
        await turn(world, "approve", acme.admin)
    with pytest.raises(NotPermitted):
        await turn(world, "approve", acme.agent)
    assert await turn(world, "approve", acme.auditor) == "on"
    with pytest.raises(StateConflict):
        await turn(world, "ask", acme.admin)
    await ask(world, thread, message)
    assert await turn(world, "off", acme.auditor) == "off"
    with pytest.raises(ErasureOff):
        await answer(world, thread, message)
    with pytest.raises(Stale):
        await erasure.turn(world.desk, acme.admin, "ask", "x", _stale)
    for nothing in (" ", "\u200b", "\u3164 \u2800\u0301"):
        with pytest.raises(BadRequest):
            await erasure.turn(world.desk, acme.admin, "ask", nothing, whichever)
    assert await differences(world) == []


def _stale(_: int) -> None:
    raise Stale


async def test_two_people_erase(world: World) -> None:
    """Neither alone, nor anybody else, nor from elsewhere; and what was refused can be asked again."""
    acme, globex, thread = world.acme, world.globex, await opened(world)
    message = await said(world, thread)
    await turned_on(world)
    for by in (acme.auditor, acme.agent, acme.requester):
        with pytest.raises(NotPermitted):
            await ask(world, thread, message, by)
    for outsider in (acme.stranger, globex.admin):
        with pytest.raises(OutsideReach):
            await ask(world, thread, message, outsider)
    with pytest.raises(NothingWaits):
        await answer(world, thread, message)
    await ask(world, thread, message, key="a")
    await ask(world, thread, message, key="a")
    with pytest.raises(StateConflict):
        await ask(world, thread, message, key="b")
    with pytest.raises(NotPermitted):
        await answer(world, thread, message, by=acme.admin)
    for by in (acme.agent, acme.requester):
        with pytest.raises(NotPermitted):
            await answer(world, thread, message, by=by)
    await answer(world, thread, message, approve=False, by=acme.admin)
    with pytest.raises(NothingWaits):
        await answer(world, thread, message)
    await ask(world, thread, message)
    await asyncio.gather(*(answer(world, thread, message, key="once") for _ in range(3)))
    types = [each["type"] for each in (*await entries(world, thread), *await entries(world, thread, "ticket"))]
    assert types.count("content.erased") == 1
    assert types.count("erasure.asked") == 2
    for act in (ask, redact):
        with pytest.raises(Erased):
            await act(world, thread, message)
    assert await differences(world) == []


async def asked_entry(world: World, message: UUID) -> UUID:
    """The entry that asked for the erasure that waits, as a second person sees it."""
    async with world.desk.read(world.acme.auditor) as work:
        (found,) = await queries.waiting(work, message)
    return found.entry.id


async def test_a_second_person_answers_what_they_saw(world: World) -> None:
    """Asked, withdrawn and asked again for another reason: the first page approves and refuses nothing any more."""
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread)
    await turned_on(world)
    await ask(world, thread, message)
    first = await asked_entry(world, message)
    await answer(world, thread, message, approve=False, by=acme.admin, saw=only(first))
    with pytest.raises(Stale):
        await answer(world, thread, message, saw=only(first))
    await erasure.ask(world.desk, acme.admin, thread, message, "court-order", "another", key=None)
    for approve in (True, False):
        with pytest.raises(Stale):
            await answer(world, thread, message, approve=approve, saw=only(first))
    assert (await read(world, acme.requester, thread, message)).body == SECRET
    second = await asked_entry(world, message)
    for _ in range(2):
        await answer(world, thread, message, key="once", saw=only(second))
    assert (await read(world, acme.requester, thread, message)).body is None


@pytest.mark.parametrize("wanted", [Wanted(role=Role.AGENT), Wanted(active=False)])
async def test_what_an_admin_no_more_asked_is_void(
    world: World, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can only be refused, and be asked anew by another admin; the database approves it for nobody either."""
    acme, thread = world.acme, await opened(world)
    message, asker = await said(world, thread), await another_admin(world, "asker")
    await turned_on(world)
    await ask(world, thread, message, asker)
    await change_member(world.desk, acme.admin, asker.member, wanted, whichever)
    async with world.desk.read(acme.auditor) as work:
        assert [each.void for each in await queries.waiting(work)] == [True]
    with pytest.raises(Void):
        await answer(world, thread, message)
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "_ADMIN", "select 1 where $1::uuid is not null and $2::uuid is not null")
        with pytest.raises(asyncpg.PostgresError, match="an admin no more"):
            await answer(world, thread, message)
    await answer(world, thread, message, approve=False)
    await ask(world, thread, message)
    await answer(world, thread, message)
    assert (await read(world, acme.requester, thread, message)).body is None


async def test_a_hold_stops_it(world: World) -> None:
    """From the placing to the release, by whoever is not the eraser; who released it erases nothing here."""
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread)
    await turned_on(world)
    first, second = await place(world, thread), await place(world, thread, acme.admin)
    with pytest.raises(LegalHold):
        await ask(world, thread, message)
    await release(world, thread, first.id)
    await release(world, thread, first.id)
    with pytest.raises(LegalHold):
        await ask(world, thread, message)
    await release(world, thread, second.id, acme.admin)
    with pytest.raises(StateConflict, match="You released a hold"):
        await ask(world, thread, message)
    other = await another_admin(world, "second")
    await ask(world, thread, message, other)
    with pytest.raises(StateConflict, match="You released a hold"):
        await answer(world, thread, message)
    with pytest.raises(StateConflict, match="You asked"):
        await place(world, thread, other)
    third = await place(world, thread)
    with pytest.raises(LegalHold):
        await answer(world, thread, message, by=await another_admin(world, "third"))
    types = [each["type"] for each in await entries(world, thread)]
    assert types[3:] == ["hold.placed", "hold.placed", "hold.released", "hold.released", "hold.placed"]
    async with world.desk.read(acme.auditor) as work:
        found = await queries.holds(work, thread)
        standing = await queries.holds(work, None)
    assert [(each.standing, each.note) for each in found] == [
        (True, "matter 7"),
        (False, "matter 7"),
        (False, "matter 7"),
    ]
    assert [each.id for each in standing] == [third.id]
    assert await differences(world) == []


async def test_who_holds(world: World) -> None:
    acme, globex, thread = world.acme, world.globex, await opened(world)
    hold = await place(world, thread)
    for by in (acme.agent, acme.requester):
        with pytest.raises(NotPermitted):
            await place(world, thread, by)
        with pytest.raises(NotPermitted):
            await release(world, thread, hold.id, by)
    for outsider in (globex.admin, globex.auditor):
        with pytest.raises(OutsideReach):
            await place(world, thread, outsider)
        with pytest.raises(OutsideReach):
            await release(world, thread, hold.id, outsider)
    other = await opened(world)
    with pytest.raises(OutsideReach):
        await release(world, other, hold.id)


async def test_the_database_wants_two_people_too(world: World) -> None:
    """Whoever asked can't turn it on with SQL of their own, nor skip the asking, nor ask in another's name."""
    acme = world.acme
    await turn(world, "ask", acme.admin)
    turning = "update app.erasing set state = $1, asked_by = coalesce($2, asked_by)"
    for state, asked_by in (("on", None), ("on", acme.auditor.member), ("asked", acme.auditor.member)):
        with pytest.raises(asyncpg.PostgresError, match="two people"):
            async with world.desk.change(acme.admin) as change:
                await change.execute(turning, state, asked_by)
    await turn(world, "off", acme.admin)
    for by in (acme.admin, acme.auditor):
        with pytest.raises(asyncpg.PostgresError, match="two people"):
            async with world.desk.change(by) as change:
                await change.execute(turning, "on", None)
    async with world.desk.read(acme.admin) as work:
        assert (await queries.erasing(work)).state == "off"


async def test_no_login_deletes_but_through_the_function(world: World) -> None:
    """And the function wants an entry of the same transaction that says so, by the second person, of one message, with nothing held."""
    acme, thread = world.acme, await opened(world)
    message = await said(world, thread)
    await turned_on(world)
    await ask(world, thread, message)
    for login in ("requester", "agent", "admin", "auditor", "worker"):
        pool = await world.desk.database.pool(f"desk_{login}")
        for table in ("content", "content_key"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(f"delete from ledger.{table}")
    entry = UUID((await entries(world, thread))[2]["id"])
    for by in (acme.admin, acme.auditor):
        with pytest.raises(asyncpg.PostgresError, match="no entry of this transaction"):
            async with world.desk.change(by) as change:
                await change.value("select ledger.erase($1, $2)", entry, message)
    assert (await read(world, acme.requester, thread, message)).body == SECRET
