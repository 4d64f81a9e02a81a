"""The terminal: the composition root of every command.

A slice keeps its commands in `<slice>/terminal.py` as click commands or groups; SLICES below lists them.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

import click

from sealdesk import __version__
from sealdesk.core.faults import Fault
from sealdesk.core.settings import Settings

# Each slice's commands by name: loaded when asked for, so that `sealdesk up` stays as small and quick as what it runs.
SLICES = {
    "init": ("sealdesk.people.terminal", "init"),
    "org": ("sealdesk.people.terminal", "org"),
    "person": ("sealdesk.people.terminal", "person"),
    "import": ("sealdesk.imports.terminal", "group"),
    "ledger": ("sealdesk.record.terminal", "ledger"),
    "fsck": ("sealdesk.verification.terminal", "fsck_command"),
    "signer": ("sealdesk.verification.terminal", "signer_group"),
}


@contextmanager
def terminal() -> Generator[None]:
    """A fault within the block is one sentence on standard error, and exit code 1."""
    try:
        yield
    except Fault as fault:
        click.echo(str(fault), err=True)
        sys.exit(1)


class Terminal(click.Group):
    """Commands that tell their faults. One that can't be understood exits with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        with terminal():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *SLICES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SLICES:
            return super().get_command(ctx, cmd_name)
        module, name = SLICES[cmd_name]
        return cast("click.Command", getattr(import_module(module), name))


@click.group(cls=Terminal, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="sealdesk")
def main() -> None:
    """A support desk whose record stands up as evidence."""


@main.command(epilog="Example: sealdesk version")
def version() -> None:
    """Print the release."""
    click.echo(__version__)


@main.command(epilog="Example: SEALDESK_DATA=/srv/desk sealdesk up")
@click.option("--demo", is_flag=True, help="With a made-up organisation and sign-ins, for this machine only.")
def up(*, demo: bool) -> None:
    """Run everything on this machine: database, signer, worker and web server. Ctrl-C takes all of it down."""
    from sealdesk.up import plan
    from sealdesk.up import up as run

    settings = Settings.load(demo=demo)
    run(settings, lambda cluster: plan.course(settings, cluster))


@main.group()
def db() -> None:
    """The database."""


@db.command(epilog="Example: sealdesk db migrate --admin-url postgresql://postgres@db.internal/sealdesk")
@click.option("--admin-url", help="An administrator's connection string; the embedded server's is known.")
def migrate(admin_url: str | None) -> None:
    """Bring roles and schema to the newest version. Repeatable: what is there stays."""
    import asyncpg

    from sealdesk.core import credentials
    from sealdesk.core.migrate import migrate as bring_up_to_date

    settings = Settings.load()
    known = credentials.read(settings.credentials).get("admin")
    dsn = admin_url or (known if isinstance(known, str) and settings.embedded else "")
    if not dsn:
        raise Fault("Whose database? Run `sealdesk up` for the embedded one, or give --admin-url for another.")
    try:
        bring_up_to_date(dsn, settings.credentials)
    except OSError as error:
        raise Fault(f"The database can't be reached ({error}): is it running?") from error
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise Fault(f"The database refuses this administrator ({error}): look at --admin-url.") from error


@main.command(hidden=True, epilog="Example: sealdesk demo")
def demo() -> None:
    """Fill the demonstration's organisation; `sealdesk up --demo` does it. Repeatable."""
    from sealdesk.demo import seed

    seed(Settings.load())


@main.command(epilog="Example: sealdesk doctor --json")
@click.option("--json", "as_json", is_flag=True, help="The findings as a JSON array, for programs.")
def doctor(*, as_json: bool) -> None:
    """Look at what production must not be started with: exit code 1 if anything is not fine."""
    import asyncio
    import json
    from dataclasses import asdict

    from sealdesk.core import production
    from sealdesk.core.db import ABSENT, Database

    settings = Settings.load()

    async def look() -> list[production.Finding]:
        try:
            database = Database.of_credentials(settings.credentials, url=settings.database_url)
        except Fault as fault:
            return [production.Finding("database", fine=False, say=str(fault))]
        try:
            return await production.look_at_database(database)
        except (*ABSENT, KeyError) as error:
            say = f"The database can't be asked ({type(error).__name__}): is it running, and did `sealdesk db migrate` run?"
            return [production.Finding("database", fine=False, say=say)]
        finally:
            await database.close()

    findings = sorted(
        [*production.look_at_settings(settings), *asyncio.run(look())], key=lambda each: (not each.fine, each.advice)
    )
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            word = "WRONG" if not finding.fine else "tip  " if finding.advice else "fine "
            click.echo(f"{word}  {finding.check}: {finding.say}")
    if not all(finding.fine for finding in findings):
        sys.exit(1)


if __name__ == "__main__":
    main()
