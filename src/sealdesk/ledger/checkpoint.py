"""Checkpoints: the signer's word on each log's size and root, and the publication of each organisation's in `sys`.

Crash points: the signer has persisted what it signed before we have the note. Killed before the note is stored, the next attempt first
asks for that note again, so that as many are stored as were signed; the proof runs from what the signer remembers.
"""

from uuid import UUID

from sealdesk.core.db import Connection
from sealdesk.ledger import tiles
from sealdesk.ledger.append import Appender
from sealdesk.ledger.events import Event, Head, Stream
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.wire import Genesis

SYS = UUID(int=0)


async def grown(connection: Connection) -> list[UUID]:
    """The organisations whose log has entries beyond its newest checkpoint."""
    rows = await connection.fetch(
        "select h.org_id from ledger.head h where h.size > coalesce("
        "(select c.size from ledger.checkpoint c where c.org_id = h.org_id order by c.size desc limit 1), 0)"
    )
    return [row["org_id"] for row in rows]


async def sign(connection: Connection, signer: SignerClient, org: UUID) -> int:
    """Have the log's present head signed and store the note; gives its size. Raises `SignerRefused`, `SignerUnavailable`."""
    row = await connection.fetchrow(
        "select l.origin, h.size, h.root, (select coalesce(max(c.size), 0) from ledger.checkpoint c where c.org_id = h.org_id) as stored"
        " from ledger.head h join ledger.log l using (org_id) where h.org_id = $1",
        org,
    )
    assert row is not None
    origin, size, root = row["origin"], row["size"], row["root"]
    known = await signer.head(origin)
    if known is not None and row["stored"] < known.size < size:
        # We died between its signature and our storing it: the same head gives the same note.
        note = await signer.sign_checkpoint(origin, known.size, known.root, old_size=known.size)
        await _keep(connection, org, known.size, known.root, note)
    if known is None:
        note = await signer.sign_checkpoint(origin, size, root, genesis=await _genesis(connection, org, size))
    else:
        # A signer that remembers more than we have is shown our shorter head all the same: its refusal names the roll-back.
        proof = await tiles.consistency_proof(connection, org, known.size, size) if known.size < size else []
        note = await signer.sign_checkpoint(origin, size, root, proof, old_size=known.size)
    await _keep(connection, org, size, root, note)
    return size


async def _keep(connection: Connection, org: UUID, size: int, root: bytes, note: bytes) -> None:
    await connection.execute(
        "insert into ledger.checkpoint (org_id, size, root, note) values ($1, $2, $3, $4) on conflict do nothing",
        org,
        size,
        root,
        note,
    )


async def publish(connection: Connection, org: UUID, sys_origin: str) -> bool:
    """Append `log.checkpoint` for the organisation's newest checkpoint to `sys`, if it is not there yet."""
    async with connection.transaction():
        row = await connection.fetchrow(
            "select c.size, c.root, l.origin, p.size as published from ledger.checkpoint c join ledger.log l using (org_id)"
            " left join ledger.published p on p.org_id = c.org_id and p.size = c.size where c.org_id = $1 order by c.size desc limit 1",
            org,
        )
        if row is None or row["published"] is not None:
            return False
        fact = await append_system(
            connection,
            sys_origin,
            Event(
                "log.checkpoint",
                Stream("log", org),
                {"origin": row["origin"], "root": row["root"].hex(), "size": row["size"]},
            ),
        )
        await connection.execute(
            "insert into ledger.published (org_id, size, sys_entry) values ($1, $2, $3)", org, row["size"], fact
        )
    return True


async def append_system(connection: Connection, sys_origin: str, event: Event) -> UUID:
    """Append an entry of the ledger's own clockwork to `sys`, inside the caller's transaction; gives its id."""
    appender = Appender(connection, None, SYS, sys_origin, ("system", "sequencer"))
    stream = event.stream
    await connection.execute(
        "insert into ledger.stream (org_id, kind, stream_id) values ($1, $2, $3) on conflict do nothing",
        SYS,
        stream.kind,
        stream.id,
    )
    row = await connection.fetchrow(
        "select seq, head, last_at from ledger.stream where org_id = $1 and kind = $2 and stream_id = $3 for update",
        SYS,
        stream.kind,
        stream.id,
    )
    assert row is not None
    appender.hold(stream, Head(row["seq"], row["head"], row["last_at"]))
    fact = appender.record(event)
    await appender.flush()
    return fact.entry_id


async def _genesis(connection: Connection, org: UUID, size: int) -> Genesis:
    entry = await connection.fetchval(
        "select e.entry from ledger.leaf l join ledger.entry e using (org_id, qid) where l.org_id = $1 and l.idx = 0",
        org,
    )
    return Genesis(entry, tuple(await tiles.inclusion_proof(connection, org, 0, size)))
