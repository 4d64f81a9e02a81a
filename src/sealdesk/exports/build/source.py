"""Reading what a bundle holds: entries of the scope in index order, a page at a time, and the sealed contents of a page."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sealdesk.core.db import Connection

PAGE = 500

_COUNT = """select count(*) from (
  select kind, stream_id from app.export_stream where org_id = $1 and export_id = $2 union all select 'export', $2) x
join ledger.entry e on e.org_id = $1 and e.stream_kind = x.kind and e.stream_id = x.stream_id
join ledger.leaf l on l.org_id = e.org_id and l.qid = e.qid where l.idx < $3"""
_ENTRIES = _COUNT.replace("count(*)", "l.idx, e.entry, l.leaf_hash", 1) + " order by l.idx"
_CONTENT = """select c.commit, c.sealed, k.wrapped from ledger.content c join ledger.content_key k using (org_id, commit)
where c.org_id = $1 and c.commit = any ($2)"""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as stored, and its place and hash in the log."""

    index: int
    entry: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """Content as stored: ciphertext and wrapped key."""

    sealed: bytes
    wrapped: bytes


async def count(connection: Connection, org: UUID, export: UUID, size: int) -> int:
    """How many of the first `size` entries are in scope."""
    return await connection.fetchval(_COUNT, org, export, size)


async def pages(connection: Connection, org: UUID, export: UUID, size: int) -> AsyncGenerator[list[Line]]:
    """Those entries in index order. The database sorts them; here is never more than a page."""
    page: list[Line] = []
    async for row in connection.cursor(_ENTRIES, org, export, size, prefetch=PAGE):
        page.append(Line(row["idx"], row["entry"], row["leaf_hash"]))
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


async def contents(connection: Connection, org: UUID, commits: Sequence[bytes]) -> dict[bytes, Sealed]:
    """The sealed contents by commitment; what was erased is missing."""
    rows = await connection.fetch(_CONTENT, org, commits)
    return {row["commit"]: Sealed(row["sealed"], row["wrapped"]) for row in rows}
