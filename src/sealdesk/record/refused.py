"""What was refused in an organisation: its entries, newest first, and their counts over time."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sealdesk.access.permissions import Permission
from sealdesk.core.db import Row
from sealdesk.core.errors import OutsideReach
from sealdesk.unit import Reading
from sealdesk.web.paging import TOP, Before

TYPES = ("auth.failed", "authz.denied", "rate.limited", "suspicious.activity")
PAGE = 50
_OURS = "org_id = $1 and type in ('auth.failed', 'authz.denied', 'rate.limited', 'suspicious.activity')"
# The bytes are canonical JSON whose strings hold no quotes: this is the one count in them, without the cost of parsing each.
_COUNT = """split_part(split_part(convert_from(entry, 'UTF8'), '"count":', 2), ',', 1)::bigint"""
_PAGE = f"""select entry_id, type, at, case when stream_kind = 'user' then stream_id end as member, entry from ledger.entry
where {_OURS} and type = any ($2) and (at, entry_id) < ($3, $4)
  and at >= coalesce($5::timestamptz, '-infinity') and at < coalesce($8::timestamptz, 'infinity')
  and ($6::uuid is null or stream_kind = 'user' and stream_id = $6) and (not $7 or stream_kind <> 'user')
order by at desc, entry_id desc limit $9"""  # noqa: S608 - names of ours
_SUMS = f"""select type, case when stream_kind = 'user' then stream_id end as member,
  floor(extract(epoch from at - $2)::float8 / $3)::int as step, sum({_COUNT})::bigint as count
from ledger.entry where {_OURS} and at >= $2 group by 1, 2, 3"""  # noqa: S608 - names of ours


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which refusals: of these types, of one member (or `nobody`: of none), recorded from `since` until before `until`."""

    types: tuple[str, ...] = TYPES
    member: UUID | None = None
    nobody: bool = False
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """`count` refusals of one kind on one route. `member` was refused, or is whose account was tried; `bucket` stands for an address."""

    entry_id: UUID
    type: str
    kind: str
    route: str
    member: UUID | None
    bucket: UUID | None
    count: int
    first_at: datetime
    last_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Sums:
    """Refusals counted: by type and step of a period, and by member (None: of none) over the whole of it."""

    steps: Counter[tuple[str, int]]
    members: Counter[UUID | None]


async def page(work: Reading, chosen: Chosen, before: Before | None) -> tuple[list[Refused], Before | None]:
    """One page, newest first, and where there is more the key of the next. `OutsideReach` (404) for a member of another organisation."""
    work.demand(Permission.REFUSAL_READ)
    if chosen.member and not await names(work, {chosen.member}):
        raise OutsideReach
    bound = before or TOP
    rows = await work.rows(
        _PAGE,
        work.actor.org,
        chosen.types,
        bound.at,
        bound.id,
        chosen.since,
        chosen.member,
        chosen.nobody,
        chosen.until,
        PAGE + 1,
    )
    found = [_refused(row) for row in rows[:PAGE]]
    more = Before(found[-1].recorded_at, found[-1].entry_id) if len(rows) > PAGE else None
    return found, more


async def sums(work: Reading, since: datetime, step: timedelta, chosen: Chosen) -> Sums:
    """Counts of what was recorded since a moment. `chosen` narrows the steps, not the members: those are what to choose from."""
    work.demand(Permission.REFUSAL_READ)
    counted = Sums(Counter(), Counter())
    for row in await work.rows(_SUMS, work.actor.org, since, step.total_seconds()):
        member, count = row["member"], row["count"]
        counted.members[member] += count
        theirs = member == chosen.member if chosen.member else member is None or not chosen.nobody
        if theirs and row["type"] in chosen.types:
            counted.steps[row["type"], row["step"]] += count
    return counted


async def names(work: Reading, members: set[UUID]) -> dict[UUID, str]:
    """What members are called, those who left too."""
    rows = await work.rows(
        "select member_id, name from app.member where org_id = $1 and member_id = any ($2)",
        work.actor.org,
        list(members),
    )
    return {row["member_id"]: row["name"] for row in rows}


def _refused(row: Row) -> Refused:
    body = json.loads(row["entry"])["body"]
    return Refused(
        entry_id=row["entry_id"],
        type=row["type"],
        kind=body["kind"],
        route=body["route"],
        member=row["member"],
        bucket=UUID(body["bucket"]) if body["bucket"] else None,
        count=body["count"],
        first_at=datetime.fromisoformat(body["first_at"]),
        last_at=datetime.fromisoformat(body["last_at"]),
        recorded_at=row["at"],
    )
