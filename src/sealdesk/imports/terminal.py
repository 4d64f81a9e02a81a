"""`sealdesk import`."""

import asyncio
from pathlib import Path

import click
from rich.progress import Progress

from sealdesk.core.errors import Refusal
from sealdesk.core.faults import Fault
from sealdesk.core.settings import Settings
from sealdesk.imports.commands import Imported, import_conversations
from sealdesk.imports.lines import Numbered, read
from sealdesk.people.founding import org_of_slug
from sealdesk.unit import Desk


@click.group("import")
def group() -> None:
    """Bring history from elsewhere, recorded as imported."""


@group.command(epilog="Example: sealdesk import conversations history.jsonl --org demo")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--org", required=True, help="The organisation's short name.")
@click.option(
    "--source", help="Where the history comes from; messages of one source are imported once. Default: the file's name."
)
def conversations(file: Path, org: str, source: str | None) -> None:
    """Import conversations from FILE, one JSON message a line (docs/import-format.md). All of it, or nothing."""
    origin = source or file.name
    if not origin.isprintable() or len(origin.encode("utf-8", "replace")) > 200:
        raise Fault("A source is named in printable text of at most 200 bytes; give it with --source.")
    lines = read(file)
    if not lines:
        raise Fault(f"{file.name} is empty: there is nothing to import.")
    try:
        added = asyncio.run(_import(Settings.load(), lines, org, origin))
    except Refusal as refusal:
        raise Fault(f"{file.name}: {refusal.detail}") from refusal
    click.echo(
        f"Imported {added.messages:,} messages in {added.threads:,} conversations."
        if added.messages
        else "Nothing new to import."
    )


async def _import(settings: Settings, lines: list[Numbered], slug: str, source: str) -> Imported:
    async with Desk.opened(settings) as desk:
        org = await org_of_slug(desk, slug)
        if org is None:
            raise Fault(f"There is no organisation {slug!r}; `sealdesk org add {slug}` makes it.")
        with Progress() as progress:
            task = progress.add_task("Importing", total=len(lines))
            return await import_conversations(desk, org, source, lines, lambda done: progress.advance(task, done))
