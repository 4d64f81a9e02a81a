"""The state that a bundle shows: a published checkpoint of the organisation's log, and the checkpoint of `sys` that covers it."""

from dataclasses import dataclass
from uuid import UUID

from sealdesk.access.actor import NOBODY, system
from sealdesk.ledger import tiles
from sealdesk.unit import Desk
from sealproof import entry
from sealproof.entry import Entry
from sealproof.note import Checkpoint
from sealproof.proof import TlogProof

COMPONENT = "exporter"
_REQUEST = """select e.entry, l.idx from ledger.entry e join ledger.leaf l using (org_id, qid)
where e.org_id = $1 and e.stream_kind = 'export' and e.stream_id = $2 and e.stream_seq = 1"""
_PUBLISHED = """select p.size, p.sys_entry, c.root, c.note from ledger.published p join ledger.checkpoint c using (org_id, size)
where p.org_id = $1 and p.size > $2 and p.size >= $3 order by p.size limit 1"""
_COVERED = """select l.idx, e.entry, c.size, c.root, c.note from ledger.entry e join ledger.leaf l using (org_id, qid)
join lateral (select size, root, note from ledger.checkpoint where org_id = $1 and size > l.idx and size >= $3
  order by size limit 1) c on true
where e.org_id = $1 and e.entry_id = $2"""


@dataclass(frozen=True, slots=True)
class Pin:
    """The request, and the state of both logs that its bundle shows."""

    request: Entry
    request_index: int
    log: Checkpoint
    log_note: bytes
    sys: Checkpoint
    sys_entry: bytes
    org_in_sys: bytes


async def pin(desk: Desk, org: UUID, export: UUID, *, org_size: int = 0, sys_size: int = 0) -> Pin | None:
    """The first published state that covers the request and has at least these sizes; None while there is none.

    Given the sizes that a finished bundle shows, it is that very state.
    """
    async with desk.keep(system(org, COMPONENT)) as connection:
        request = await connection.fetchrow(_REQUEST, org, export)
        found = await connection.fetchrow(_PUBLISHED, org, request["idx"], org_size) if request else None
    if request is None or found is None:
        return None
    async with desk.keep(system(NOBODY, COMPONENT)) as connection:
        above = await connection.fetchrow(_COVERED, NOBODY, found["sys_entry"], sys_size)
        if above is None:
            return None
        hashes = await tiles.inclusion_proof(connection, NOBODY, above["idx"], above["size"])
    return Pin(
        entry.parse(request["entry"]),
        request["idx"],
        Checkpoint(desk.origin(org), found["size"], found["root"]),
        found["note"],
        Checkpoint(desk.origin(NOBODY), above["size"], above["root"]),
        above["entry"],
        TlogProof(above["idx"], tuple(hashes), above["note"]).encode(),
    )
