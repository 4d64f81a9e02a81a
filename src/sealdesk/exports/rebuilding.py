"""The same bytes again, from the record: for whoever lost a bundle, or doubts that it follows from the ledger."""

import shutil
from pathlib import Path
from uuid import UUID

from sealdesk.access.actor import operator
from sealdesk.access.permissions import Permission
from sealdesk.exports import queries
from sealdesk.exports.build import bundle
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
    async with desk.keep(operator(org)) as connection:
        size = await connection.fetchval(
            "select org_size from app.export where org_id = $1 and export_id = $2", org, export_id
        )
        erased = await erased_since(connection, org, export_id, size) if size else None
    if erased:
        raise ErasedSince(
            f"Entry {erased} erased content that the bundle held, so it can't be built again.", entry=str(erased)
        )
    async with desk.change(operator(org)) as change:
        export = await change.find(Export, export_id, Permission.EXPORT_BUILD, lock=("export",))
        digests = export.digests
        if digests is None:
            raise NotBuilt("There never was a bundle of this export.")
        change.record(export.hand_out(await queries.built_entry(change, export_id), None))
    found = await pin(desk, org, export_id, org_size=digests.org_size, sys_size=digests.sys_size)
    assert found is not None
    async with Stage(work) as stage:
        built = await bundle.build(desk, signer, org, found, stage, _silent)
        await stage.run(shutil.copyfile, built.path, out)
    return built.digests


async def _silent(_done: int, _total: int) -> None:
    return
