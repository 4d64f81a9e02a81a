"""`sealdesk ledger`."""

import asyncio

import click

from sealdesk.core.faults import Fault
from sealdesk.core.settings import Settings
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.ledger.signer.refusal import SignerUnavailable
from sealdesk.record.policy import policy


@click.group()
def ledger() -> None:
    """The ledger."""


@ledger.command("policy", epilog="Example: sealdesk ledger policy > policy.txt")
def show_policy() -> None:
    """Print the policy that verifiers of this desk's bundles need. Hand it over apart from any bundle."""
    click.echo(asyncio.run(_policy(Settings.load())), nl=False)


async def _policy(settings: Settings) -> str:
    async with SignerClient(socket_path(settings.data)) as signer:
        try:
            return await policy(signer)
        except SignerUnavailable as error:
            raise Fault("The signer can't be reached; is the desk running? Start it with `sealdesk up`.") from error
