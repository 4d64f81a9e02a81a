"""Receipts and checkpoints, under the reader's own reach."""

import asyncio
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import OutsideReach
from sealdesk.ledger import receipts
from sealdesk.ledger.receipts import Place
from sealdesk.unit import Desk, Reading

MOST_SECONDS = 10
_STEP = 0.2


async def place(work: Reading, entry: UUID) -> Place:
    """Where an entry stands in the log. `OutsideReach` (404) if the reader can't reach it."""
    work.demand(Permission.LEDGER_READ)
    found = await work.ledger(receipts.place, entry)
    if found is None:
        raise OutsideReach
    return found


async def await_place(desk: Desk, actor: Actor, entry: UUID, seconds: float) -> Place:
    """As `place`, waiting up to `seconds` (at most 10) for a checkpoint to cover the entry; no transaction stays open meanwhile."""
    deadline = asyncio.get_running_loop().time() + min(seconds, MOST_SECONDS)
    while True:
        async with desk.read(actor) as work:
            found = await place(work, entry)
        if found.size is not None or asyncio.get_running_loop().time() >= deadline:
            return found
        await asyncio.sleep(_STEP)


async def receipt(desk: Desk, actor: Actor, entry: UUID, seconds: float) -> bytes | None:
    """The C2SP tlog-proof of an entry, or None while no checkpoint covers it."""
    found = await await_place(desk, actor, entry, seconds)
    if found.index is None or found.size is None:
        return None
    async with desk.read(actor) as work:
        proof = await work.ledger(receipts.receipt, found.index, found.size)
    return proof.encode()


async def newest_checkpoint(work: Reading) -> bytes:
    """The newest signed checkpoint of the reader's organisation, as a note."""
    work.demand(Permission.LEDGER_READ)
    note = await work.value(
        "select note from ledger.checkpoint where org_id = $1 order by size desc limit 1", work.actor.org
    )
    if not isinstance(note, bytes):
        raise OutsideReach("No checkpoint has been signed yet; the first comes within seconds.")
    return note
