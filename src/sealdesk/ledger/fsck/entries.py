"""One entry as stored: its bytes, its columns, its place in its stream."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sealdesk.core import clock
from sealdesk.core.db import Row
from sealdesk.ledger.fsck.logs import View
from sealproof import entry as entries
from sealproof.entry import Entry, EntryError

_ENTRIES = (
    "select qid, entry_id, stream_kind, stream_id, stream_seq, type, at, entry, leaf_hash from ledger.entry"
    " where org_id = $1 and qid = any ($2) order by qid"
)
# More than is asked for where streams have many numbers in common; fewer, or by other rows, never.
_BEFORE = (
    "select stream_kind, stream_id, stream_seq, leaf_hash, at from ledger.entry"
    " where org_id = $1 and stream_id = any ($2) and stream_seq = any ($3)"
)
Found = Mapping[str, Any]
"""An entry's row, with `before` and `before_at`: leaf hash and time of the one before it in its stream, or None."""
TABLE = "ledger.entry"
BACKWARDS = timedelta(hours=1)
"""How far an entry's time may lie behind an earlier entry of its log: a long transaction takes its times before it commits."""
AHEAD = timedelta(minutes=5)


async def read(view: View, qids: Sequence[int]) -> dict[int, list[Found]]:
    """The entries with these queue ids, each as often as it and its predecessor are stored: once, where the keys hold.

    By arrays and not by joins, which the planner gets wrong for an organisation that grows (`ledger.know_size`).
    """
    rows = await view.connection.fetch(_ENTRIES, view.org, qids)
    before: dict[tuple[str, UUID, int], list[Row]] = {}
    later = [row for row in rows if row["stream_seq"] > 1]
    streams, numbers = {row["stream_id"] for row in later}, {row["stream_seq"] - 1 for row in later}
    for row in await view.connection.fetch(_BEFORE, view.org, list(streams), list(numbers)):
        before.setdefault((row["stream_kind"], row["stream_id"], row["stream_seq"]), []).append(row)
    found: dict[int, list[Found]] = {}
    for row in rows:
        for each in before.get((row["stream_kind"], row["stream_id"], row["stream_seq"] - 1)) or [None]:
            chained = {"before": each["leaf_hash"] if each else None, "before_at": each["at"] if each else None}
            found.setdefault(row["qid"], []).append({**row, **chained})
    return found


def judge(view: View, row: Found) -> Entry:
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


def judge_time(view: View, row: Found, latest: datetime | None) -> datetime:
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


def _judge_columns(view: View, row: Found, entry: Entry, key: str) -> None:
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


def _judge_chain(view: View, row: Found, entry: Entry, key: str) -> None:
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
