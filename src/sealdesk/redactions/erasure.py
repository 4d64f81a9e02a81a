"""Erasure: off until two people turn it on; then one admin asks, and a second person approves, unless a legal hold stands.

Approving first keeps bundles from being put on record; then it takes the locks of every export with a bundle that covers the conversation,
of the organisation's stream, where the switch stands, and of the conversation's streams, in one order. What is judged under them is
judged again by `ledger.erase`, the only function that deletes content, which wants to see the entry of this transaction first. Killed
before the COMMIT, nothing has happened; after it, all has: what is left in the store of a kept bundle is noise, because its key went
with the entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core import clock
from sealdesk.core.errors import NotPermitted, StateConflict
from sealdesk.exports import commands as exports
from sealdesk.ledger.events import Ref, Stream
from sealdesk.ledger.read import ENTRY_COLUMNS, Stored
from sealdesk.people.holding import hold_role
from sealdesk.redactions import events, queries
from sealdesk.redactions.events import Erased
from sealdesk.redactions.model import BOTH, Basis, ErasureOff, LegalHold, Posted, checked_note
from sealdesk.redactions.queries import Erasing, Waiting
from sealdesk.redactions.rewriting import LATE
from sealdesk.threads.queries import Message
from sealdesk.unit import Change, Desk, Key

BACKUPS_LIVE: Final = timedelta(days=30)
"""How long a backup of the keys is kept (decision 17). The last that holds one of what was erased is from before they are written anew."""
SLOTS: Final = ("body", "origin", "claim")
"""What is erased of a message's own content. That somebody wrote, and who, stays on record."""
Turn = Literal["ask", "approve", "off"]
_TURNED: Final[dict[Turn, str]] = {"ask": "asked", "approve": "on", "off": "off"}
_OWN = f"""select {ENTRY_COLUMNS} from ledger.entry e left join ledger.leaf l using (org_id, qid) where e.org_id = $1 and e.stream_kind = $2
and e.stream_id = $3 and (e.entry_id = $4 or e.type = 'message.redacted') order by e.stream_seq"""  # noqa: S608 - columns from code
_ADMIN = "select 1 from app.member where org_id = $1 and member_id = $2 and active and role = 'admin'"
_LAST_SWITCH = """select entry_id, leaf_hash from ledger.entry where org_id = $1 and stream_kind = 'org' and stream_id = $1
and type = 'config.changed' and convert_from(entry, 'UTF8')::jsonb #>> '{body,setting}' = 'erasure.asked'
order by stream_seq desc limit 1"""

log = structlog.get_logger("security")


class NothingWaits(StateConflict):
    """There is no request, or it was answered."""

    sentence = "Nothing waits for approval here: it was answered or withdrawn."


class Void(StateConflict):
    """Whoever asked is no admin now."""

    slug = "erasure-void"
    title = "The request is void"
    sentence = (
        "Whoever asked for this is no admin now, so it can only be refused. Another admin may ask for it anew then."
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a second person says."""

    approve: bool
    reason: str = ""


async def turn(desk: Desk, actor: Actor, to: Turn, reason: str, require: Callable[[int], None]) -> Erasing:
    """Ask that erasure be turned on, approve it as a second person, or turn it off. `StateConflict` (409) where that is no next step."""
    async with desk.change(actor) as change:
        change.demand(Permission.ERASURE_ASK if to == "ask" else Permission.ERASURE_APPROVE)
        told = checked_note(reason, needed=to == "ask")
        await change.lock(Stream("org", actor.org))
        await hold_role(change, (Role.ADMIN,) if to == "ask" else (Role.ADMIN, Role.AUDITOR))
        found = await queries.erasing(change)
        require(found.version)
        _demand_step(found, to, actor)
        after = Erasing(_TURNED[to], actor.member if to == "ask" else found.asked_by, found.version + 1)
        change.record(
            events.erasing_changed(actor.org, after.state, told, await _asked(change) if to == "approve" else ())
        )
        if found.version == 0:
            await change.insert("app.erasing", state=after.state, asked_by=after.asked_by)
        else:
            await change.execute(
                "update app.erasing set state = $2, asked_by = $3, version = version + 1 where org_id = $1",
                actor.org,
                after.state,
                after.asked_by,
            )
    log.warning("erasure_switch", owasp="authz_change", org=str(actor.org), member=str(actor.member), state=after.state)
    return after


async def ask(
    desk: Desk, actor: Actor, thread: UUID, message: UUID, basis: Basis, reason: str, *, key: Key | None
) -> Message:
    """Ask that a message be erased. A repeat with the same key gives the same answer.

    `OutsideReach` (404), `NotPermitted` (403), `ErasureOff`, `LegalHold`, `Erased` or `StateConflict` (409).
    """
    async with desk.change(actor, key) as change:
        if change.replay:
            return await queries.shown_of_entry(change, change.replay)
        await queries.find(change, thread, message, Permission.ERASURE_ASK)
        told = checked_note(reason, needed=True)
        await change.lock(*_judged(change, thread))
        posted = await queries.find(change, thread, message, Permission.ERASURE_ASK)
        await hold_role(change, (Role.ADMIN,))
        event = posted.ask_erasure(basis, told)
        await _demand_possible(change, thread)
        if await queries.waiting(change, message):
            raise StateConflict("This was asked already, and waits for a second person.")
        fact = change.record(event)
        await _put(change, posted, basis, fact.entry_id)
        await change.flush()
        return await queries.shown(change, thread, message)


async def answer(
    desk: Desk,
    actor: Actor,
    thread: UUID,
    message: UUID,
    said: Answer,
    require: Callable[[str], None],
    *,
    key: Key | None,
) -> Message:
    """Approve what somebody else asked, which erases, or refuse it (or withdraw one's own). `NothingWaits` or `Void` (409), else as `ask`.

    `require` is asked with the id of the entry that asked, and raises `Stale` (412) where the actor saw another request.
    """
    async with desk.change(actor, key) as change:
        if change.replay:
            return await queries.shown_of_entry(change, change.replay)
        posted = await queries.find(change, thread, message, Permission.ERASURE_APPROVE)
        told = checked_note(said.reason)
        covering = await exports.hold_covering(change, posted.stream) if said.approve else []
        await change.lock(*_judged(change, thread), *(Stream("export", each) for each in covering))
        found = next(iter(await queries.waiting(change, message)), None)
        # Who approves needs whoever asked to be an admin still, up to the end.
        await hold_role(change, (Role.ADMIN, Role.AUDITOR), *([found.asked_by] if found and said.approve else []))
        require(str(found.entry.id) if found else "")
        if found is None:
            raise NothingWaits
        if said.approve:
            await _erase(change, posted, found, covering)
        else:
            change.record(events.erasure_refused(thread, message, told, found.entry))
            await change.execute(
                "update app.erasure set state = 'refused' where org_id = $1 and message_id = $2", actor.org, message
            )
            await change.flush()
        shown = await queries.shown(change, thread, message)
    act = "content_erased" if said.approve else "erasure_refused"
    log.warning(act, org=str(actor.org), member=str(actor.member), message=str(message))
    return shown


async def _erase(change: Change, posted: Posted, found: Waiting, covering: list[UUID]) -> None:
    actor = change.actor
    if not found.answerable(actor.member):
        raise NotPermitted("A second person has to approve this: another admin, or an auditor.")
    if not await change.value(_ADMIN, actor.org, found.asked_by):
        raise Void
    await _demand_possible(change, posted.thread_id)
    expire = clock.now() + LATE + BACKUPS_LIVE
    erased = Erased(await _commits(change, posted), found.basis, found.asked_by, actor.member, expire)
    fact = change.record(events.content_erased(posted.stream, erased, [posted.entry, found.entry]))
    for export in covering:
        await exports.expire_in(change, export, "erasure")
    await change.flush()
    await change.value("select ledger.erase($1, $2)", fact.entry_id, posted.id)


async def _commits(change: Change, posted: Posted) -> list[bytes]:
    """Of the message itself, and of every text that a redaction put in its place."""
    rows = await change.rows(_OWN, change.actor.org, posted.stream.kind, posted.stream.id, posted.entry.id)
    commits: list[bytes] = []
    for entry in map(Stored.of, rows):
        if entry.entry_id == posted.entry.id:
            commits += [commit for slot, commit in entry.commits.items() if slot in SLOTS]
        elif entry.body["message"] == str(posted.id) and "redacted_body" in entry.commits:
            commits.append(entry.commits["redacted_body"])
    return commits


def _judged(change: Change, thread: UUID) -> list[Stream]:
    """Where what may stop an erasure is on record: the switch, and the conversation."""
    return [Stream("org", change.actor.org), *(Stream(kind, thread) for kind in BOTH)]


async def _demand_possible(change: Change, thread: UUID) -> None:
    """Under the locks: erasure is on, nothing is held, and the actor did not release what held it."""
    org, member = change.actor.org, change.actor.member
    if (await queries.erasing(change)).state != "on":
        raise ErasureOff
    if await change.value("select 1 from app.hold where org_id = $1 and thread_id = $2 and standing", org, thread):
        raise LegalHold
    if await change.value(
        "select 1 from app.hold where org_id = $1 and thread_id = $2 and released_by = $3", org, thread, member
    ):
        raise StateConflict("You released a hold on this conversation, so others decide what of it is erased.")


async def _put(change: Change, posted: Posted, basis: str, entry: UUID) -> None:
    org, member = change.actor.org, change.actor.member
    again = await change.execute(
        "update app.erasure set basis = $3, asked_by = $4, state = 'asked', entry_id = $5 where org_id = $1 and message_id = $2",
        org,
        posted.id,
        basis,
        member,
        entry,
    )
    if again == "UPDATE 0":
        values = {"message_id": posted.id, "thread_id": posted.thread_id, "basis": basis, "state": "asked"}
        await change.insert("app.erasure", **values, asked_by=member, entry_id=entry)


async def _asked(change: Change) -> list[Ref]:
    row = await change.row(_LAST_SWITCH, change.actor.org)
    assert row is not None
    return [Ref(row["entry_id"], row["leaf_hash"])]


def _demand_step(found: Erasing, to: Turn, actor: Actor) -> None:
    if to == "ask" and found.state != "off":
        raise StateConflict("Erasure is on already, or waits for a second person.")
    if to == "approve" and found.state != "asked":
        raise NothingWaits
    if to == "approve" and found.asked_by == actor.member:
        raise NotPermitted("A second person has to approve this: another admin, or an auditor.")
    if to == "off" and found.state == "off":
        raise StateConflict("Erasure is off already.")
