"""Handing a bundle out over HTTP, for programs and pages alike, and how often each may ask."""

from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.blobs import Blobs
from sealdesk.core.errors import BadOrigin
from sealdesk.exports import commands, keeping, queries
from sealdesk.people.fields import origin_of
from sealdesk.unit import Desk
from sealdesk.web.answers import Download
from sealdesk.web.exchange import Exchange
from sealdesk.web.limits import Limit

ASKING = Limit("export-request", per_person="20/minute", per_address="60/minute", per_org="120/minute")
LOOKING = Limit("export-look", per_person="600/minute", per_address="1200/minute")
QUERYING = (Permission.EXPORT_REQUEST, Permission.EXPORT_ANY)
FETCHING = Limit("export-download", per_person="20/minute", per_address="60/minute")


async def hand_out(desk: Desk, store: Blobs, actor: Actor, export: UUID, exchange: Exchange) -> Download:
    """Put a download on record and give the bundle. HEAD takes nothing away, so it records nothing."""
    if exchange.fields.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
        # A GET that goes on record in somebody's name must not be started by a link on another site.
        raise BadOrigin("Open the export here and download it there.")
    if exchange.method == "HEAD":
        async with desk.read(actor) as work:
            found = (await queries.export(work, export)).export
            await queries.demand_handable(work, found)
        _ = found.kept
    else:
        found = await commands.download(desk, actor, export, origin=origin_of(exchange))
    chunks = await keeping.open_bundle(desk, store, actor.org, found)
    return Download(chunks, found.zip_bytes or 0, f"{found.id}.zip", "application/zip")
