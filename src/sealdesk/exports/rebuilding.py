"""The same bytes again, from the record: for whoever lost a bundle, or doubts that it follows from the ledger."""

import shutil
from pathlib import Path
from uuid import UUID

from sealdesk.access.actor import operator
from sealdesk.access.permissions import Permission
from sealdesk.exports import commands, queries
from sealdesk.exports.build import bundle
from sealdesk.exports.build.entries import ContentMissing
from sealdesk.exports.build.excuses import erased_since
from sealdesk.exports.build.pin import pin
from sealdesk.exports.build.stage import Stage
from sealdesk.exports.events import Digests
from sealdesk.exports.model import ErasedSince, Export, NotBuilt
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.unit import Desk


async def rebuild(desk: Desk, signer: SignerClient, org: UUID, export_id: UUID, work: Path, out: Path) -> Digests:
    """Build a finished export's bundle again and write it to `out`; an act of the operator, on record as a download before anything leaves.

    `ErasedSince` (409) names the erasure after which the same bytes can't be made; `NotBuilt` (409) where there never was a bundle.
    """
    async with desk.change(operator(org)) as change:
        await commands.hold_erasures(change)
        export = await change.find(Export, export_id, Permission.EXPORT_BUILD, lock=("export",))
        digests = export.digests
        if digests is None:
            raise NotBuilt("There never was a bundle of this export.")
        _demand_whole(await change.ledger(erased_since, export_id, digests.org_size))
        change.record(export.hand_out(await queries.built_entry(change, export_id), None))
    found = await pin(desk, org, export_id, org_size=digests.org_size, sys_size=digests.sys_size)
    assert found is not None

    async def look(_done: int, _total: int) -> None:
        async with desk.keep(operator(org)) as connection:
            _demand_whole(await erased_since(connection, org, export_id, digests.org_size))

    async with Stage(work) as stage:
        try:
            built = await bundle.build(desk, signer, org, found, stage, look)
        except ContentMissing:
            await look(0, 0)
            raise
        await look(0, 0)
        await stage.run(shutil.copyfile, built.path, out)
    return built.digests


def _demand_whole(erased: UUID | None) -> None:
    if erased:
        raise ErasedSince(
            f"Entry {erased} erased content that the bundle held, so it can't be built again.", entry=str(erased)
        )
