"""Building entries and writing them: the only way into the ledger, imported by the unit of work (and the ledger's own clockwork).

Crash points: everything here happens inside the caller's transaction. Until its COMMIT nothing exists; after it, the entry, its content,
its key, its place in `pending` and the new stream head all do. The stream row stays locked from `lock` to COMMIT, so a visible sequence
number n implies a visible n-1, and ordering a batch by `qid` keeps each stream in order.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from sealdesk.core import clock
from sealdesk.core.db import Connection
from sealdesk.core.ids import new_id
from sealdesk.ledger.events import Event, Head, Recorded, Stream
from sealdesk.ledger.seal import Sealed, Sealer
from sealproof import entry as layout

ZERO = bytes(32)

_ENTRIES = """
with fresh as (insert into ledger.entry (org_id, entry_id, stream_kind, stream_id, stream_seq, type, at, entry, leaf_hash)
  select $1, * from unnest($2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::timestamptz[], $8::bytea[], $9::bytea[])
  returning qid),
waiting as (insert into ledger.pending (org_id, qid) select $1, qid from fresh),
heads as (update ledger.stream s set seq = u.seq, head = u.head, last_at = u.at
  from unnest($10::text[], $11::uuid[], $12::bigint[], $13::bytea[], $14::timestamptz[]) u (kind, id, seq, head, at)
  where s.org_id = $1 and s.kind = u.kind and s.stream_id = u.id returning 1)
select (select count(*) from fresh) as entries, (select count(*) from heads) as heads
"""
_CONTENT = """,
sealed as (insert into ledger.content (org_id, commit, stream_kind, stream_id, slot, bytes, media, sealed)
  select $1, * from unnest($15::bytea[], $16::text[], $17::uuid[], $18::text[], $19::bigint[], $20::text[], $21::bytea[])),
keys as (insert into ledger.content_key (org_id, commit, wrapped) select $1, * from unnest($15::bytea[], $22::bytea[]))
select (select"""
_ENTRIES_WITH_CONTENT = _ENTRIES.replace("\nselect (select", _CONTENT, 1)


class StreamNotHeld(Exception):
    """An event was recorded in a stream that the change has not locked."""


class Prepared(NamedTuple):
    """An event whose content is sealed already."""

    event: Event
    sealed: tuple[Sealed, ...]

    @property
    def commits(self) -> dict[str, bytes]:
        """Slot name to commitment (32 bytes)."""
        return {s.slot: s.commit for s in self.sealed}


class Appender:
    """Links events into the streams that it holds, inside one transaction of one organisation."""

    def __init__(
        self, connection: Connection | None, sealer: Sealer | None, org: UUID, origin: str, actor: tuple[str, str]
    ) -> None:
        self._lent = connection
        self._sealer = sealer
        self._org = org
        self._origin = origin
        self._actor = actor
        self._heads: dict[Stream, Head] = {}
        self._sealed: list[tuple[Stream, Sealed]] = []
        self.recorded: list[Recorded] = []
        self.count = 0

    @property
    def _connection(self) -> Connection:
        assert self._lent is not None
        return self._lent

    async def lock(self, streams: Iterable[Stream]) -> None:
        """Lock and hold `streams`, in key order; new ones begin here. Call it once with all of them: another order can deadlock."""
        wanted = sorted({s for s in streams if s not in self._heads}, key=lambda s: (s.kind, s.id))
        rows = await self._connection.fetch(
            "select kind, stream_id, seq, head, last_at from ledger.lock_streams($1, $2)",
            [s.kind for s in wanted],
            [s.id for s in wanted],
        )
        for row in rows:
            self.hold(Stream(row["kind"], row["stream_id"]), Head(row["seq"], row["head"], row["last_at"]))

    def hold(self, stream: Stream, head: Head) -> None:
        """Note the head of a stream that was locked in the same transaction by other means."""
        self._heads[stream] = head

    def head(self, stream: Stream) -> Head:
        """The head of a held stream, as of the events recorded so far."""
        if stream not in self._heads:
            raise StreamNotHeld(f"{stream.kind} {stream.id}")
        return self._heads[stream]

    def prepare(self, event: Event) -> Prepared:
        """Seal the event's content ahead of recording it, for a row that needs a commitment before the stream can be held."""
        if event.slots and self._sealer is None:
            raise ValueError(f"{event.type} has content, and there is no sealer")
        return Prepared(
            event, tuple(self._sealer.seal(self._org, slot) for slot in event.slots) if self._sealer else ()
        )

    def record(self, fact: Event | Prepared, entry_id: UUID | None = None) -> Recorded:
        """Build the entry of `fact` as the next of its stream. It is written by `flush`."""
        event, sealed = fact if isinstance(fact, Prepared) else self.prepare(fact)
        head = self.head(event.stream)
        entry_id = entry_id or new_id()
        # Time never runs backwards within a stream, whatever the machine's clock does.
        at = max(clock.now(), head.at) if head.seq else clock.now()
        data = layout.build(
            log=self._origin,
            id=str(entry_id),
            type=event.type,
            at=clock.stamp(at),
            nonce=secrets.token_bytes(16).hex(),
            actor=self._actor,
            stream=(event.stream.kind, str(event.stream.id), head.seq + 1, head.leaf.hex()),
            body=event.body,
            content=[(s.slot, s.commit.hex(), s.size, s.media) for s in sealed],
            refs=[(str(ref.id), ref.leaf.hex()) for ref in event.refs],
        )
        leaf = layout.leaf_hash(data)
        self._heads[event.stream] = Head(head.seq + 1, leaf, at)
        self._sealed.extend((event.stream, s) for s in sealed)
        recorded = Recorded(
            entry_id, leaf, event.stream, head.seq + 1, at, data, event.type, {s.slot: s.commit for s in sealed}
        )
        self.recorded.append(recorded)
        self.count += 1
        return recorded

    def take(self) -> list[Sealed]:
        """Hand over what `flush` would write, to a caller that writes it together with others' (the gatherer); gives the sealed content."""
        sealed = [each for _, each in self._sealed]
        self.recorded, self._sealed = [], []
        return sealed

    async def flush(self) -> None:
        """Write all entries, their place in the queue, the new heads, the content and its keys: one round trip."""
        if not self.recorded:
            return
        last = {fact.stream: fact for fact in self.recorded}
        columns = _entry_columns(self.recorded) + _head_columns(list(last.values()))
        if self._sealed:
            row = await self._connection.fetchrow(
                _ENTRIES_WITH_CONTENT, self._org, *columns, *_content_columns(self._sealed)
            )
        else:
            row = await self._connection.fetchrow(_ENTRIES, self._org, *columns)
        assert row is not None
        if (row["entries"], row["heads"]) != (len(self.recorded), len(last)):
            # Row security hid a stream that was found a moment ago: nothing may stand.
            raise StreamNotHeld("a stream's head could not be moved")
        self.recorded, self._sealed = [], []


def _entry_columns(facts: Sequence[Recorded]) -> list[list[object]]:
    return [
        [f.entry_id for f in facts],
        [f.stream.kind for f in facts],
        [f.stream.id for f in facts],
        [f.seq for f in facts],
        [f.type for f in facts],
        [f.at for f in facts],
        [f.entry for f in facts],
        [f.leaf_hash for f in facts],
    ]


def _head_columns(heads: Sequence[Recorded]) -> list[list[object]]:
    return [
        [h.stream.kind for h in heads],
        [h.stream.id for h in heads],
        [h.seq for h in heads],
        [h.leaf_hash for h in heads],
        [h.at for h in heads],
    ]


def _content_columns(sealed: Sequence[tuple[Stream, Sealed]]) -> list[list[object]]:
    return [
        [s.commit for _, s in sealed],
        [stream.kind for stream, _ in sealed],
        [stream.id for stream, _ in sealed],
        [s.slot for _, s in sealed],
        [s.size for _, s in sealed],
        [s.media for _, s in sealed],
        [s.sealed for _, s in sealed],
        [s.wrapped for _, s in sealed],
    ]
