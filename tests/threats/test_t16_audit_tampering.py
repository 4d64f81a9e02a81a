"""T16: whoever rules the database edits, deletes, reorders, truncates, back-dates or rolls back, and is found out, by name.

Rows as in ledger.md 12. Each drill says who finds it: `fsck` (also as the nightly verification), the signer, or both.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

import forger
from databases import clone
from scene import SCENE, Scene, post, rolled_back
from sealdesk.core.db import Connection
from sealdesk.ledger import checkpoint
from sealdesk.ledger.clockwork import Clockwork
from sealdesk.ledger.fsck import Difference, Report, fsck
from sealdesk.ledger.signer.refusal import Code, SignerRefused
from sealdesk.threads.commands import open_thread
from sealdesk.threads.model import Draft
from sealdesk.verification.timers import Timers
from world import World

SYS = UUID(int=0)


async def differences(world: World) -> list[Difference]:
    report: Report = await fsck(world.desk.database, world.signer, sealer=world.desk.sealer)
    return list(report.differences())


async def only_difference(world: World) -> Difference:
    (found,) = await differences(world)
    return found


async def strike(world: World, attack: Callable[[Connection], Awaitable[Any]]) -> Any:
    connection = await world.superuser()
    try:
        return await attack(connection)
    finally:
        await connection.close()


async def signer_refuses(world: World, org: UUID) -> Code:
    """What the signer says to the next checkpoint of the log, which has grown by then."""
    with pytest.raises(SignerRefused) as refused:
        await checkpoint.sign(world.sequencer, world.signer, org)
    return refused.value.code


async def test_row_1_an_edited_entry_is_named_by_fsck(drill: World) -> None:
    async def attack(connection: Connection) -> int:
        await forger.unguard(connection)
        row = await forger.message(connection, drill.acme.org, 20)
        edited = row["entry"].replace(b'"public"', b'"hidden"')
        await connection.execute(
            "update ledger.entry set entry = $3 where org_id = $1 and qid = $2", row["org_id"], row["qid"], edited
        )
        return row["qid"]

    qid = await strike(drill, attack)
    found = await only_difference(drill)
    assert (found.table, found.key, found.finding) == ("ledger.entry", f"qid {qid}", "entry.hash")
    assert found.origin == drill.desk.origin(drill.acme.org)


async def test_row_2_a_consistent_rewrite_is_named_by_fsck_and_refused_by_the_signer(drill: World) -> None:
    org = drill.acme.org

    async def attack(connection: Connection) -> None:
        rows = await forger.entries(connection, org)
        victim = next(row for row in rows if row.entry["type"] == "message.posted")
        victim.entry["nonce"] = "ab" * 16
        await forger.rewrite(connection, org, rows, keep_checkpoints=True)

    await strike(drill, attack)
    found = await only_difference(drill)
    assert (found.table, found.finding) == ("ledger.checkpoint", "checkpoint.history")
    await post(drill, drill.acme.agent, await some_thread(drill), "and on it goes")
    await forger.sequence_all(drill.sequencer, org)
    assert await signer_refuses(drill, org) is Code.INCONSISTENT


async def test_row_2_without_its_checkpoints_the_signers_memory_and_sys_still_tell(drill: World) -> None:
    org = drill.acme.org

    async def attack(connection: Connection) -> None:
        rows = await forger.entries(connection, org)
        rows[30].entry["nonce"] = "cd" * 16
        await forger.rewrite(connection, org, rows)

    await strike(drill, attack)
    sys, found = await differences(drill)
    assert (sys.origin, sys.finding) == (drill.desk.origin(SYS), "published.missing")
    assert (found.origin, found.finding) == (drill.desk.origin(org), "signer.root")


async def test_row_3_deleted_entries_are_missed_by_fsck(drill: World) -> None:
    async def attack(connection: Connection) -> tuple[int, int]:
        await forger.unguard(connection)
        row = await forger.message(connection, drill.acme.org, 20)
        for table in ("entry", "leaf"):
            await connection.execute(
                f"delete from ledger.{table} where org_id = $1 and qid = $2", row["org_id"], row["qid"]
            )
        return row["qid"], row["idx"]

    _, index = await strike(drill, attack)
    found = await only_difference(drill)
    assert (found.table, found.key, found.finding) == ("ledger.leaf", f"idx {index}", "leaf.gap")


async def test_row_3_a_deletion_that_closes_the_gap_breaks_the_stream(drill: World) -> None:
    async def attack(connection: Connection) -> int:
        await forger.unguard(connection)
        row = await forger.message(connection, drill.acme.org, 20)
        for table in ("entry", "leaf"):
            await connection.execute(
                f"delete from ledger.{table} where org_id = $1 and qid = $2", row["org_id"], row["qid"]
            )
        await connection.execute("alter table ledger.leaf drop constraint leaf_pkey")
        await connection.execute(
            "update ledger.leaf set idx = idx - 1 where org_id = $1 and idx > $2", row["org_id"], row["idx"]
        )
        return row["stream_id"]

    thread = await strike(drill, attack)
    found = await only_difference(drill)
    assert (found.table, found.key, found.finding) == ("ledger.entry", f"thread {thread} #20", "stream.gap")


async def test_reordered_leaves_are_named_by_fsck(drill: World) -> None:
    org = drill.acme.org

    async def attack(connection: Connection) -> None:
        rows = await forger.entries(connection, org)
        # Two entries of different streams, so that no chain notices: only their order in the log differs.
        other = next(
            i for i in range(40, len(rows) - 1) if rows[i].entry["stream"]["id"] != rows[i + 1].entry["stream"]["id"]
        )
        rows[other], rows[other + 1] = rows[other + 1], rows[other]
        await forger.rewrite(connection, org, rows, keep_checkpoints=True)

    await strike(drill, attack)
    found = await only_difference(drill)
    assert (found.table, found.finding) == ("ledger.checkpoint", "checkpoint.history")


async def test_row_4_a_truncated_log_is_named_by_fsck_and_refused_by_the_signer(drill: World) -> None:
    org = drill.acme.org

    async def attack(connection: Connection) -> int:
        rows = (await forger.entries(connection, org))[:-5]
        await forger.rewrite(connection, org, rows)
        return len(rows)

    left = await strike(drill, attack)
    found = [each for each in await differences(drill) if each.origin == drill.desk.origin(org)]
    assert [each.finding for each in found] == ["signer.ahead"]
    assert f"found {left}" in found[0].sentence()
    assert await signer_refuses(drill, org) is Code.SMALLER


async def test_row_4_a_whole_database_rolled_back_is_named_by_fsck_and_refused_by_the_signer(
    drill: World, scene: Scene
) -> None:
    org = drill.acme.org
    await post(drill, drill.acme.agent, scene.threads[0], "after the backup")
    await drill.seal()
    with clone(scene.cluster, SCENE) as backup:
        restored = rolled_back(drill, backup.admin_dsn)
        try:
            found = await differences(restored)
            assert {each.origin: each.finding for each in found} == {
                drill.desk.origin(SYS): "signer.ahead",
                drill.desk.origin(org): "signer.ahead",
            }
            assert "rolled back or truncated" in found[0].sentence()
            sequencer = await restored.desk.database.connect("desk_sequencer")
            with pytest.raises(SignerRefused) as refused:
                await checkpoint.sign(sequencer, drill.signer, org)
            assert refused.value.code is Code.SMALLER
            assert refused.value.alarm
            await sequencer.close()
        finally:
            await restored.desk.database.close()


async def test_a_log_that_vanished_is_missed_by_the_signer(drill: World) -> None:
    org = drill.globex.org

    async def attack(connection: Connection) -> None:
        await forger.unguard(connection)
        rows = await connection.fetch(
            "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'ledger'"
        )
        for row in rows:
            await connection.execute(f"delete from {row['name']} where org_id = $1", org)

    await strike(drill, attack)
    found = {(each.origin, each.finding) for each in await differences(drill)}
    assert (drill.desk.origin(org), "signer.log") in found
    assert (drill.desk.origin(SYS), "published.missing") in found


async def test_row_5_a_deleted_pending_entry_breaks_its_stream(drill: World, scene: Scene) -> None:
    for body in ("first", "second"):
        await post(drill, drill.acme.agent, scene.threads[0], body)

    async def attack(connection: Connection) -> None:
        await forger.unguard(connection)
        qid = await connection.fetchval("select min(qid) from ledger.pending")
        await connection.execute("delete from ledger.pending where qid = $1", qid)
        await connection.execute("delete from ledger.entry where qid = $1", qid)

    await strike(drill, attack)
    found = await only_difference(drill)
    assert (found.table, found.finding) == ("ledger.entry", "stream.gap")
    assert found.key.startswith(f"thread {scene.threads[0]} #")


async def test_row_5_an_entry_taken_out_of_the_queue_is_lost(drill: World, scene: Scene) -> None:
    posted = await post(drill, drill.acme.agent, scene.threads[0], "never to be sealed")
    qid = await strike(drill, lambda c: c.fetchval("delete from ledger.pending where true returning qid"))
    found = await only_difference(drill)
    assert (found.table, found.key, found.finding) == ("ledger.entry", f"qid {qid}", "entry.lost")
    assert found.expected == "a leaf, or a place in the queue"
    assert posted.index is None


async def test_row_7_a_back_dated_entry_is_named_by_fsck(drill: World) -> None:
    org = drill.acme.org

    async def attack(connection: Connection) -> int:
        await forger.unguard(connection)
        row = forger.backdated((await forger.message(connection, org, 20))["entry"], "2020-01-01T00:00:00.000000Z")
        await forger.insert(connection, org, row)
        await connection.execute("insert into ledger.pending (org_id, qid) values ($1, $2)", org, row.qid)
        stream = row.entry["stream"]["id"]
        await connection.execute(
            "insert into ledger.stream values ($1, 'user', $2::text::uuid, 1, $3, '2020-01-01T00:00:00Z')",
            org,
            stream,
            row.leaf,
        )
        return row.qid

    qid = await strike(drill, attack)
    await drill.seal()  # the signer can't know better: the log only grew
    found = await only_difference(drill)
    assert (found.table, found.key, found.finding) == ("ledger.entry", f"qid {qid}", "entry.back_dated")


async def test_row_8_an_entry_of_the_future_is_named_by_fsck(drill: World) -> None:
    org = drill.acme.org

    async def attack(connection: Connection) -> None:
        await forger.unguard(connection)
        row = forger.backdated((await forger.message(connection, org, 20))["entry"], "2999-01-01T00:00:00.000000Z")
        await forger.insert(connection, org, row)
        await connection.execute("insert into ledger.pending (org_id, qid) values ($1, $2)", org, row.qid)

    await strike(drill, attack)
    await drill.seal()
    assert (await only_difference(drill)).finding == "entry.forward_dated"


async def test_row_12_a_second_entry_with_one_number_can_not_be_stored_and_is_named_where_the_key_is_gone(
    drill: World,
) -> None:
    org = drill.acme.org

    async def attack(connection: Connection) -> int:
        await forger.unguard(connection)
        await connection.execute(
            "alter table ledger.entry drop constraint entry_org_id_stream_kind_stream_id_stream_seq_key"
        )
        await connection.execute("alter table ledger.entry drop constraint entry_org_id_entry_id_key")
        row = await forger.message(connection, org, 20)
        twin = forger.Row(20_000_000, forger.canonical.decode(row["entry"]))  # type: ignore[arg-type]
        twin.entry["nonce"] = "ef" * 16
        twin.data = forger.canonical.encode(twin.entry)
        twin.leaf = forger.leaf_hash(twin.data)
        await forger.insert(connection, org, twin)
        await connection.execute("insert into ledger.pending (org_id, qid) values ($1, $2)", org, twin.qid)
        return row["stream_id"]

    thread = await strike(drill, attack)
    await forger.sequence_all(drill.sequencer, org)
    found = await only_difference(drill)
    assert (found.table, found.key, found.finding) == ("ledger.entry", f"thread {thread} #20", "stream.fork")


async def test_a_checkpoint_that_nobody_signed_is_named_by_fsck(drill: World) -> None:
    async def attack(connection: Connection) -> int:
        await forger.unguard(connection)
        return await connection.fetchval(
            "update ledger.checkpoint set note = overlay(note placing '\\x41'::bytea from octet_length(note) - 8 for 1)"
            " where org_id = $1 and size = (select max(size) from ledger.checkpoint where org_id = $1) returning size",
            drill.acme.org,
        )

    size = await strike(drill, attack)
    found = await only_difference(drill)
    assert (found.table, found.key, found.finding) == ("ledger.checkpoint", f"size {size}", "checkpoint.note")


@pytest.mark.parametrize("whose", ["org", "sys"])
async def test_deleted_checkpoints_are_missed(drill: World, whose: str) -> None:
    """Each signed word counts: the signer knows how many it gave."""
    org = drill.acme.org if whose == "org" else SYS
    await post(drill, drill.acme.agent, await some_thread(drill), "one more checkpoint")
    await drill.seal()

    async def attack(connection: Connection) -> int:
        await forger.unguard(connection)
        first = await connection.fetchval("select min(size) from ledger.checkpoint where org_id = $1", org)
        await connection.execute("delete from ledger.checkpoint where org_id = $1 and size = $2", org, first)
        return await connection.fetchval("select count(*) from ledger.checkpoint where org_id = $1", org)

    left = await strike(drill, attack)
    found = {each.origin: (each.finding, each.found) for each in await differences(drill)}
    assert found[drill.desk.origin(org)] == ("checkpoint.missing", str(left))


@pytest.mark.parametrize(
    "attack",
    [
        "update ledger.entry set type = 'content.erased' where org_id = $1 and type = 'message.posted'",
        "update ledger.entry set entry = '{}', leaf_hash = sha256('\\x00'::bytea || '{}') where org_id = $1 and type = 'message.posted'",
        "update ledger.head set size = size - 1 where org_id = $1",
        "update ledger.head set edge = '{}' where org_id = $1",
    ],
)
async def test_what_nobody_foresaw_is_a_difference_too(drill: World, attack: str) -> None:
    """Checks that stumble have failed: fsck names the log, the clock of verification freezes it, and other logs go on."""

    async def strike_at_all(connection: Connection) -> None:
        await forger.unguard(connection)
        await connection.execute(attack, drill.acme.org)

    await strike(drill, strike_at_all)
    found = await only_difference(drill)
    assert found.origin == drill.desk.origin(drill.acme.org)
    await post(drill, drill.acme.agent, await some_thread(drill), "and on")
    connection = await drill.desk.database.connect("desk_verifier")
    for _ in range(2):
        await Timers(drill.desk, drill.signer, nightly_every=0.0).round(connection)
    await connection.close()
    assert [each.origin for each in (await drill.signer.status()).frozen] == [found.origin]


async def test_a_log_that_stands_still_holds_up_no_other(drill: World) -> None:
    """The clockwork goes on with the others, and says which does not."""

    async def attack(connection: Connection) -> None:
        await forger.unguard(connection)
        await connection.execute("update ledger.head set size = size - 1 where org_id = $1", drill.acme.org)

    await strike(drill, attack)
    stop = asyncio.Event()
    with capture_logs() as logs:
        work = asyncio.create_task(Clockwork(drill.desk.database, drill.signer, drill.desk.ledger_name).run(stop))
        await post(drill, drill.acme.agent, await some_thread(drill), "never sequenced")
        draft = Draft("sealed all the same")
        thread = await open_thread(drill.desk, drill.globex.agent, "x", draft, "chat", key=None, origin=None)
        async with asyncio.timeout(20):
            while not await _sealed(drill, thread):  # noqa: ASYNC110 - the database tells no one
                await asyncio.sleep(0.05)
        stop.set()
        await work
    (alarm,) = [each for each in logs if each["event"] == "security.ledger_stands_still"]
    assert (alarm["log_level"], alarm["org"]) == ("critical", str(drill.acme.org))


async def _sealed(world: World, thread: UUID) -> bool:
    connection = await world.superuser()
    try:
        return await connection.fetchval(
            "select exists (select from ledger.entry e join ledger.leaf l using (org_id, qid) join ledger.checkpoint c using (org_id)"
            " where e.stream_id = $1 and c.size > l.idx)",
            thread,
        )
    finally:
        await connection.close()


async def test_content_without_its_key_is_named_unless_it_was_erased(drill: World) -> None:
    commit = await strike(
        drill,
        lambda c: c.fetchval(
            "delete from ledger.content_key where ctid = (select min(ctid) from ledger.content_key) returning commit"
        ),
    )
    found = await only_difference(drill)
    assert (found.table, found.key, found.finding) == ("ledger.content_key", commit.hex(), "content_key.missing")


async def some_thread(world: World) -> UUID:
    async with world.desk.read(world.acme.requester) as reading:
        found = await reading.value("select thread_id from app.thread limit 1")
        assert isinstance(found, UUID)
        return found
