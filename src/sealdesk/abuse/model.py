"""The flag: what waits for somebody to decide."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sealdesk.access.permissions import Role
from sealdesk.core.db import Row
from sealdesk.core.errors import StateConflict
from sealdesk.ledger.events import Stream
from sealdesk.unit import Change, Reading

Standing = Literal["open", "confirmed", "dismissed"]
About = Literal["message", "subject", "reason", "person"]


class Decided(StateConflict):
    """Another was faster, and decided otherwise or the same."""

    slug = "flag-decided"
    title = "This is decided already"


@dataclass(frozen=True, slots=True)
class Flag:
    """What waits for a decision: a message, a subject or a reason in a conversation, or a person. `author` wrote it, or is the person."""

    id: UUID
    about: About
    thread: UUID | None
    author: UUID
    author_kind: str
    kinds: tuple[str, ...]
    at: datetime
    entry_id: UUID
    evidence: UUID
    standing: Standing

    @classmethod
    def of(cls, row: Row) -> "Flag":
        """From a row of `app.flag`."""
        return cls(
            row["flag_id"],
            row["about"],
            row["thread_id"],
            row["author_id"],
            row["author_kind"],
            tuple(row["kinds"]),
            row["at"],
            row["entry_id"],
            row["evidence"],
            row["standing"],
        )

    @classmethod
    async def find(cls, work: Reading, key: UUID, lock: tuple[str, ...]) -> "Flag | None":
        """The flag in reach; with a `lock`, its standing is read once its stream is locked. Requesters reach none."""
        if work.actor.role is Role.REQUESTER:
            return None
        query = "select * from app.flag where org_id = $1 and flag_id = $2"
        row = await work.row(query, work.actor.org, key)
        if row is not None and lock and isinstance(work, Change):
            await work.lock(cls.of(row).stream(work.actor.org))
            row = await work.row(query, work.actor.org, key)
        return cls.of(row) if row else None

    def stream(self, org: UUID) -> Stream:
        """Where its entries stand. A person's own stream is theirs to read, so what is said of them stands in the organisation's."""
        return Stream("ticket", self.thread) if self.thread else Stream("org", org)

    def decide(self) -> None:
        """`Decided` (409) where somebody did."""
        if self.standing != "open":
            raise Decided(f"Somebody has {self.standing} it in the meantime.")
