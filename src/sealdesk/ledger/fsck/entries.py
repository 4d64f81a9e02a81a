"""One entry as stored: its bytes, its columns, its place in its stream."""

from datetime import datetime, timedelta

from sealdesk.core import clock
from sealdesk.core.db import Row
from sealdesk.ledger.fsck.logs import View
from sealproof import entry as entries
from sealproof.entry import Entry, EntryError

COLUMNS = (
    "e.qid, e.entry_id, e.stream_kind, e.stream_id, e.stream_seq, e.type, e.at, e.entry, e.leaf_hash,"
    " p.leaf_hash as before, p.at as before_at"
)
"""What `judge` needs of `ledger.entry e` and of `PREDECESSOR`."""
PREDECESSOR = (
    "left join ledger.entry p on p.org_id = e.org_id and p.stream_kind = e.stream_kind and p.stream_id = e.stream_id"
    " and p.stream_seq = e.stream_seq - 1"
)
TABLE = "ledger.entry"
BACKWARDS = timedelta(hours=1)
"""How far an entry's time may lie behind an earlier entry of its log: a long transaction takes its times before it commits."""
AHEAD = timedelta(minutes=5)


def judge(view: View, row: Row) -> Entry:
    """The entry in `row`, or `Differs`."""
    key = f"qid {row['qid']}"
    found = entries.leaf_hash(row["entry"])
    if found != row["leaf_hash"]:
        raise view.differs(TABLE, key, "entry.hash", expected=row["leaf_hash"], found=found)
    try:
        entry = entries.parse(row["entry"])
    except EntryError as error:
        raise view.differs(TABLE, key, "entry.malformed", expected="an entry of schema v1", found=error) from error
    _judge_columns(view, row, entry, key)
    _judge_chain(view, row, entry, key)
    return entry


def judge_time(view: View, row: Row, latest: datetime | None) -> datetime:
    """The latest time in the log so far; `Differs` if the entry claims to be much older than what stands before it, or of the future."""
    at, key = row["at"], f"qid {row['qid']}"
    if latest is not None and at < latest - BACKWARDS:
        expected = f"a time not long before {clock.stamp(latest)}, which an earlier entry bears"
        raise view.differs(TABLE, key, "entry.back_dated", expected=expected, found=clock.stamp(at))
    if at > clock.now() + AHEAD:
        raise view.differs(
            TABLE,
            key,
            "entry.forward_dated",
            expected=f"a time before {clock.stamp(clock.now())}",
            found=clock.stamp(at),
        )
    return at if latest is None else max(at, latest)


def _judge_columns(view: View, row: Row, entry: Entry, key: str) -> None:
    stream = entry.stream
    for name, inside, stored in (
        ("entry_id", entry.id, str(row["entry_id"])),
        ("stream_kind", stream.kind, row["stream_kind"]),
        ("stream_id", stream.id, str(row["stream_id"])),
        ("stream_seq", stream.seq, row["stream_seq"]),
        ("type", entry.type, row["type"]),
        ("at", datetime.fromisoformat(entry.at), row["at"]),
        ("origin", entry.log, view.origin),
    ):
        if inside != stored:
            raise view.differs(TABLE, key, f"entry.{name}", expected=f"{inside}, as the entry says", found=stored)


def _judge_chain(view: View, row: Row, entry: Entry, key: str) -> None:
    stream = entry.stream
    if stream.seq == 1:
        return
    if row["before"] is None:
        raise view.differs(
            TABLE,
            f"{stream.kind} {stream.id} #{stream.seq - 1}",
            "stream.gap",
            expected=f"the entry with leaf hash {stream.prev}, before {key}",
            found=None,
        )
    if row["before"].hex() != stream.prev:
        raise view.differs(TABLE, key, "stream.prev", expected=row["before"], found=stream.prev)
    if row["at"] < row["before_at"]:
        raise view.differs(
            TABLE, key, "stream.backwards", expected=f"no time before {clock.stamp(row['before_at'])}", found=entry.at
        )
