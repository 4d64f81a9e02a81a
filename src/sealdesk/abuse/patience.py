"""When repeated refusals are too many: sliding windows, as a pure function of what stands on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

MOST_THREADS: Final = 64
"""Conversations, and refusals, that one escalation names: the newest."""
Violation = Literal["rate-limit", "unauthorised", "cross-tenant"]


@dataclass(frozen=True, slots=True)
class Patience:
    """So many refusals of a kind within a window escalate whom they were refused to, once."""

    violation: Violation
    refusals: int
    window: timedelta


WINDOW: Final = timedelta(minutes=10)
PATIENCE: Final[dict[tuple[str, str], Patience]] = {
    ("rate.limited", "too_many_requests"): Patience("rate-limit", 3, WINDOW),
    ("authz.denied", "not_permitted"): Patience("unauthorised", 3, WINDOW),
    ("suspicious.activity", "foreign_id"): Patience("cross-tenant", 2, WINDOW),
}
"""By type and kind of a refusal. Others are no violations of the member they stand with: somebody else's tries at their account, a form
sent by another site, a confirmation that was asked for, one window more than is kept live, a limit that others behind an address used
up. One id of another organisation may be a link from one's own other membership."""


@dataclass(frozen=True, slots=True)
class Violations:
    """Refusals of one kind, counted together: their entry, when the last was, how many, and where."""

    entry: UUID
    leaf: bytes
    last_at: datetime
    first_at: datetime
    count: int
    thread: UUID | None


def exhausted(patience: Patience, found: Sequence[Violations], escalated_at: datetime | None) -> list[Violations]:
    """What escalates at the newest of `found`: those within the window before it and after the last escalation; empty for too few.

    An escalation holds for a window: none follows within it, however many refusals do.
    """
    newest = found[-1].last_at
    if escalated_at is not None and newest < escalated_at + patience.window:
        return []
    begin = newest - patience.window
    within = [each for each in found if each.last_at > begin and (escalated_at is None or each.last_at > escalated_at)]
    return within if sum(each.count for each in within) >= patience.refusals else []
