"""The signed context can't be missing, replayed, edited, minted or borrowed."""

from uuid import UUID

import asyncpg
import pytest

from intruder import DESK_ROLES, context_of, entered, login, put_context
from sealdesk.core.migrate import LOGINS
from world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBE = "select count(*) from app.thread"


async def test_it_works(stage: World) -> None:
    async with entered(stage, stage.acme.agent) as connection:
        assert await connection.fetchval(PROBE) == 2
        assert await connection.fetchval("select sec.org()") == stage.acme.org


@pytest.mark.parametrize("role", [*DESK_ROLES, "worker"])
async def test_without_a_context_there_is_nothing(stage: World, role: str) -> None:
    async with login(stage, f"desk_{role}") as connection:
        assert await connection.fetchval(PROBE) == 0
        await put_context(connection, "")
        assert await connection.fetchval(PROBE) == 0


@pytest.mark.parametrize("role", DESK_ROLES)
async def test_a_context_is_dead_in_the_next_transaction(stage: World, role: str) -> None:
    actor = getattr(stage.acme, role)
    async with login(stage, f"desk_{role}") as connection:
        async with connection.transaction():
            await connection.execute("select sec.enter($1)", actor.session_hash)
            stolen = await context_of(connection)
        assert await connection.fetchval(PROBE) == 0
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="forged"):
            async with connection.transaction():
                await put_context(connection, stolen)
                await connection.fetchval(PROBE)
        await connection.execute("select set_config('desk.context', $1, false)", stolen)
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="forged"):
            await connection.fetchval(PROBE)


async def test_a_context_is_dead_in_another_backend(stage: World) -> None:
    async with entered(stage, stage.acme.agent) as owner, login(stage, "desk_agent") as thief:
        stolen = await context_of(owner)
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="forged"):
            async with thief.transaction():
                await put_context(thief, stolen)
                await thief.fetchval(PROBE)


PARTS = ("kid", "organisation", "member", "role", "time", "backend", "mac")


@pytest.mark.parametrize("part", range(len(PARTS)), ids=PARTS)
async def test_an_edited_context_is_refused(stage: World, part: int) -> None:
    async with entered(stage, stage.acme.agent) as connection:
        parts = (await context_of(connection)).split(".")
        last = "8" if parts[part][-1] == "7" else "7"
        others = {1: str(stage.globex.org), 2: str(stage.acme.admin.member), 3: "admin"}
        parts[part] = others.get(part, f"{parts[part][:-1]}{last}")
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="forged"):
            async with connection.transaction():
                await put_context(connection, ".".join(parts))
                await connection.fetchval(PROBE)


@pytest.mark.parametrize(
    "context", ["x", ".", "......", "1.2.3", "a.b.c.d.e.f.g", "99999999999.1.1.1.1.1.1", "1" * 4000, "\u2028.'; --"]
)
async def test_nonsense_is_refused(stage: World, context: str) -> None:
    async with login(stage, "desk_agent") as connection:
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="forged"):
            async with connection.transaction():
                await put_context(connection, context)
                await connection.fetchval(PROBE)


@pytest.mark.parametrize("own", DESK_ROLES)
@pytest.mark.parametrize("other", DESK_ROLES)
async def test_a_session_enters_by_its_own_login_only(stage: World, own: str, other: str) -> None:
    async with login(stage, f"desk_{other}") as connection, connection.transaction():
        if own == other:
            await connection.execute("select sec.enter($1)", getattr(stage.acme, own).session_hash)
            return
        with pytest.raises(asyncpg.PostgresError) as refused:
            await connection.execute("select sec.enter($1)", getattr(stage.acme, own).session_hash)
        assert refused.value.sqlstate == "SD001"


async def test_an_unknown_or_ended_session_enters_nowhere(stage: World) -> None:
    async with login(stage, "desk_agent") as connection:
        for token in (bytes(32), b"", b"short"):
            with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
                await connection.execute("select sec.enter($1)", token)


@pytest.mark.parametrize("name", LOGINS)
async def test_no_login_reads_a_key_a_session_or_a_password(stage: World, name: str) -> None:
    superuser = await stage.superuser()
    tables = [
        row["name"]
        for row in await superuser.fetch("select 'sec.' || tablename as name from pg_tables where schemaname = 'sec'")
    ]
    await superuser.close()
    assert len(tables) >= 7
    async with login(stage, name) as connection:
        for table in tables:
            for statement in (
                f"select * from {table}",
                f"select count(*) from {table}",
                f"insert into {table} default values",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)


@pytest.mark.parametrize("name", LOGINS)
async def test_no_login_mints_or_becomes_another(stage: World, name: str) -> None:
    nobody = UUID(int=0)
    async with login(stage, name) as connection:
        attempts = [
            f"select sec.mint('{stage.globex.org}', '{nobody}', 'admin')",
            "select sec.mac(1, 'x')",
            "select sec.rotate_context_key()",
            "set role desk_owner",
            "set role desk_context",
            "set session authorization postgres",
            "select pg_read_file('/etc/passwd')",
            "copy (select 1) to program 'true'",
            "create schema mine",
            "create table public.mine (x int)",
            "create table app.mine (x int)",
            "create function app.mine() returns int language sql as 'select 1'",
            "alter role desk_agent superuser",
        ]
        if name != "desk_worker":
            attempts.append(f"select sec.enter_system('{stage.globex.org}')")
        if name != "desk_gate":
            attempts += ["select * from sec.peek('{}')", "select * from sec.memberships(gen_random_uuid())"]
        for attempt in attempts:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(attempt)


async def test_a_definer_function_is_not_led_astray_by_temporary_names(stage: World) -> None:
    """Temporary tables come before all others for names without a schema: the functions must use none."""
    async with login(stage, "desk_agent") as connection:
        for name in ("key", "session", "member", "thread", "idempotency", "pending"):
            await connection.execute(f"create temporary table {name} as select 1 as kid, 'admin'::text as role")
        async with connection.transaction():
            await connection.execute("select sec.enter($1)", stage.acme.agent.session_hash)
            assert await connection.fetchval("select sec.role()") == "agent"


async def test_nobody_sees_the_statements_of_others(stage: World) -> None:
    """A statement can carry a session's hash, which opens that session: logins are shared, so even one's own must not be listed."""
    async with entered(stage, stage.globex.agent) as victim, login(stage, "desk_agent") as spy:
        await victim.execute(f"select 'canary-{stage.globex.agent.session_hash.hex()}'")
        seen = await spy.fetch("select query from pg_stat_activity")
        assert not [
            row["query"] for row in seen if row["query"] and "canary-" in row["query"] and "pg_stat" not in row["query"]
        ]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await spy.execute("set track_activities = on")
