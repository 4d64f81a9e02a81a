"""Reading entries back: always the stored bytes, under the reader's own reach."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sealdesk.core.db import Row

ENTRY_COLUMNS = "e.entry_id, e.stream_kind, e.stream_id, e.stream_seq, e.type, e.at, e.entry, e.leaf_hash, l.idx"
"""What `Stored.of` needs of `ledger.entry e left join ledger.leaf l using (org_id, qid)`."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as stored; `index` is None until it is sequenced."""

    entry_id: UUID
    stream_kind: str
    stream_id: UUID
    seq: int
    type: str
    at: datetime
    leaf_hash: bytes
    index: int | None
    actor_kind: str
    actor_id: str
    body: Mapping[str, Any]
    commits: Mapping[str, bytes]
    refs: tuple[UUID, ...]
    content_bytes: int

    @classmethod
    def of(cls, row: Row) -> "Stored":
        """From a row with ENTRY_COLUMNS."""
        entry = json.loads(row["entry"])
        return cls(
            row["entry_id"],
            row["stream_kind"],
            row["stream_id"],
            row["stream_seq"],
            row["type"],
            row["at"],
            row["leaf_hash"],
            row["idx"],
            entry["actor"]["kind"],
            entry["actor"]["id"],
            entry["body"],
            {slot["slot"]: bytes.fromhex(slot["commit"]) for slot in entry["content"]},
            tuple(UUID(ref["id"]) for ref in entry["refs"]),
            sum(slot["bytes"] for slot in entry["content"]),
        )
