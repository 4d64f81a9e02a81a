"""The jobs that verify the record by the clock, and what follows from what they find."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from structlog.testing import capture_logs

import forger
from scene import Scene, any_version, post
from sealdesk.core.db import Connection
from sealdesk.core.errors import StateConflict
from sealdesk.ledger import checkpoint
from sealdesk.ledger.signer.refusal import Code, SignerRefused
from sealdesk.tickets.commands import change_ticket
from sealdesk.tickets.model import Work
from sealdesk.verification.commands import settle, thaw
from sealdesk.verification.jobs import Outcome
from sealdesk.verification.timers import Timers, verify
from world import World

SYS = UUID(int=0)


@asynccontextmanager
async def office(world: World) -> AsyncGenerator[Connection]:
    connection = await world.desk.database.connect("desk_verifier")
    try:
        yield connection
    finally:
        await connection.close()


async def one_round(world: World, **clock: float) -> list[Outcome]:
    async with office(world) as connection:
        return await Timers(world.desk, world.signer, **clock).round(connection)


async def runs(world: World, org: UUID) -> list[tuple[str, str, str | None]]:
    """The `verify.run` entries of a log: job, result, finding."""
    connection = await world.superuser()
    try:
        rows = await connection.fetch(
            "select convert_from(entry, 'UTF8')::json -> 'body' ->> 'job' as job, convert_from(entry, 'UTF8')::json -> 'body' ->> 'result'"
            " as result, convert_from(entry, 'UTF8')::json -> 'body' ->> 'finding' as finding from ledger.entry"
            " where org_id = $1 and type = 'verify.run' order by qid",
            org,
        )
        return [(row["job"], row["result"], row["finding"]) for row in rows]
    finally:
        await connection.close()


async def as_superuser(world: World, statement: str, *arguments: object) -> None:
    connection = await world.superuser()
    try:
        await forger.unguard(connection)
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


async def test_a_round_finds_an_honest_desk_whole_and_only_the_night_leaves_entries(drill: World) -> None:
    outcomes = await one_round(drill)
    assert [outcome.difference for outcome in outcomes] == [None] * len(outcomes)
    assert sorted({(outcome.job, outcome.org) for outcome in outcomes}) == sorted(
        (job, org) for job in ("incremental", "full", "state") for org in (SYS, drill.acme.org, drill.globex.org)
    )
    assert await runs(drill, drill.acme.org) == [("full", "ok", None), ("state", "ok", None)]
    assert {outcome.job for outcome in await one_round(drill)} <= {"incremental"}


async def test_a_run_that_would_cover_only_runs_writes_no_entry(drill: World) -> None:
    await one_round(drill)
    await drill.seal()
    await one_round(drill, nightly_every=0)
    assert len(await runs(drill, drill.globex.org)) == 2
    await post(drill, drill.globex.agent, await thread_of(drill, drill.globex.org), "something happened")
    await drill.seal()
    await one_round(drill, nightly_every=0)
    assert len(await runs(drill, drill.globex.org)) == 4


async def test_an_incremental_run_covers_what_is_new_and_starts_where_it_ended(drill: World, scene: Scene) -> None:
    org = drill.acme.org
    (first,) = await verify(drill.desk, drill.signer, org, ["incremental"])
    await settle(drill.desk, drill.signer, first)
    for number in range(5):
        await post(drill, drill.acme.agent, scene.threads[0], f"new {number}")
    await drill.seal()
    (second,) = await verify(drill.desk, drill.signer, org, ["incremental"])
    assert (first.start, second.start, second.size) == (0, first.size, first.size + 5)
    assert first.ok
    assert second.ok


async def test_an_incremental_run_names_what_was_edited_since(drill: World, scene: Scene) -> None:
    org = drill.acme.org
    (first,) = await verify(drill.desk, drill.signer, org, ["incremental"])
    await settle(drill.desk, drill.signer, first)
    posted = await post(drill, drill.acme.agent, scene.threads[0], "to be edited")
    await drill.seal()
    await as_superuser(
        drill,
        "update ledger.entry set entry = overlay(entry placing '\\x58' from 20 for 1) where entry_id = $1",
        posted.entry_id,
    )
    (second,) = await verify(drill.desk, drill.signer, org, ["incremental"])
    assert second.difference
    assert second.difference.finding == "entry.hash"


async def test_an_incremental_run_knows_the_root_it_verified_before(drill: World, scene: Scene) -> None:
    org = drill.acme.org
    (first,) = await verify(drill.desk, drill.signer, org, ["incremental"])
    await settle(drill.desk, drill.signer, first)
    connection = await drill.superuser()
    rows = await forger.entries(connection, org)
    rows[3].entry["nonce"] = "12" * 16
    await forger.rewrite(connection, org, rows)
    await connection.close()
    (second,) = await verify(drill.desk, drill.signer, org, ["incremental"])
    assert second.difference
    assert second.difference.finding == "verified.root"


async def test_a_failure_freezes_the_log_raises_an_alarm_and_is_on_record_once(drill: World, scene: Scene) -> None:
    org, origin = drill.acme.org, drill.desk.origin(drill.acme.org)
    await as_superuser(drill, "update app.ticket set status = 'closed' where org_id = $1", org)
    with capture_logs() as logs:
        await one_round(drill, nightly_every=0)
        await one_round(drill, nightly_every=0)
    alarms = [line for line in logs if line["event"] == "security.verification_failed"]
    assert {(line["log_level"], line["finding"], line["org"]) for line in alarms} == {
        ("critical", "state.ticket.status", str(org))
    }
    assert [freeze.origin for freeze in (await drill.signer.status()).frozen] == [origin]
    assert ("state", "failed", "state.ticket.status") in await runs(drill, org)
    assert sum(result == "failed" for _, result, _ in await runs(drill, org)) == 1

    # The desk goes on, unsealed.
    posted = await post(drill, drill.acme.requester, scene.threads[0], "is anybody there?")
    await forger.sequence_all(drill.sequencer, org)
    with pytest.raises(SignerRefused) as refused:
        await checkpoint.sign(drill.sequencer, drill.signer, org)
    assert refused.value.code is Code.FROZEN
    assert posted.seq > 1


async def test_a_log_is_thawed_on_record_and_only_if_frozen(drill: World) -> None:
    org, origin = drill.acme.org, drill.desk.origin(drill.acme.org)
    with pytest.raises(StateConflict):
        await thaw(drill.desk, drill.signer, origin, "nothing happened")
    await drill.signer.freeze(origin, "a drill")
    await thaw(drill.desk, drill.signer, origin, "the disk was replaced and the record is whole")
    assert (await drill.signer.status()).frozen == ()
    connection = await drill.superuser()
    body = await connection.fetchval(
        "select convert_from(entry, 'UTF8')::json -> 'body' from ledger.entry"
        " where org_id = $1 and type = 'operator.access' order by qid desc limit 1",
        SYS,
    )
    await connection.close()
    assert "signer.thawed" in body
    assert str(org) in body
    await drill.seal()


async def test_a_log_found_whole_again_stays_frozen_until_a_person_thaws_it(drill: World) -> None:
    org, origin = drill.acme.org, drill.desk.origin(drill.acme.org)
    await as_superuser(drill, "update app.ticket set priority = 'low' where org_id = $1", org)
    await one_round(drill, nightly_every=0)
    await as_superuser(drill, "update app.ticket set priority = 'urgent' where org_id = $1", org)
    await one_round(drill, nightly_every=0)
    assert (await runs(drill, org))[-1][:2] == ("state", "ok")
    assert [freeze.origin for freeze in (await drill.signer.status()).frozen] == [origin]


async def test_two_workers_do_not_verify_at_once(drill: World) -> None:
    stop = asyncio.Event()
    async with office(drill) as other:
        await other.execute("select pg_advisory_lock(7325422)")
        running = asyncio.create_task(Timers(drill.desk, drill.signer, incremental_every=0.05).run(stop))
        await asyncio.sleep(0.5)
        assert await runs(drill, drill.acme.org) == []
    for _ in range(100):
        if await runs(drill, drill.acme.org):
            break
        await asyncio.sleep(0.1)
    stop.set()
    await running
    assert await runs(drill, drill.acme.org)


EDITS = {
    "state.ticket.priority": "update app.ticket set priority = 'low'",
    "state.ticket.status": "update app.ticket set status = 'solved'",
    "state.ticket.assignee_id": "update app.ticket set assignee_id = null where assignee_id is not null",
    "state.ticket.number": "update app.ticket set number = 77",
    "state.ticket.missing": "delete from app.ticket",
    "state.ticket.version": "update app.ticket set version = 40",
    "state.thread.locked": "update app.thread set locked = true",
    "state.thread.closed": "update app.thread set closed = true",
    "state.escalation.standing": "update app.escalation set standing = not standing",
    "state.redaction.state": "update app.redaction set state = 'lifted'",
    "state.hold.missing": "delete from app.hold",
    "state.erasing.state": "alter table app.erasing disable trigger two_people; update app.erasing set state = 'off'",
    "state.thread.subject_commit": "update app.thread set subject_commit = sha256(subject_commit)",
    "state.thread.opener_id": "update app.thread set opener_id = gen_random_uuid()",
    "state.thread_member.unrecorded": "insert into app.thread_member select org_id, thread_id, gen_random_uuid()"
    " from app.thread limit 1",
    "state.thread_member.missing": "delete from app.thread_member",
    "state.message.body_commit": "update app.message set body_commit = sha256(body_commit)",
    "state.message.author_id": "update app.message set author_id = gen_random_uuid()",
    "state.message.at": "update app.message set at = at - interval '1 day'",
    "state.message.missing": "delete from app.message where seq = 9",
    "state.member.role": "update app.member set role = 'admin' where role = 'requester'",
    "state.member.active": "update app.member set active = false where role = 'auditor'",
    "state.member.unrecorded": "insert into app.member values ((select min(org_id::text)::uuid from app.org), gen_random_uuid(),"
    " gen_random_uuid(), 'admin', 'Mallory')",
    "state.counter.value": "update app.counter set value = 0",
}


@pytest.mark.parametrize("finding", EDITS)
async def test_each_edit_of_a_table_is_named(drill: World, finding: str) -> None:
    await as_superuser(drill, EDITS[finding])
    found: set[str] = set()
    for org in (drill.acme.org, drill.globex.org):
        (outcome,) = await verify(drill.desk, drill.signer, org, ["state"])
        if outcome.difference:
            found.add(outcome.difference.finding)
    assert found == {finding}


async def test_a_change_of_a_ticket_that_was_never_recorded_is_named(drill: World, scene: Scene) -> None:
    await change_ticket(drill.desk, drill.acme.agent, scene.threads[1], Work(status="solved"), any_version)
    await as_superuser(
        drill, "update app.ticket set assignee_id = $1 where thread_id = $2", drill.acme.admin.member, scene.threads[1]
    )
    (outcome,) = await verify(drill.desk, drill.signer, drill.acme.org, ["state"])
    assert outcome.difference
    assert outcome.difference.key == str(scene.threads[1])
    assert str(drill.acme.admin.member) in outcome.difference.found


async def thread_of(world: World, org: UUID) -> UUID:
    connection = await world.superuser()
    try:
        return await connection.fetchval("select thread_id from app.thread where org_id = $1", org)
    finally:
        await connection.close()
