"""Rows as entries say they are, beside rows as they are stored."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sealdesk.core.db import Row
from sealdesk.ledger.fsck.logs import View, shown
from sealdesk.ledger.read import ENTRY_COLUMNS, Stored

CHUNK = 500
NEAR = timedelta(minutes=5)

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """A row's time, taken when its transaction began: at most some minutes before the entry's."""

    at: datetime

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datetime) and self.at - NEAR <= other <= self.at

    def __hash__(self) -> int:
        return hash(self.at)

    def __str__(self) -> str:
        return f"shortly before {self.at.isoformat()}"


@dataclass(frozen=True, slots=True)
class Between:
    """A number that the entries bound but do not fix."""

    least: int
    most: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and self.least <= other <= self.most

    def __hash__(self) -> int:
        return hash((self.least, self.most))

    def __str__(self) -> str:
        return f"{self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A state between two entries: what goes on there leaves none."""

    words: tuple[str, ...]

    def __eq__(self, other: object) -> bool:
        return other in self.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __str__(self) -> str:
        return " or ".join(self.words)


@dataclass(slots=True)
class Table:
    """What one table should hold of some streams: key to columns. Columns that are not named are not judged."""

    name: str
    key: tuple[str, ...]
    rows: dict[Key, dict[str, object]] = field(default_factory=dict[Key, dict[str, object]])

    def compare(self, view: View, stored: Sequence[Row]) -> None:
        """`Differs` at the first row that is missing, too many, or other than it should be."""
        found = {tuple(row[name] for name in self.key): row for row in stored}
        for key, columns in self.rows.items():
            row = found.get(key)
            if row is None:
                raise view.differs(
                    self.name, _key(key), self._finding("missing"), expected="a row, as its entry says", found=None
                )
            for column, expected in columns.items():
                if expected != row[column]:
                    raise view.differs(
                        self.name,
                        _key(key),
                        self._finding(column),
                        expected=f"{shown(expected)}, as entries say",
                        found=row[column],
                    )
        for key in found:
            if key not in self.rows:
                raise view.differs(
                    self.name,
                    _key(key),
                    self._finding("unrecorded"),
                    expected="no row, because no entry says so",
                    found="a row",
                )

    def _finding(self, what: str) -> str:
        return f"state.{self.name.rpartition('.')[2]}.{what}"


async def chunks(
    view: View, kinds: Sequence[str], table: str, column: str
) -> AsyncGenerator[tuple[list[UUID], list[Stored]]]:
    """The ids that have a stream of `kinds` or a row in `table`, some hundreds at a time, with all entries of those streams in order."""
    last = UUID(int=0)
    while ids := await _ids(view, kinds, table, column, last):
        rows = await view.connection.fetch(
            f"select {ENTRY_COLUMNS} from ledger.entry e left join ledger.leaf l using (org_id, qid)"  # noqa: S608 - names of ours
            " where e.org_id = $1 and e.stream_kind = any ($2) and e.stream_id = any ($3)"
            " order by e.stream_id, e.stream_kind desc, e.stream_seq",
            view.org,
            list(kinds),
            ids,
        )
        yield ids, [Stored.of(row) for row in rows]
        last = ids[-1]


async def _ids(view: View, kinds: Sequence[str], table: str, column: str, last: UUID) -> list[UUID]:
    rows = await view.connection.fetch(
        "(select stream_id as id from ledger.stream"  # noqa: S608 - names of ours
        " where org_id = $1 and kind = any ($2) and seq > 0 and stream_id > $3 order by 1 limit $4)"
        f" union (select {column} from {table} where org_id = $1 and {column} > $3 order by 1 limit $4) order by 1 limit $4",
        view.org,
        list(kinds),
        last,
        CHUNK,
    )
    return [row["id"] for row in rows]


async def stored(view: View, table: Table, column: str, ids: Sequence[UUID]) -> list[Row]:
    """The rows of `table` that belong to `ids`."""
    return await view.connection.fetch(
        f"select * from {table.name} where org_id = $1 and {column} = any ($2)",  # noqa: S608 - names of ours
        view.org,
        list(ids),
    )


async def judge_none(view: View, query: str, refuse: Callable[[Row], Exception]) -> None:
    """Raise what `refuse` makes of the first row that `query` gives for the organisation, if there is one."""
    row = await view.connection.fetchrow(query, view.org)
    if row is not None:
        raise refuse(row)


def column_of(entry: Stored, slot: str) -> bytes | None:
    """The commitment of a slot, as tables keep it."""
    return entry.commits.get(slot)


def changes(entry: Stored) -> list[tuple[str, str | None]]:
    """The fields that a `ticket.changed` sets, with their new values."""
    told: Sequence[Mapping[str, str | None]] = entry.body["changes"]
    return [(str(change["field"]), change["new"]) for change in told]


def _key(key: Key) -> str:
    return " ".join(str(part) for part in key)
