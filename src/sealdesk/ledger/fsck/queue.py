"""The entries that wait, and the heads of streams: both are checked against the entries themselves."""

from sealdesk.core.db import Row
from sealdesk.ledger.fsck.content import BATCH, Contents
from sealdesk.ledger.fsck.entries import TABLE, judge, read
from sealdesk.ledger.fsck.logs import View

_ORPHAN = (
    "select p.qid from ledger.pending p left join ledger.entry e using (org_id, qid)"
    " where p.org_id = $1 and e.qid is null order by p.qid limit 1"
)
_TWICE = "select p.qid, l.idx from ledger.pending p join ledger.leaf l using (org_id, qid) where p.org_id = $1 order by p.qid limit 1"
_LOST = (
    "select e.qid, e.leaf_hash from ledger.entry e where e.org_id = $1"
    " and not exists (select from ledger.leaf l where l.org_id = e.org_id and l.qid = e.qid)"
    " and not exists (select from ledger.pending p where p.org_id = e.org_id and p.qid = e.qid) order by e.qid limit 1"
)
_WAITING = f"select qid from ledger.pending where org_id = $1 and qid > $2 order by qid limit {BATCH}"  # noqa: S608 - a number of ours
_STREAMS = """
select coalesce(s.kind, e.stream_kind) as kind, coalesce(s.stream_id, e.stream_id) as id, s.seq, s.head, s.last_at,
  e.last, e.number, l.leaf_hash, l.at
from (select * from ledger.stream where org_id = $1 and seq <> 0) s
full join (select stream_kind, stream_id, max(stream_seq) as last, count(*) as number from ledger.entry where org_id = $1 group by 1, 2) e
  on e.stream_kind = s.kind and e.stream_id = s.stream_id
left join ledger.entry l on l.org_id = $1 and l.stream_kind = e.stream_kind and l.stream_id = e.stream_id and l.stream_seq = e.last
where s.seq is distinct from e.last or e.last <> e.number or s.head is distinct from l.leaf_hash or s.last_at is distinct from l.at
order by 1, 2 limit 1
"""


async def judge_queue(view: View, contents: Contents) -> int:
    """How many entries wait; `Differs` unless every entry is a leaf or waits, never both, and the waiting ones hold."""
    fetch = view.connection.fetchrow
    if row := await fetch(_ORPHAN, view.org):
        raise await _orphan(view, row["qid"])
    if row := await fetch(_TWICE, view.org):
        key = f"qid {row['qid']}"
        raise view.differs(
            "ledger.pending",
            key,
            "pending.twice",
            expected="an entry that waits or is a leaf",
            found=f"both, as leaf {row['idx']}",
        )
    if row := await fetch(_LOST, view.org):
        key = f"qid {row['qid']}"
        raise view.differs(
            TABLE,
            key,
            "entry.lost",
            expected="a leaf, or a place in the queue",
            found="neither (was its place or leaf deleted?)",
        )
    waiting, last = 0, -1
    while rows := await view.connection.fetch(_WAITING, view.org, last):
        found = await read(view, [row["qid"] for row in rows])
        await contents.judge([judge(view, row) for qid in found for row in found[qid]])
        waiting, last = waiting + len(rows), rows[-1]["qid"]
    return waiting


async def _orphan(view: View, qid: int) -> Exception:
    """A place in the queue without its entry: where an entry lacks its place too, either may have been changed, and both are named."""
    lost = await view.connection.fetchrow(_LOST, view.org)
    tables, key, found = "ledger.pending", f"qid {qid}", None
    if lost is not None:
        tables, key, found = (
            "ledger.pending, ledger.entry",
            f"qid {qid}, qid {lost['qid']}",
            f"an entry without a place, qid {lost['qid']}",
        )
    return view.differs(tables, key, "pending.orphan", expected="an entry that waits", found=found)


async def judge_streams(view: View) -> None:
    """`Differs` unless each stream is numbered from 1 without gap and its cached head is its last entry."""
    row = await view.connection.fetchrow(_STREAMS, view.org)
    if row is None:
        return
    key = f"{row['kind']} {row['id']}"
    if row["last"] is not None and row["last"] != row["number"]:
        raise view.differs(
            TABLE, key, "stream.gap", expected=f"{row['last']} entries, as its last number says", found=row["number"]
        )
    raise view.differs(
        "ledger.stream",
        key,
        "stream.head",
        expected=_head(row, "last", "leaf_hash", "at"),
        found=_head(row, "seq", "head", "last_at"),
    )


def _head(row: Row, seq: str, leaf: str, at: str) -> str:
    return f"#{row[seq]} {row[leaf].hex()} at {row[at].isoformat()}" if row[seq] is not None else "nothing"
