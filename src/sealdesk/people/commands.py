"""Sign in, sign out."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.counters import Hit
from sealdesk.core.errors import BadRequest, Refusal, SignedOut
from sealdesk.core.transactions import sqlstate
from sealdesk.ledger.events import Stream
from sealdesk.people import events, guard, passwords
from sealdesk.people.emails import normalise_email
from sealdesk.people.sessions import ABSOLUTE, IDLE, Choice, Issued, Known, Membership, SecondNeeded, Visit
from sealdesk.unit import Desk
from sealdesk.web.tokens import new_token, token_hash

WRONG = "E-mail or password is wrong."
TOO_LATE = "That took too long, or was tried too often. Sign in again."
TIME_IS_OVER = "The time to set up a new second factor is over. Ask an admin of your organisation to let you in again."
OVER = "SD003"
"""The database says so: the time to set up a new second factor is over."""
CHALLENGE_LIFE = timedelta(minutes=10)

log = structlog.get_logger("security")


async def sign_in(
    desk: Desk, email: str, password: str, org: UUID | None, visit: Visit
) -> Issued | Choice | SecondNeeded:
    """Check the password and go on. `SignedOut` (401) with one answer for every cause, `TooMany` (429) for known and unknown alike."""
    return await go_on(desk, await authenticate(desk, email, password, visit), org, visit)


async def authenticate(desk: Desk, email: str, password: str, visit: Visit) -> Known:
    """The person whose e-mail and password these are, and where they are a member. `SignedOut` otherwise; the work is always the same.

    `TooMany` (429) where there were too many attempts, `Overloaded` (503) where too many wait already; then nothing is counted.
    """
    norm = known_email(email)
    if visit.device is None:
        with passwords.place() as place:
            return await _judge(desk, norm, password, None, visit, place)
    device = await known_device(desk, norm, visit)
    with passwords.place(ahead=device is not None) as place:
        return await _judge(desk, norm, password, device, visit, place)


async def _judge(
    desk: Desk, norm: str, password: str, device: bytes | None, visit: Visit, place: passwords.Place
) -> Known:
    guard.refuse_known(desk.counters, norm, device)
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select *, clock_timestamp() as began from sec.credential($1)", norm)
    attempt = guard.Attempt(norm, device, tuple(row["org_ids"]) if row else (), row["person_id"] if row else None)
    number = await guard.admit(desk.counters, attempt)
    encoded = row["password_hash"] if row else None
    held = await guard.holds(desk.counters, attempt) and not (row and row["factors"])
    right = await place.verify(password, encoded, hide=held)
    if held or not right or row is None or encoded is None:
        # Held back, a right one takes the same work and gets the same answer as a wrong one; the owner is told when that is out.
        await guard.failed(desk.counters, attempt)
        raise SignedOut(WRONG).at(replace(attempt.tried, held=right))
    await guard.passed(desk.counters, attempt)
    if number >= guard.TOLD_FROM:
        await tell(desk, row["person_id"], "after_failures", {"browser": visit.label})
    renewed = await passwords.rehash_if_old(password, encoded)
    if renewed:
        await pool.fetchval("select sec.set_password($1, $2, $3)", row["person_id"], encoded, renewed)
    found = await memberships(desk, row["person_id"])
    version, began = row["credential_version"], row["began"]
    return Known(row["person_id"], tuple(found), row["factors"], "password", version, number, began)


async def tell(desk: Desk, person: UUID, detail: str, about: dict[str, str] | None = None) -> None:
    """Mail the owner what happened at the sign-in, once in a window; `about` is what the letter says beside when."""
    (count,) = await desk.counters.hit(Hit(f"told/{detail}/{person}", guard.WINDOW))
    if count.number == 1:
        pool = await desk.database.pool("desk_gate")
        await pool.execute("select sec.note_sign_in($1, $2, $3)", person, detail, json.dumps(about or {}))


async def tell_of(desk: Desk, refusal: Refusal) -> None:
    """What the owner of an account has to know of a refusal there; called after the answer, whose time tells nothing of it."""
    if refusal.tried is not None and refusal.tried.held and refusal.tried.person is not None:
        await tell(desk, refusal.tried.person, "held")


async def memberships(desk: Desk, person: UUID) -> list[Membership]:
    """Where a person may enter."""
    pool = await desk.database.pool("desk_gate")
    rows = await pool.fetch("select * from sec.memberships($1)", person)
    return [Membership(r["org_id"], r["org_name"], Role(r["role"])) for r in rows]


async def go_on(desk: Desk, known: Known, org: UUID | None, visit: Visit) -> Issued | Choice | SecondNeeded:
    """After a first factor: ask for the second where the person has one, else for the organisation where there are several, else issue."""
    if known.factors and known.method == "password":
        data = {"method": known.method, "org": str(org) if org else None, "began": _written(known.began)}
        return await second_needed(
            desk, known.person, await pose(desk, "second", known.person, known.version, visit, data)
        )
    chosen = [m for m in known.memberships if org is None or m.org == org]
    if not chosen:
        raise SignedOut(WRONG)
    if len(chosen) > 1:
        data = {
            "method": known.method,
            "factors": known.factors,
            "tries": known.tries,
            "began": _written(known.began),
        }
        return Choice(tuple(chosen), await pose(desk, "choose", known.person, known.version, visit, data))
    return await issue(desk, known, chosen[0], visit)


def began_of(data: dict[str, Any]) -> datetime | None:
    """When what led to a challenge was shown, by what was noted with it."""
    return datetime.fromisoformat(data["began"]) if data.get("began") else None


def _written(began: datetime | None) -> str | None:
    return began.isoformat() if began else None


async def second_needed(desk: Desk, person: UUID, challenge: str) -> SecondNeeded:
    """What will do as a person's second factor."""
    rows = await (await desk.database.pool("desk_gate")).fetch("select * from sec.factors($1)", person)
    ids = tuple(row["credential_id"] for row in rows if row["kind"] == "passkey")
    return SecondNeeded(challenge, (*dict.fromkeys(row["kind"] for row in rows), "recovery"), ids)


async def choose(desk: Desk, challenge: str, org: UUID, visit: Visit) -> Issued:
    """The organisation chosen after all factors were shown. `SignedOut` where the challenge is over or not this browser's."""
    person, version, data = await attempt(desk, "choose", challenge, visit)
    for membership in await memberships(desk, person):
        if membership.org == org and await answered(desk, challenge):
            began, tries = began_of(data), data["tries"]
            known = Known(person, (membership,), data["factors"], data["method"], version, tries, began)
            return await issue(desk, known, membership, visit)
    raise SignedOut(TOO_LATE)


async def issue(desk: Desk, known: Known, membership: Membership, visit: Visit) -> Issued:
    """A session, recorded as an entry; the browser's old one ends (ASVS 7.2.4), and the browser is known from now on.

    `SignedOut` (401) where the password was changed since it was checked, or a new second factor was not set up in time.
    """
    token = new_token()
    actor = await _opened(desk, known, membership, visit, token_hash(token))
    # If this fails, the session exists but nobody was given its token: it can only expire.
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.SESSION_OWN)
        await change.lock(Stream("user", actor.member))
        change.record(events.signed_in(actor.member, known.method, visit.origin))
    log.info("login", owasp="authn_login_success", org=str(actor.org), member=str(actor.member), method=known.method)
    await guard.issued(desk.counters, membership.org, known.method)
    device = visit.device or new_token()
    await _meet(
        desk, known, actor, token_hash(device), {"browser": visit.label, "at_organisation": membership.org_name}
    )
    return Issued(token, await desk.peek(token_hash(token)) or actor, None if visit.device else device, known.method)


async def _opened(desk: Desk, known: Known, membership: Membership, visit: Visit, session: bytes) -> Actor:
    pool = await desk.database.pool("desk_gate")
    try:
        member = await pool.fetchval(
            "select sec.open_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            session,
            known.person,
            known.version,
            membership.org,
            IDLE,
            ABSOLUTE,
            known.method,
            visit.label,
            visit.old,
            known.began,
        )
    except asyncpg.PostgresError as error:
        if sqlstate(error) == OVER:
            raise SignedOut(TIME_IS_OVER) from error
        raise
    if member is None:
        raise SignedOut(TOO_LATE)
    return Actor(session, membership.org, member, membership.role)


async def _meet(desk: Desk, known: Known, actor: Actor, device: bytes, about: dict[str, str]) -> None:
    """Look at the browser: whether it was seen before, and whether that, after wrong passwords, holds the session back (ASVS 8.2.4)."""
    pool, held, failed = await desk.database.pool("desk_gate"), None, known.tries >= guard.TOLD_FROM
    who = {"org": str(actor.org), "member": str(actor.member)}
    if known.method == "password":
        question = "select sec.hold_back($1, $2, $3, $4, $5)"
        held = await pool.fetchval(question, actor.session_hash, known.person, device, failed, guard.HELD_FOR)
    if held:
        # Right after failures somebody may have guessed: that is an alarm. Whoever comes in the day after is a matter of record.
        tell_it = log.error if failed else log.warning
        tell_it("held_back", owasp="authn_login_successafterfail", tries=known.tries, **who)
    kept = actor.session_hash, known.person, device, about["browser"], "held" if held else "new", json.dumps(about)
    if await pool.fetchval("select sec.keep_device($1, $2, $3, $4, $5, $6)", *kept):
        log.warning("new_device", owasp="authn_login_success", **who)


async def sign_out(desk: Desk, actor: Actor) -> None:
    """End the actor's session; it is dead on the next request, also where it got another token or went on elsewhere meanwhile."""
    if actor.session_id is None:
        raise SignedOut
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.SESSION_OWN)
        await change.lock(Stream("user", actor.member))
        if await change.value("select sec.end_own_sessions($1, null, array['session'])", actor.session_id):
            change.record(events.signed_out(actor.member))
        else:
            change.nothing()  # it was ended in the same moment, from another place


async def pose(desk: Desk, purpose: str, person: UUID, version: int, visit: Visit, data: dict[str, Any]) -> str:
    """A challenge for this browser: a token that is answered within ten minutes and five tries, once.

    `SignedOut` where the person's credential is no longer of that `version`; once it changes, the challenge is over.
    """
    token, pool = new_token(), await desk.database.pool("desk_gate")
    posed = await pool.fetchval(
        "select sec.pose($1, $2, $3, $4, $5, $6, $7)",
        token_hash(token),
        purpose,
        visit.bound,
        person,
        version,
        json.dumps(data).encode(),
        CHALLENGE_LIFE,
    )
    if not posed:
        raise SignedOut(TOO_LATE)
    return token


async def attempt(desk: Desk, purpose: str, challenge: str, visit: Visit) -> tuple[UUID, int, dict[str, Any]]:
    """One try at a challenge: whose it is, the version of their credential, and what was noted with it.

    `SignedOut` where it is over, used up or not this browser's.
    """
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.attempt($1, $2, $3)", token_hash(challenge), purpose, visit.bound)
    if row is None:
        raise SignedOut(TOO_LATE)
    return row["person_id"], row["credential_version"], json.loads(row["data"])


async def answered(desk: Desk, challenge: str) -> bool:
    """Use a challenge up; false for whoever comes second."""
    pool = await desk.database.pool("desk_gate")
    return bool(await pool.fetchval("select sec.answered($1)", token_hash(challenge)))


async def known_device(desk: Desk, norm: str, visit: Visit) -> bytes | None:
    """The hash of the visit's device, if whoever signs in with the address `norm` did so from it; the same work for nobody's."""
    if visit.device is None:
        return None
    pool = await desk.database.pool("desk_gate")
    person = await pool.fetchval("select person_id from sec.credential($1)", norm)
    device = token_hash(visit.device)
    known = await pool.fetchval("select sec.knows_device($1, $2)", person or UUID(int=0), device)
    return device if known else None


def known_email(email: str) -> str:
    """The form by which an account is found; empty for what is no address."""
    # A malformed address is an unknown account: the same answer after the same work.
    try:
        return normalise_email(email)
    except BadRequest:
        return ""
