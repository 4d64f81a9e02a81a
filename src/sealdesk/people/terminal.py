"""`sealdesk init`, `org`, `person`."""

import asyncio
import secrets
import sys
from collections.abc import Coroutine
from typing import TypeVar

import click

from sealdesk.access.permissions import Role
from sealdesk.core.db import Database
from sealdesk.core.errors import Refusal
from sealdesk.core.faults import Fault
from sealdesk.core.settings import Settings
from sealdesk.ledger.seal import make_master
from sealdesk.people import founding, password_rules
from sealdesk.people.founding import NewPerson
from sealdesk.unit import Desk

T = TypeVar("T")


@click.command(epilog="Example: sealdesk init")
def init() -> None:
    """Found the desk: the key that seals content, and the system's own log. Repeatable; `sealdesk up` does it."""
    settings = Settings.load()
    if not settings.kek.exists() and run(_founded(settings)):
        raise Fault(
            f"{settings.kek} is missing, and what it sealed can't be read without it: put it back from your backup."
        )
    make_master(settings.kek)
    run(_init(settings))


@click.group()
def org() -> None:
    """Organisations."""


@org.command("add", epilog='Example: sealdesk org add harbour --name "Harbour Lane"')
@click.argument("slug")
@click.option("--name", required=True, help="The name that people read.")
def add_org(slug: str, name: str) -> None:
    """Add an organisation with a ledger of its own. SLUG is its short name on the command line."""
    if not (slug.isascii() and slug.replace("-", "").isalnum() and len(slug) <= 40):
        raise Fault("A short name has letters, digits and hyphens only, at most 40.")
    click.echo(run(_add_org(Settings.load(), slug, name)))


@click.group()
def person() -> None:
    """People."""


@person.command(
    "add", epilog='Example: sealdesk person add --org harbour --role agent --name "Ada King" ada@example.org'
)
@click.argument("email")
@click.option("--org", "slug", required=True, help="The organisation's short name.")
@click.option("--role", required=True, type=click.Choice([str(role) for role in Role if role is not Role.SYSTEM]))
@click.option("--name", required=True, help="The name that people read.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input; else one is made and printed."
)
def add_person(email: str, slug: str, role: str, name: str, *, password_stdin: bool) -> None:
    """Add a person to an organisation."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(12)
    known = run(_add_person(Settings.load(), slug, NewPerson(email, name, Role(role), password)))
    note = "" if password_stdin else f" Password: {password}"
    if known:
        note = " They could sign in before, and their password stays as it is."
    click.echo(f"{email} is now {role} of {slug}.{note}")


@person.command(
    "let-in", epilog='Example: sealdesk person let-in ada@example.org --reason "called back, the only admin"'
)
@click.argument("email")
@click.option("--reason", required=True, help="How you made sure who it is; kept on record.")
def let_in(email: str, reason: str) -> None:
    """Remove the second factors of somebody who lost them, where no two people of their organisation can approve it."""
    run(_let_in(Settings.load(), email, reason))
    click.echo(f"{email} signs in with the password and sets up a new second factor, within 48 hours.")


def run(work: Coroutine[None, None, T]) -> T:
    """Run a command's work; what it refuses is one sentence."""
    try:
        return asyncio.run(work)
    except Refusal as error:
        raise Fault(str(error)) from error


async def _let_in(settings: Settings, email: str, reason: str) -> None:
    async with Desk.opened(settings) as desk:
        await founding.let_in(desk, email, reason)


async def _founded(settings: Settings) -> bool:
    database = Database.of_credentials(settings.credentials, url=settings.database_url)
    connection = await database.connect("desk_verifier")
    try:
        return bool(await connection.fetchval("select exists (select from ledger.log)"))
    finally:
        await connection.close()


async def _init(settings: Settings) -> None:
    async with Desk.opened(settings) as desk:
        await founding.found_desk(desk, settings.env.value)


async def _add_org(settings: Settings, slug: str, name: str) -> str:
    async with Desk.opened(settings) as desk:
        return str(await founding.add_org(desk, slug, name))


async def _add_person(settings: Settings, slug: str, new: NewPerson) -> bool:
    password_rules.configure(settings)
    async with Desk.opened(settings) as desk:
        found = await founding.org_of_slug(desk, slug)
        if found is None:
            raise Fault(f"There is no organisation {slug!r}; `sealdesk org add {slug}` makes it.")
        known = await founding.knows(desk, new.email)
        if not known:
            about = (slug, await founding.name_of(desk, found), new.name, new.email)
            password_rules.check(new.password, about, admin=new.role is Role.ADMIN)
        await founding.add_person(desk, found, new)
    return known
