"""Roles and schema of the database, by the administrator's connection. Repeatable: what is there stays."""

import asyncio
import json
import os
import secrets
from pathlib import Path
from typing import cast

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).parent.parent / "migrations"
LOGINS = (
    "desk_gate",
    "desk_requester",
    "desk_agent",
    "desk_admin",
    "desk_auditor",
    "desk_worker",
    "desk_sequencer",
    "desk_verifier",
)


def migrate(admin_dsn: str, credentials: Path) -> None:
    """Bring roles, their passwords and the schema to the newest version.

    `admin_dsn` is a superuser's connection string to the desk's database; `credentials` is the file of login passwords (made with mode
    0600 where it lacks a login). Raises `asyncpg.PostgresError` or `OSError` where the server can't be reached.
    """
    passwords = complete_credentials(credentials)
    asyncio.run(_set_up_roles(admin_dsn, passwords))
    command.upgrade(alembic_config(admin_dsn), "head")


def alembic_config(admin_dsn: str) -> Config:
    """Alembic's configuration for the packaged migrations, bound to one database."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["dsn"] = admin_dsn
    return config


def newest_version() -> str:
    """The revision that this release's code expects."""
    head = ScriptDirectory.from_config(alembic_config("")).get_current_head()
    assert head is not None
    return head


def complete_credentials(path: Path) -> dict[str, str]:
    """The passwords of the logins, login to password; those that the file lacks are made and written back (0600, atomically)."""
    document: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    logins = cast("dict[str, str]", document.setdefault("logins", {}))
    missing = [login for login in LOGINS if login not in logins]
    if missing:
        logins.update({login: secrets.token_urlsafe(24) for login in missing})
        scratch = path.with_suffix(".new")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    return logins


async def _set_up_roles(dsn: str, passwords: dict[str, str]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        # Two set-ups at once (tests, several hosts) would trip over each other's CREATE ROLE.
        await connection.execute("select pg_advisory_lock(7325421)")
        await connection.execute((MIGRATIONS / "sql" / "01_roles.sql").read_text())
        for login in LOGINS:
            # token_urlsafe holds no quote; a hand-written password may.
            quoted = passwords[login].replace("'", "''")
            await connection.execute(f"alter role {login} password '{quoted}'")
    finally:
        await connection.close()
