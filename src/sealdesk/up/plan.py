"""The parts of a desk on one machine."""

import asyncio
import sys
from collections.abc import Sequence

from sealdesk.core.db import Database
from sealdesk.core.postgres import Cluster
from sealdesk.core.settings import Settings
from sealdesk.ledger.signer.places import socket_path
from sealdesk.up import probes
from sealdesk.up.part import Part


def signer(settings: Settings, cluster: Cluster | None) -> Part:
    """The signer. Without a memory it begins one, but only for a ledger in which nothing was founded yet."""

    def command() -> Sequence[str]:
        begins = not settings.signer_state.exists() and ledger_is_new(settings, cluster)
        return python("sealdesk.ledger.signer", *(["--init"] if begins else []))

    return Part("signer", command, lambda: probes.listens(socket_path(settings.data)))


def worker() -> Part:
    """Followers and sequencer."""
    return Part("worker", lambda: python("sealdesk.worker"))


def web(settings: Settings) -> Sequence[Part]:
    """The web servers: as many processes as the settings say, on one port, among which the kernel spreads connections."""
    names = [f"web server {number + 1}" for number in range(settings.web_processes)]
    return [
        Part(name, lambda: python("sealdesk.app"), lambda: probes.answers(settings))
        for name in (names if settings.web_processes > 1 else ["web server"])
    ]


def python(module: str, *arguments: str) -> Sequence[str]:
    """The command that runs one of our modules with this Python."""
    return (sys.executable, "-m", module, *arguments)


def ledger_is_new(settings: Settings, cluster: Cluster | None = None) -> bool:
    """Whether nothing was founded yet. Asked through `cluster` where it is ours, else as the login that reads all."""
    question = "select not exists (select from ledger.log)"
    if cluster:
        return cluster.sql(question, "sealdesk") == "t"
    return asyncio.run(_ask(settings, question))


async def _ask(settings: Settings, question: str) -> bool:
    database = Database.of_credentials(settings.credentials, url=settings.database_url)
    connection = await database.connect("desk_verifier")
    try:
        return bool(await connection.fetchval(question))
    finally:
        await connection.close()
