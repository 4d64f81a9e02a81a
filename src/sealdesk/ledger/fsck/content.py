"""Sealed content against the commitments that entries name, in both directions."""

import re
from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

from sealdesk.core.db import Row
from sealdesk.ledger.fsck.logs import View
from sealdesk.ledger.seal import Unopenable
from sealproof import entry as entries
from sealproof.entry import Content, Entry

BATCH = 1000
_HASH = re.compile(r"[0-9a-f]{64}")


class Contents:
    """The content of one log. Memory grows with the number of erasures, not of contents."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._erased: frozenset[bytes] = frozenset()
        self._named = 0

    async def begin(self) -> None:
        """Learn what was erased on record. Whether those entries themselves hold is judged with all others."""
        rows = await self._view.connection.fetch(
            "select entry from ledger.entry where org_id = $1 and type = 'content.erased'", self._view.org
        )
        erased: set[bytes] = set()
        for row in rows:
            erased.update(bytes.fromhex(commit) for commit in _erased_by(row["entry"]) if _HASH.fullmatch(commit))
        self._erased = frozenset(erased)

    async def judge(self, batch: Sequence[Entry]) -> None:
        """`Differs` unless each commitment of `batch` has its content and key, or its erasure."""
        slots = [(entry, slot) for entry in batch for slot in entry.content]
        if not slots:
            return
        rows = await self._rows([bytes.fromhex(slot.commit) for _, slot in slots])
        for entry, slot in slots:
            commit = bytes.fromhex(slot.commit)
            row = rows.get(commit)
            if commit in self._erased:
                if row is not None:
                    raise self._view.differs(
                        "ledger.content", slot.commit, "content.not_erased", expected=None, found="sealed content"
                    )
                continue
            self._judge_row(entry, slot, row)
            self._named += 1

    async def finish(self) -> None:
        """`Differs` if there is content, or a key, that no entry names."""
        for table in ("ledger.content", "ledger.content_key"):
            stored = await self._view.connection.fetchval(
                f"select count(*) from {table} where org_id = $1",  # noqa: S608 - names of ours
                self._view.org,
            )
            if stored != self._named:
                orphan = await self._orphan(table)
                finding = f"{table.removeprefix('ledger.')}.orphan"
                raise self._view.differs(
                    table,
                    orphan,
                    finding,
                    expected=f"{self._named} rows, one for each commitment",
                    found=f"{stored} rows",
                )

    def _judge_row(self, entry: Entry, slot: Content, row: Row | None) -> None:
        view, key = self._view, slot.commit
        if row is None:
            raise view.differs(
                "ledger.content",
                key,
                "content.missing",
                expected=f"the slot {slot.slot} of entry {entry.id}, or its erasure",
                found=None,
            )
        due = (entry.stream.kind, UUID(entry.stream.id), slot.slot, slot.bytes, slot.media)
        for name, expected in zip(("stream_kind", "stream_id", "slot", "bytes", "media"), due, strict=True):
            if row[name] != expected:
                raise view.differs("ledger.content", key, f"content.{name}", expected=expected, found=row[name])
        if row["wrapped"] is None:
            raise view.differs(
                "ledger.content_key",
                key,
                "content_key.missing",
                expected="a key, or the erasure of the content",
                found=None,
            )
        if view.sealer is not None:
            self._open(slot, row)

    def _open(self, slot: Content, row: Row) -> None:
        view, sealer = self._view, self._view.sealer
        assert sealer is not None
        commit = bytes.fromhex(slot.commit)
        try:
            opened = sealer.open(view.org, commit, row["sealed"], row["wrapped"])
        except Unopenable as error:
            raise view.differs(
                "ledger.content, ledger.content_key",
                slot.commit,
                "content.unopenable",
                expected="content that opens with its key",
                found="other bytes",
            ) from error
        if len(opened.content) != slot.bytes:
            raise view.differs(
                "ledger.content", slot.commit, "content.bytes", expected=slot.bytes, found=len(opened.content)
            )

    async def _rows(self, commits: list[bytes]) -> Mapping[bytes, Row]:
        sealed = "c.sealed" if self._view.sealer else "null::bytea as sealed"
        rows = await self._view.connection.fetch(
            f"select c.commit, c.stream_kind, c.stream_id, c.slot, c.bytes, c.media, {sealed}, k.wrapped"  # noqa: S608 - names of ours
            " from ledger.content c left join ledger.content_key k using (org_id, commit) where c.org_id = $1 and c.commit = any ($2)",
            self._view.org,
            commits,
        )
        return {row["commit"]: row for row in rows}

    async def _orphan(self, table: str) -> str:
        """The commitment of a row that no entry names: only looked for when the counts differ, because it reads everything again."""
        named: set[bytes] = set()
        async for row in self._view.connection.cursor(
            "select entry from ledger.entry where org_id = $1", self._view.org, prefetch=BATCH
        ):
            named.update(bytes.fromhex(slot.commit) for slot in entries.parse(row["entry"]).content)
        async for row in self._view.connection.cursor(
            f"select commit from {table} where org_id = $1",  # noqa: S608 - names of ours
            self._view.org,
            prefetch=BATCH,
        ):
            if row["commit"] not in named - self._erased:
                return row["commit"].hex()
        return "one commitment named twice"


def _erased_by(raw: bytes) -> list[str]:
    # The row says that it is an erasure; whether its bytes say so too is judged with all others.
    try:
        entry = entries.parse(raw)
    except entries.EntryError:
        return []
    commits = entry.body.get("commits") if entry.type == "content.erased" else None
    return (
        [commit for commit in cast("list[object]", commits) if isinstance(commit, str)]
        if isinstance(commits, list)
        else []
    )
