"""The way back for whoever lost every second factor and all recovery codes (ASVS 6.4.4).

An admin who made sure who asks says how; another admin or an auditor approves. Both are entries, and the person is told by mail. Factors
are a person's in every organisation, so each has to let go of them; then the password opens a session that can do nothing but set up a
new one, for a while.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.db import Row
from sealdesk.core.errors import BadRequest, NotPermitted, StateConflict
from sealdesk.core.seen import shows
from sealdesk.ledger.events import Ref
from sealdesk.members import events
from sealdesk.members.model import Member, NotThem
from sealdesk.members.queries import admit
from sealdesk.people import outbox
from sealdesk.people.holding import hold_role
from sealdesk.people.outbox import Mail
from sealdesk.people.sessions import ENROL_WITHIN
from sealdesk.unit import Change, Desk, Reading

ANSWERED_WITHIN = timedelta(hours=24)
"""How long a request waits for a second person."""
STANDS_FOR = timedelta(days=7)
"""How long what one organisation approved waits for the person's other ones."""
MOST_BYTES = 2000
MOST_TOLD = 20
APPROVE = Permission.RECOVERY_APPROVE

log = structlog.get_logger("security")


class NothingWaits(StateConflict):
    """There is no request, or it was answered, or it is too old."""

    sentence = "Nothing waits for approval here: it was answered, withdrawn, or not answered within a day."


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for a second person: for which member, by whom it was asked, and how they made sure who it is."""

    member: UUID
    name: str
    version: int
    asked_by: UUID
    asker: str
    asked_at: datetime
    reason: str | None = None

    def answerable(self, actor: Actor) -> bool:
        """Whether the actor may approve it: neither who asked, nor who it is for."""
        return actor.may(APPROVE) and actor.member not in (self.asked_by, self.member)


async def waiting(work: Reading, member: UUID | None = None) -> list[Waiting]:
    """What waits in the reader's organisation, the oldest first; of one member with the reason."""
    admit(work.actor, APPROVE)
    rows = await work.rows("select * from sec.recoveries($1, $2)", member, ANSWERED_WITHIN)
    found = await work.rows("select member_id, name from app.member where org_id = $1", work.actor.org) if rows else []
    names = {row["member_id"]: row["name"] for row in found}
    return [_waiting(row, names, await _reason(work, row["member_id"]) if member else None) for row in rows]


async def ask(desk: Desk, actor: Actor, member_id: UUID, reason: str) -> None:
    """Ask that a member's second factors be removed. `reason` says how the admin made sure that it is they who ask.

    `NotThem` (409) where there is nothing to remove, `NotPermitted` (403) for oneself, `StateConflict` (409) where a request waits.
    """
    reason = reason.strip()
    if not shows(reason) or len(reason.encode()) > MOST_BYTES:
        raise BadRequest(f"Say in up to {MOST_BYTES:,} characters how you made sure who it is.", pointer="/reason")
    async with desk.change(actor, paced=False) as change:
        member = await change.find(Member, member_id, Permission.MEMBER_MANAGE, lock=("user",))
        if member_id == actor.member:
            raise NotPermitted("Somebody else has to ask this for you: another admin.")
        if await waiting(change, member_id):
            raise StateConflict("This was asked already, and waits for a second person.")
        await hold_role(change, (Role.ADMIN,), member_id)
        if not member.active or await change.value("select sec.ask_recovery($1)", member_id) is None:
            raise NotThem("There is no second factor to remove.")
        change.record(events.recovery_asked(member_id, reason))
        await _tell(desk, change, member)
    log.warning("recovery_asked", owasp="authz_change", org=str(actor.org), member=str(member_id), by=str(actor.member))


async def approve(desk: Desk, actor: Actor, member_id: UUID, require: Callable[[int], None]) -> None:
    """Let go of the member's factors, as a second person. `NothingWaits` (409), `NotPermitted` (403) for who asked or whom it is for."""
    async with desk.change(actor, paced=False) as change:
        found = await _found(change, member_id, require)
        if not found.answerable(actor):
            raise NotPermitted("A second person has to approve this: neither who asked, nor whom it is for.")
        lives = (ANSWERED_WITHIN, STANDS_FOR, ENROL_WITHIN)
        gone = await change.value("select sec.approve_recovery($1, $2, $3, $4)", member_id, *lives)
        if gone is None:
            raise NothingWaits
        change.record(events.recovery_approved(member_id, await _asked(change, member_id)))
    log.warning(
        "recovery_approved", owasp="authz_change", org=str(actor.org), member=str(member_id), by=str(actor.member)
    )


async def refuse(desk: Desk, actor: Actor, member_id: UUID, require: Callable[[int], None]) -> None:
    """Refuse the request, or withdraw one's own. `NothingWaits` (409)."""
    async with desk.change(actor, paced=False) as change:
        await _found(change, member_id, require)
        if not await change.value("select sec.drop_recovery($1)", member_id):
            raise NothingWaits
        change.record(events.recovery_refused(member_id, await _asked(change, member_id)))


async def _found(change: Change, member_id: UUID, require: Callable[[int], None]) -> Waiting:
    await change.find(Member, member_id, APPROVE, lock=("user",))
    await hold_role(change, (Role.ADMIN, Role.AUDITOR), member_id)
    rows = await waiting(change, member_id)
    require(rows[0].version if rows else 0)
    if not rows:
        raise NothingWaits
    return rows[0]


async def _asked(change: Change, member_id: UUID) -> Ref:
    """The entry of the request that was answered."""
    row = await _last(change, member_id)
    assert row is not None
    return Ref(row["entry_id"], row["leaf_hash"])


async def _last(work: Reading, member_id: UUID) -> Row | None:
    return await work.row(
        "select entry_id, leaf_hash, convert_from(entry, 'UTF8')::jsonb #>> '{content,0,commit}' as commit from ledger.entry"
        " where org_id = $1 and stream_kind = 'user' and stream_id = $2 and type = 'recovery.asked' order by stream_seq desc limit 1",
        work.actor.org,
        member_id,
    )


async def _reason(work: Reading, member_id: UUID) -> str | None:
    row = await _last(work, member_id)
    if row is None:
        return None
    opened = await work.open([bytes.fromhex(row["commit"])])
    return next((found.content.decode() for found in opened.values()), None)


async def _tell(desk: Desk, change: Change, member: Member) -> None:
    """Mail to the person, and to those who can approve."""
    rows = await change.rows(
        "select * from sec.members(null) where member_id = $1 or active and role in ('admin', 'auditor')", member.id
    )
    data = {"organisation": change.actor.org_name, "asker": change.actor.name, "name": member.name}
    link = {"path": f"/members/{member.id}/recovery"}
    mails = [Mail(row["email"], "recovery.asked", data) for row in rows if row["member_id"] == member.id]
    mails += [
        Mail(row["email"], "recovery.waits", data | link)
        for row in rows
        if row["active"]
        and row["role"] in (Role.ADMIN, Role.AUDITOR)
        and row["member_id"] not in (member.id, change.actor.member)
    ][:MOST_TOLD]
    for mail in mails:
        await outbox.queue(change, desk.sealer, mail)


def _waiting(row: Row, names: dict[UUID, str], reason: str | None) -> Waiting:
    asker = names.get(row["asked_by"], "")
    return Waiting(row["member_id"], row["name"], row["version"], row["asked_by"], asker, row["asked_at"], reason)
