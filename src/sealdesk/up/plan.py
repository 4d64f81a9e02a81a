"""The steps and parts of a desk on one machine."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from sealdesk import migrations
from sealdesk.core.faults import Fault
from sealdesk.core.postgres import Cluster
from sealdesk.core.settings import Environment, Settings
from sealdesk.ledger.signer.places import socket_path
from sealdesk.up import probes
from sealdesk.up.part import Part
from sealdesk.up.run import Step

MIGRATIONS = Path(migrations.__file__).parent / "versions"


def course(settings: Settings, cluster: Cluster | None) -> Sequence[Step | Part]:
    """All of it in order. Steps that a former start has done are left out, so that a second start takes little more than its parts do."""
    steps: list[Step] = []
    migrated = cluster is None or _is_newest(cluster)
    if not migrated:
        steps.append(Step(("db", "migrate"), "Bringing the schema up to date", "The schema is up to date"))
    founding: list[Step] = []
    if not migrated or not settings.kek.exists() or ledger_is_new(settings, cluster):
        founding.append(Step(("init",), "Founding the ledger", "The ledger is founded"))
    if settings.env is Environment.DEMO and not (migrated and cluster and _is_filled(settings, cluster)):
        founding.append(Step(("demo",), "Filling the demonstration", "The demonstration is filled"))
    if settings.env is Environment.PRODUCTION:
        steps.append(Step(("doctor",), "Looking at what production needs", "It is fit for production"))
    example = [example_site()] if settings.env is Environment.DEMO else []
    return (*steps, signer(settings, cluster), *founding, worker(), *web(settings), *example)


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


def example_site() -> Part:
    """A made-up site of the demonstration's organisation, with the widget on it."""
    return Part("example site", lambda: python("sealdesk.widget.example"))


def python(module: str, *arguments: str) -> Sequence[str]:
    """The command that runs one of our modules with this Python."""
    return (sys.executable, "-m", module, *arguments)


def ledger_is_new(settings: Settings, cluster: Cluster | None = None) -> bool:
    """Whether nothing was founded yet. Asked through `cluster` where it is ours, else as the login that reads all."""
    question = "select not exists (select from ledger.log)"
    if cluster:
        return cluster.sql(question, "sealdesk") == "t"
    return asyncio.run(_ask(settings, question))


def _is_filled(settings: Settings, cluster: Cluster) -> bool:
    """Whether the demonstration has its people and conversations, and its example site."""
    if not settings.demo_site.exists() or settings.demo_site_origin not in settings.demo_site.read_text():
        return False
    return settings.demo_file.exists() and cluster.sql("select count(*) >= 4 from app.thread", "sealdesk") == "t"


def _is_newest(cluster: Cluster) -> bool:
    """Whether the schema is the one of this release, as the names of the migrations tell."""
    if cluster.sql("select to_regclass('public.alembic_version') is null", "sealdesk") == "t":
        return False
    newest = max(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*_*.py"))
    return cluster.sql("select version_num from public.alembic_version", "sealdesk") == newest


async def _ask(settings: Settings, question: str) -> bool:
    from sealdesk.core.db import ABSENT, Database  # noqa: PLC0415 - with a server of our own, the supervisor stays without a driver

    database = Database.of_credentials(settings.credentials, url=settings.database_url)
    try:
        connection = await database.connect("desk_verifier")
        try:
            return bool(await connection.fetchval(question))
        finally:
            await connection.close()
    except ABSENT as error:
        raise Fault(
            f"The database of SEALDESK_DATABASE_URL can't be asked ({error}): is it running, and did `sealdesk db migrate` run?"
        ) from error
