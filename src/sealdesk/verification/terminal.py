"""`sealdesk fsck` and `sealdesk signer thaw`."""

import asyncio
import json
import sys
from dataclasses import replace
from uuid import UUID

import asyncpg
import click

from sealdesk.core.db import Database, DatabaseUnfit
from sealdesk.core.errors import StateConflict
from sealdesk.core.faults import Fault
from sealdesk.core.settings import Settings
from sealdesk.ledger.fsck import LogReport, Progress, Report, fsck
from sealdesk.ledger.fsck.logs import snapshot
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.ledger.signer.refusal import SignerUnavailable
from sealdesk.unit import Desk
from sealdesk.verification.commands import thaw
from sealdesk.verification.state import UNBOUND, check_state

CLEAN, DIFFERS, UNREADABLE = 0, 1, 3


@click.command("fsck", epilog="Example: sealdesk fsck --org demo --content")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--org", "slug", help="Only the log of this organisation.")
@click.option("--content", is_flag=True, help="Open all sealed content too.")
def fsck_command(*, as_json: bool, slug: str | None, content: bool) -> None:
    """Check the whole record and name the first difference of each log. Exits with 0 if it is whole, 1 if not, 3 if it can't be read."""
    try:
        report = asyncio.run(_fsck(Settings.load(), slug, content=content))
    except (
        DatabaseUnfit,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
        TimeoutError,
    ) as error:
        click.echo(f"The record can't be read: {error}", err=True)
        sys.exit(UNREADABLE)
    click.echo(json.dumps(as_document(report), indent=1) if as_json else as_text(report))
    sys.exit(CLEAN if report.clean else DIFFERS)


@click.command(
    "thaw", epilog="Example: sealdesk signer thaw desk.example.org/ledger/sys --reason 'disk replaced, record whole'"
)
@click.argument("origin")
@click.option("--reason", required=True, help="Why the log may be signed again; it goes on record.")
def thaw_command(origin: str, reason: str) -> None:
    """Have a log signed again that a failed verification froze."""
    try:
        asyncio.run(_thaw(Settings.load(), origin, reason))
    except StateConflict as error:
        raise Fault(error.detail) from error
    except SignerUnavailable as error:
        raise Fault("The signer can't be reached; is the desk running?") from error
    click.echo(f"{origin} is signed again.")


@click.group("signer")
def signer_group() -> None:
    """The signer."""


signer_group.add_command(thaw_command)


def as_text(report: Report) -> str:
    """The report for a person."""
    lines = [_line(log) for log in report.logs]
    lines += [f"DIFFERS {difference.sentence()}" for difference in report.differences()]
    lines += [f"Not checked: {sentence}" for sentence in report.unchecked]
    lines.append("The record is whole." if report.clean else "The record is not whole.")
    return "\n".join(lines)


def as_document(report: Report) -> dict[str, object]:
    """The report for a program."""
    return {
        "clean": report.clean,
        "logs": [
            {
                "origin": log.origin,
                "size": log.size,
                "root": log.root.hex(),
                "waiting": log.waiting,
                "unsigned": log.unsigned,
            }
            for log in report.logs
        ],
        "differences": [difference.members() for difference in report.differences()],
        "unchecked": list(report.unchecked),
    }


def _line(log: LogReport) -> str:
    good = "good until" if log.difference else "ok"
    waits = f", {log.waiting:,} waiting" if log.waiting else ""
    unsigned = f", the last {log.unsigned:,} not signed yet" if log.unsigned else ""
    return f"{good} {log.origin}: {log.size:,} entries{unsigned}{waits}"


async def _fsck(settings: Settings, slug: str | None, *, content: bool) -> Report:
    # Not through the desk's own door: a database that is unfit to run on is one that must be checked.
    database = Database.of_credentials(settings.credentials, url=settings.database_url)
    try:
        async with SignerClient(socket_path(settings.data)) as signer:
            org = await _org(database, slug) if slug else None
            sealer = Sealer.of_file(settings.kek) if content else None
            report = await fsck(database, signer, org=org, sealer=sealer, tell=_tell if sys.stderr.isatty() else None)
            return await with_state(database, report, org, sealer)
    finally:
        await database.close()


async def with_state(database: Database, report: Report, org: UUID | None, sealer: Sealer | None = None) -> Report:
    """The report with the tables of the application compared too, in each log that is whole itself; with `sealer` what is set too."""
    async with snapshot(database, None, sealer=sealer) as shot:
        views = {view.origin: view for view in await shot.views(org)}
        logs = [
            log
            if log.difference or log.origin not in views
            else replace(log, difference=await check_state(views[log.origin]))
            for log in report.logs
        ]
    return replace(report, logs=tuple(logs), unchecked=(*report.unchecked, *UNBOUND))


async def _org(database: Database, slug: str) -> UUID:
    pool = await database.pool("desk_verifier")
    found = await pool.fetchval("select org_id from app.org where slug = $1", slug)
    if not isinstance(found, UUID):
        raise Fault(f"There is no organisation {slug!r}.")
    return found


async def _thaw(settings: Settings, origin: str, reason: str) -> None:
    async with Desk.opened(settings) as desk, SignerClient(socket_path(settings.data)) as signer:
        await thaw(desk, signer, origin, reason)


def _tell(progress: Progress) -> None:
    end = "\n" if progress.done == progress.total else "\r"
    click.echo(f"{progress.origin}: {progress.done:,} of {progress.total:,} entries", err=True, nl=False)
    click.echo(end, err=True, nl=False)
