"""Migrated databases for tests: one is set up, each test gets a copy."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sealdesk.core import credentials
from sealdesk.core.migrate import migrate
from sealdesk.core.postgres import Cluster

TEMPLATE = "sealdesk_template"


@dataclass(frozen=True)
class Clone:
    """A database of the test server: its name, the administrator's connection string, and a credentials file of its own."""

    name: str
    admin_dsn: str
    credentials: Path


def prepare_template(cluster: Cluster) -> str:
    """Make the migrated database that clones are copied from, and give its name."""
    if cluster.ensure_database(TEMPLATE):
        migrate(cluster.superuser_dsn(TEMPLATE), cluster.data / "credentials.json")
    return TEMPLATE


@contextmanager
def clone(cluster: Cluster, template: str) -> Generator[Clone]:
    """A copy of `template` for as long as the block lasts."""
    name = f"test_{secrets.token_hex(6)}"
    cluster.sql(f'create database "{name}" template "{template}"')  # which is new, so it is not looked for
    file = cluster.data / f"{name}.json"
    admin_dsn = cluster.superuser_dsn(name)
    credentials.merge(
        file, {**credentials.read(cluster.data / "credentials.json"), "database": name, "admin": admin_dsn}
    )
    try:
        yield Clone(name, admin_dsn, file)
    finally:
        cluster.sql(f'drop database "{name}" with (force)')
        file.unlink()
