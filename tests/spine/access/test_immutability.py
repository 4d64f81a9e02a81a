"""What is recorded stays: whoever tries, and however."""

from contextlib import nullcontext, suppress

import pytest

from intruder import Undone, attempt, entered, login
from sealdesk.core.migrate import LOGINS
from world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLES = (
    "ledger.entry", "ledger.leaf", "ledger.tile", "ledger.checkpoint", "ledger.published", "ledger.log",
    "app.message", "app.imported", "app.export_stream",
)  # fmt: skip
DENIED = ("42501", "SD010", "0A000")
"""Insufficient privilege, our own trigger, and COPY FROM, which row security does not allow."""

CHANGES = (
    "update {0} set org_id = org_id",
    "update only {0} set org_id = gen_random_uuid() where true",
    "delete from {0}",
    "truncate {0}",
    "truncate {0} cascade",
    "merge into {0} t using (select 1) s on true when matched then delete",
    "merge into {0} t using (select 1) s on true when matched then update set org_id = t.org_id",
    "insert into {0} overriding system value select * from {0} on conflict on constraint {1}_pkey do update set org_id = excluded.org_id",
    "with gone as (delete from {0} returning *) select count(*) from gone",
    "select * from {0} for update",
)
DEFINITIONS = (
    "drop table {0}",
    "drop table {0} cascade",
    "alter table {0} disable trigger all",
    "alter table {0} disable trigger append_only",
    "alter table {0} disable row level security",
    "alter table {0} no force row level security",
    "alter table {0} add column mine text",
    "alter table {0} rename to mine",
    "alter table {0} owner to current_user",
    "drop trigger append_only on {0}",
    "create trigger mine before insert on {0} for each row execute function ledger.refuse_change()",
    "create rule mine as on insert to {0} do instead nothing",
    "create policy mine on {0} using (true)",
    "drop policy verifier on {0}",
    "create index mine on {0} (org_id)",
)


async def digest(world: World) -> dict[str, str]:
    """What every one of the tables holds."""
    connection = await world.superuser()
    try:
        return {
            table: str(
                await connection.fetchval(f"select md5(string_agg(t::text, ',' order by t::text)) from {table} t")
            )
            for table in TABLES
        }
    finally:
        await connection.close()


@pytest.mark.parametrize("name", LOGINS)
async def test_no_login_changes_what_is_recorded(stage: World, name: str) -> None:
    before = await digest(stage)
    actors = {f"desk_{actor.role}": actor for actor in stage.acme.everybody()}
    allowed: list[str] = []
    inside = entered(stage, actors[name]) if name in actors else nullcontext()
    async with login(stage, name) as bare, inside as within:
        for table in TABLES:
            for template in (*CHANGES, *DEFINITIONS):
                statement = template.format(table, table.partition(".")[2])
                for way, connection in (("bare", bare), ("entered", within)):
                    if connection and (code := await attempt(connection, statement)) not in DENIED:
                        allowed.append(f"{way}, {code}: {statement}")
    assert allowed == []
    assert await digest(stage) == before


@pytest.mark.parametrize("name", LOGINS)
async def test_no_login_copies_rows_in(stage: World, name: str) -> None:
    async with login(stage, name) as connection:
        for table in TABLES:
            assert await attempt(connection, f"copy {table} from stdin") in DENIED


@pytest.mark.parametrize("replica", [False, True], ids=["origin", "replica"])
@pytest.mark.parametrize("table", TABLES)
async def test_the_triggers_stop_even_the_superuser(stage: World, table: str, *, replica: bool) -> None:
    """`ENABLE ALWAYS`: setting `session_replication_role` takes ordinary triggers and foreign keys away, not these."""
    connection = await stage.superuser()
    if replica:
        await connection.execute("set session_replication_role = replica")
    filled = await connection.fetchval(f"select exists (select from {table})")
    statements = ["truncate {0} cascade"]
    if filled:
        statements += [
            "update {0} set org_id = org_id",
            "delete from {0}",
            "merge into {0} t using (select 1) s on true when matched then delete",
        ]
    for statement in statements:
        assert await attempt(connection, statement.format(table)) == "SD010", statement
    await connection.close()


@pytest.mark.parametrize("replica", [False, True], ids=["origin", "replica"])
async def test_the_owner_changes_nothing(stage: World, *, replica: bool) -> None:
    before = await digest(stage)
    connection = await stage.superuser()
    if replica:
        await connection.execute("set session_replication_role = replica")
    await connection.execute("set role desk_owner")
    for table in TABLES:
        for template in CHANGES:
            statement = template.format(table, table.partition(".")[2])
            code = await attempt(connection, statement)
            # The owner keeps UPDATE on the key for foreign keys' sake, and row security shows it no row to use it on.
            harmless = (
                code not in DENIED and len(code) != 5 and ("set org_id" in statement or "for update" in statement)
            )
            assert code in DENIED or harmless, f"{code}: {statement}"
    await connection.close()
    assert await digest(stage) == before


async def test_an_owner_who_lifts_row_security_meets_the_trigger(stage: World) -> None:
    connection = await stage.superuser()
    with suppress(Undone):
        async with connection.transaction():
            await connection.execute("set local session_replication_role = replica")
            await connection.execute("alter table ledger.entry disable row level security")
            await connection.execute("set local role desk_owner")
            assert await attempt(connection, "update ledger.entry set org_id = org_id") == "SD010"
            assert await attempt(connection, "delete from ledger.entry") == "42501"
            assert await attempt(connection, "truncate ledger.entry cascade") in ("42501", "SD010")
            raise Undone
    await connection.close()


@pytest.mark.parametrize("name", LOGINS)
async def test_only_the_sequencer_deletes_and_only_from_the_queue(stage: World, name: str) -> None:
    connection = await stage.superuser()
    rows = await connection.fetch(
        "select name from (select schemaname || '.' || tablename as name from pg_tables where schemaname in ('app', 'ledger', 'sec')) t"
        " where has_table_privilege($1, name, 'delete') or has_table_privilege($1, name, 'truncate')",
        name,
    )
    await connection.close()
    assert [row["name"] for row in rows] == (["ledger.pending"] if name == "desk_sequencer" else [])
