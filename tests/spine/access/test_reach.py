"""Free SQL under an honest context sees its own organisation, and a requester only what is its own and public."""

from collections.abc import Sequence

import asyncpg
import pytest

from intruder import DESK_ROLES, entered, login
from scene import Scene, post
from sealdesk.access.actor import system
from sealdesk.core.db import Connection, Row
from world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACROSS = {"ledger.log", "ledger.head", "ledger.checkpoint", "ledger.published", "ledger.follower", "ledger.verified", "ledger.pending",
          "app.org", "app.export"}  # fmt: skip
"""Where the worker looks for work in all organisations: positions and hashes, names of organisations, the queue of exports."""


async def tables(world: World) -> list[str]:
    connection = await world.superuser()
    rows = await connection.fetch(
        "select schemaname || '.' || tablename as name from pg_tables where schemaname in ('app', 'ledger') order by 1"
    )
    await connection.close()
    return [row["name"] for row in rows]


async def everything(connection: Connection, table: str) -> list[Row]:
    """All rows that the login gets, of the columns that it may read; none where it may read none."""
    rows = await connection.fetch(
        "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped"
        " and has_column_privilege(attrelid, attnum, 'select')",
        table,
    )
    columns = ", ".join(row["attname"] for row in rows)
    return await connection.fetch(f"select {columns} from {table}") if columns else []


def canaries(world: World) -> set[str]:
    """What belongs to the other organisation and would be known again anywhere."""
    return {str(world.globex.org), "Globex", *(str(actor.member) for actor in world.globex.everybody())}


@pytest.mark.parametrize("role", DESK_ROLES)
async def test_no_row_of_another_organisation_is_seen(stage: World, role: str) -> None:
    seen = 0
    async with entered(stage, getattr(stage.acme, role)) as connection:
        for table in await tables(stage):
            for row in await everything(connection, table):
                seen += 1
                text = " ".join(
                    value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row.values()
                )
                assert not [canary for canary in canaries(stage) if canary in text], (table, text)
    assert seen > 100


async def test_the_worker_sees_of_others_only_where_there_is_work(stage: World) -> None:
    found: set[str] = set()
    async with stage.desk.keep(system(stage.acme.org)) as connection:
        for table in await tables(stage):
            if any(row["org_id"] == stage.globex.org for row in await everything(connection, table)):
                found.add(table)
    assert found <= ACROSS


LEAKS = (
    "select count(*) from {0} where pg_temp.leak({0}.*::text)",
    "select count(*) from {0} a join {0} b on pg_temp.leak(b.*::text)",
    "explain analyze select * from {0} where pg_temp.leak({0}.*::text)",
)


@pytest.mark.parametrize("query", LEAKS)
async def test_a_function_of_ones_own_is_shown_no_other_row(stage: World, query: str) -> None:
    """A cheap function in WHERE would be run before the policy, were policies not security barriers."""
    told: list[str] = []
    async with entered(stage, stage.acme.agent) as connection:

        def listener(_: object, message: object) -> None:
            told.append(str(message))

        connection.add_log_listener(listener)
        await connection.execute(
            "create function pg_temp.leak(t text) returns bool language plpgsql cost 0.0000001 as"
            " $$ begin raise notice '%', t; return true; end $$"
        )
        for table in ("app.thread", "app.message", "app.member"):
            await connection.fetch(query.format(table))
        connection.remove_log_listener(listener)
    assert len(told) > 2
    assert not [line for line in told for canary in canaries(stage) if canary in line]


async def test_statistics_and_sequences_tell_nothing(stage: World) -> None:
    superuser = await stage.superuser()
    await superuser.execute("analyze")
    await superuser.close()
    async with entered(stage, stage.acme.agent) as connection:
        assert (
            await connection.fetch(
                "select tablename, most_common_vals::text from pg_stats where schemaname in ('app', 'ledger')"
            )
            == []
        )
        for statement in ("select last_value from ledger.entry_qid_seq", "select nextval('ledger.entry_qid_seq')"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.fetchval(statement)


@pytest.mark.parametrize("role", DESK_ROLES)
async def test_row_security_is_not_to_be_switched_off(stage: World, role: str) -> None:
    async with entered(stage, getattr(stage.acme, role)) as connection:
        await connection.execute("set local row_security = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("select * from app.thread")


@pytest.mark.parametrize("role", ["agent", "admin", "worker"])
async def test_nothing_is_written_into_another_organisation(stage: World, scene: Scene, role: str) -> None:
    own, other = stage.acme, stage.globex
    writes = [
        (
            "insert into app.thread_member (org_id, thread_id, member_id) values ($1, $2, $3)",
            other.org,
            scene.foreign,
            other.agent.member,
        ),
        ("insert into ledger.content_key (org_id, commit, wrapped) values ($1, $2, $2)", other.org, bytes(32)),
        ("insert into ledger.pending (org_id, qid) values ($1, 1)", other.org),
    ]
    changes = [
        ("update app.ticket set status = 'closed' where thread_id = $1", scene.foreign),
        ("update app.thread set locked = true where thread_id = $1", scene.foreign),
        ("update ledger.stream set seq = 0 where stream_id = $1", scene.foreign),
    ]
    if role == "worker":
        async with login(stage, "desk_worker") as connection, connection.transaction():
            await connection.execute("select sec.enter_system($1)", own.org)
            await _refuse_all(connection, writes, changes)
    else:
        async with entered(stage, getattr(own, role)) as connection:
            await _refuse_all(connection, writes, changes)


async def _refuse_all(
    connection: Connection, writes: Sequence[tuple[object, ...]], changes: Sequence[tuple[object, ...]]
) -> None:
    for statement, *arguments in writes:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute(str(statement), *arguments)
    for statement, *arguments in changes:
        assert await connection.execute(str(statement), *arguments) == "UPDATE 0"


@pytest.mark.parametrize("role", ["agent", "admin"])
async def test_a_foreign_key_does_not_reach_another_organisation(stage: World, scene: Scene, role: str) -> None:
    """Own organisation in the row, the other one's id in the reference: as if the id did not exist."""
    actor = getattr(stage.acme, role)
    async with entered(stage, actor) as connection:
        for thread in (scene.foreign, stage.acme.org):
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                async with connection.transaction():
                    await connection.execute(
                        "insert into app.thread_member values ($1, $2, $3)", actor.org, thread, actor.member
                    )
        for member in (stage.globex.agent.member, stage.acme.org):
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                async with connection.transaction():
                    await connection.execute(
                        "update app.ticket set assignee_id = $1 where org_id = $2", member, actor.org
                    )


async def test_a_requester_sees_its_own_threads_and_no_desk_work(stage: World, scene: Scene) -> None:
    own, others = scene.threads
    async with entered(stage, stage.acme.requester) as connection:
        assert [row["thread_id"] for row in await connection.fetch("select thread_id from app.thread")] == [own]
        assert (
            await connection.fetchval(
                "select count(*) from app.message where thread_id <> $1 or visibility <> 'public'", own
            )
            == 0
        )
        assert (
            await connection.fetchval(
                "select count(*) from app.member where member_id <> $1", stage.acme.requester.member
            )
            == 0
        )
        streams = await connection.fetch("select distinct stream_kind, stream_id from ledger.entry")
        assert {(row["stream_kind"], row["stream_id"]) for row in streams} == {
            ("thread", own),
            ("user", stage.acme.requester.member),
        }
        assert (
            await connection.fetchval(
                "select count(*) from ledger.content where slot = 'origin' and stream_kind <> 'user'"
            )
            == 0
        )
        assert await connection.fetchval("select count(*) from ledger.content where stream_id = $1", others) == 0
        content = await connection.fetchval("select count(*) from ledger.content")
        assert await connection.fetchval("select count(*) from ledger.content_key") == content


async def test_a_requester_sees_of_its_ticket_what_is_public(stage: World, scene: Scene) -> None:
    async with entered(stage, stage.acme.stranger) as connection:
        row = await connection.fetchrow("select number, status from app.ticket")
        assert row is not None
        assert (row["number"], row["status"]) == (1, "pending")
        for column in ("priority", "assignee_id", "version", "*"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.fetch(f"select {column} from app.ticket")
        kinds = await connection.fetch("select type from ledger.entry where stream_kind = 'ticket'")
        assert [row["type"] for row in kinds] == ["ticket.created"]
        assert await connection.fetchval("select count(*) from ledger.stream where kind = 'ticket'") == 0


@pytest.mark.parametrize("column", ["author_id", "visibility", "org_id"])
async def test_a_message_says_who_wrote_it(stage: World, scene: Scene, column: str) -> None:
    """Author, organisation and visibility of a row are what the context says, whatever the statement says."""
    actor = stage.acme.requester
    values: dict[str, object] = {"author_id": actor.member, "visibility": "public", "org_id": actor.org}
    values |= {
        column: {"author_id": stage.acme.agent.member, "visibility": "internal", "org_id": stage.globex.org}[column]
    }
    async with entered(stage, actor) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "insert into app.message (org_id, message_id, thread_id, stream_kind, seq, visibility, author_id, at, entry_id,"
                " body_commit) values ($1, gen_random_uuid(), $2, $3, 9999, $4, $5, now(), gen_random_uuid(), $6)",
                values["org_id"],
                scene.threads[0],
                "thread" if values["visibility"] == "public" else "ticket",
                values["visibility"],
                values["author_id"],
                bytes(32),
            )


async def test_an_entry_names_its_actor(stage: World, scene: Scene) -> None:
    """An entry whose bytes name somebody else is refused by the database."""
    superuser = await stage.superuser()
    query = "select entry from ledger.entry where org_id = $1 and type = 'message.posted' limit 1"
    entry = await superuser.fetchval(query, stage.acme.org)
    await superuser.close()
    async with entered(stage, stage.acme.admin) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "insert into ledger.entry (org_id, entry_id, stream_kind, stream_id, stream_seq, type, at, entry, leaf_hash)"
                " values ($1, gen_random_uuid(), 'thread', $2, 9999, 'message.posted', now(), $3, sha256('\\x00'::bytea || $3))",
                stage.acme.org,
                scene.threads[0],
                entry,
            )


async def test_the_gate_sees_no_conversation(stage: World) -> None:
    async with login(stage, "desk_gate") as connection:
        for table in await tables(stage):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"select * from {table}")


async def test_the_sequencer_sees_no_content(stage: World, scene: Scene) -> None:
    await post(stage, stage.acme.agent, scene.threads[0], "sealed")
    async with login(stage, "desk_sequencer") as connection:
        for table in ("ledger.content", "ledger.content_key", "app.message", "app.thread", "app.member"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"select * from {table}")
