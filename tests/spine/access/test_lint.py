"""The lint names each breach of the rules of access, and the desk refuses to start on any."""

from contextlib import suppress

import asyncpg
import pytest

from databases import Clone
from intruder import Undone
from sealdesk.core.db import Database, DatabaseUnfit, Whereabouts, refuse_unfit
from sealdesk.core.migrate import complete_credentials, newest_version

BREACHES = {
    "table app.thread is without forced row security": "alter table app.thread no force row level security",
    "table ledger.entry is without forced row security": "alter table ledger.entry disable row level security",
    "table app.naked has no policy": "create table app.naked (org_id uuid primary key);"
    " alter table app.naked enable row level security; alter table app.naked force row level security",
    "key global of app.message does not begin with the organisation": "create unique index global on app.message (entry_id)",
    "foreign key loose of app.thread_member crosses organisations": "alter table app.org add unique (slug);"
    " alter table app.thread_member add column slug text; alter table app.thread_member add constraint loose foreign key (slug)"
    " references app.org (slug)",
    "column org_id of app.extra may be null": "create table app.extra (org_id uuid); alter table app.extra enable row level security;"
    " alter table app.extra force row level security; create policy p on app.extra using (true)",
    "function app.loose() runs as its owner without a search_path": "create function app.loose() returns int language sql security definer"
    " as 'select 1'; revoke execute on function app.loose() from public",
    "function app.open() may be called by anybody": "create function app.open() returns int language sql as 'select 1'",
    "login desk_agent is privileged": "alter role desk_agent bypassrls",
    "login desk_admin is privileged": "alter role desk_admin superuser",
    "login desk_gate is privileged": "alter role desk_gate createrole",
    "login desk_agent owns app.ticket": "alter table app.ticket owner to desk_agent",
    "login desk_requester is a member of desk_owner": "grant desk_owner to desk_requester",
    "desk_agent may UPDATE ledger.entry, which is append-only": "grant update on ledger.entry to desk_agent",
    "desk_worker may DELETE app.message, which is append-only": "grant delete on app.message to desk_worker",
    "desk_owner may TRUNCATE ledger.leaf, which is append-only": "grant truncate on ledger.leaf to desk_owner",
    "ledger.tile lacks its append-only triggers": "alter table ledger.tile disable trigger append_only",
    "ledger.checkpoint lacks its append-only triggers": "drop trigger append_only_all on ledger.checkpoint",
    "app.message lacks its append-only triggers": "alter table app.message enable trigger append_only",
    "desk role desk_agent may read table sec.session": "grant select on sec.session to desk_agent",
    "desk role desk_gate may read table sec.person": "grant select (email) on sec.person to desk_gate",
    "statements of login desk_agent can be listed": "alter role desk_agent reset track_activities",
}


async def lint(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    return [row["breach"] for row in await connection.fetch("select breach from app.lint")]


@pytest.mark.parametrize("breach", BREACHES)
async def test_a_breach_is_named(database: Clone, breach: str) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    assert await lint(connection) == []
    with suppress(Undone):
        async with connection.transaction():
            await connection.execute(BREACHES[breach])
            assert breach in await lint(connection)
            raise Undone
    assert await lint(connection) == []
    await connection.close()


def desk_of(database: Clone) -> Database:
    return Database(Whereabouts.of_url(database.admin_dsn), complete_credentials(database.credentials))


async def refusal(database: Clone, version: str | None = None) -> str:
    desk = desk_of(database)
    try:
        await refuse_unfit(desk, version or newest_version())
    except DatabaseUnfit as unfit:
        return str(unfit)
    finally:
        await desk.close()
    return ""


async def as_admin(database: Clone, statement: str) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute(statement)
    await connection.close()


async def test_the_desk_starts_on_a_fit_database(database: Clone) -> None:
    assert await refusal(database) == ""


async def test_the_desk_does_not_start_on_a_breach(database: Clone) -> None:
    await as_admin(database, "alter table ledger.tile disable trigger append_only")
    assert "ledger.tile lacks its append-only triggers" in await refusal(database)


async def test_the_desk_does_not_start_on_another_schema(database: Clone) -> None:
    assert "sealdesk db migrate" in await refusal(database, "9999")


async def test_the_desk_does_not_start_where_commits_are_not_durable(database: Clone) -> None:
    await as_admin(database, f"alter database {database.name} set synchronous_commit = off")
    assert "synchronous_commit is off" in await refusal(database)


async def test_the_desk_does_not_start_as_superuser(database: Clone) -> None:
    await as_admin(database, "alter role desk_gate superuser")
    try:
        assert "superuser" in await refusal(database)
    finally:
        await as_admin(database, "alter role desk_gate nosuperuser")
