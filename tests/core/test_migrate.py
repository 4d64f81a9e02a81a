import json

import asyncpg

from databases import Clone
from sealdesk.core import migrate
from sealdesk.migrations import NEWEST


async def test_a_migrated_database_breaks_no_rule_of_access(database: Clone) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        assert await connection.fetch("select breach from app.lint") == []
        assert (
            await connection.fetchval("select version_num from alembic_version") == migrate.newest_version() == NEWEST
        )
    finally:
        await connection.close()


async def test_every_login_gets_in_by_its_password(database: Clone) -> None:
    document = json.loads(database.credentials.read_text())
    for login in migrate.LOGINS:
        connection = await asyncpg.connect(
            host=document["host"],
            port=document["port"],
            database=document["database"],
            user=login,
            password=document["logins"][login],
        )
        assert await connection.fetchval("select session_user") == login
        await connection.close()
