"""Sign in, sign out."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest, SignedOut
from sealdesk.ledger.events import Stream
from sealdesk.people import events, guard, passwords
from sealdesk.people.emails import normalise_email
from sealdesk.people.sessions import ABSOLUTE, IDLE, Choice, Issued, Known, Membership, SecondNeeded, Terms, Visit
from sealdesk.unit import Desk
from sealdesk.web.tokens import new_token, token_hash

WRONG = "E-mail or password is wrong."
TOO_LATE = "That took too long, or was tried too often. Sign in again."
CHALLENGE_LIFE = timedelta(minutes=10)

log = structlog.get_logger("security")


async def sign_in(
    desk: Desk, email: str, password: str, org: UUID | None, visit: Visit
) -> Issued | Choice | SecondNeeded:
    """Check the password and go on. `SignedOut` (401) with one answer for every cause, `TooMany` (429) for known and unknown alike."""
    return await go_on(desk, await authenticate(desk, email, password, visit), org, visit)


async def authenticate(desk: Desk, email: str, password: str, visit: Visit) -> Known:
    """The person whose e-mail and password these are, and where they are a member. `SignedOut` otherwise; the work is always the same."""
    pool = await desk.database.pool("desk_gate")
    norm = known_email(email)
    row = await pool.fetchrow("select * from sec.credential($1)", norm)
    device = token_hash(visit.device) if visit.device else None
    if device is not None:
        person = row["person_id"] if row else UUID(int=0)
        device = device if await pool.fetchval("select sec.knows_device($1, $2)", person, device) else None
    attempt = guard.Attempt(norm, device, tuple(row["org_ids"]) if row else ())
    number = await guard.admit(desk.counters, attempt)
    encoded = row["password_hash"] if row else None
    if not await passwords.verify(password, encoded) or row is None or encoded is None:
        await guard.failed(desk.counters, attempt)
        raise SignedOut(WRONG)
    await guard.passed(desk.counters, attempt)
    if number >= guard.TOLD_FROM:
        await pool.execute("select sec.note_failures($1, $2)", row["person_id"], json.dumps({"browser": visit.label}))
    renewed = await passwords.rehash_if_old(password, encoded)
    if renewed:
        await pool.fetchval("select sec.set_password($1, $2, $3)", row["person_id"], encoded, renewed)
    found = await memberships(desk, row["person_id"])
    return Known(row["person_id"], tuple(found), row["factors"], "password")


async def memberships(desk: Desk, person: UUID) -> list[Membership]:
    """Where a person may enter."""
    pool = await desk.database.pool("desk_gate")
    rows = await pool.fetch("select * from sec.memberships($1)", person)
    return [Membership(r["org_id"], r["org_name"], Role(r["role"])) for r in rows]


async def go_on(desk: Desk, known: Known, org: UUID | None, visit: Visit) -> Issued | Choice | SecondNeeded:
    """After a first factor: ask for the second where the person has one, else for the organisation where there are several, else issue."""
    if known.factors and known.method == "password":
        data = {"method": known.method, "org": str(org) if org else None}
        return await second_needed(desk, known.person, await pose(desk, "second", known.person, visit, data))
    chosen = [m for m in known.memberships if org is None or m.org == org]
    if not chosen:
        raise SignedOut(WRONG)
    if len(chosen) > 1:
        data = {"method": known.method, "factors": known.factors}
        return Choice(tuple(chosen), await pose(desk, "choose", known.person, visit, data))
    return await issue(desk, known, chosen[0], visit)


async def second_needed(desk: Desk, person: UUID, challenge: str) -> SecondNeeded:
    """What will do as a person's second factor."""
    rows = await (await desk.database.pool("desk_gate")).fetch("select * from sec.factors($1)", person)
    ids = tuple(row["credential_id"] for row in rows if row["kind"] == "passkey")
    return SecondNeeded(challenge, (*dict.fromkeys(row["kind"] for row in rows), "recovery"), ids)


async def choose(desk: Desk, challenge: str, org: UUID, visit: Visit) -> Issued:
    """The organisation chosen after all factors were shown. `SignedOut` where the challenge is over or not this browser's."""
    person, data = await attempt(desk, "choose", challenge, visit)
    for membership in await memberships(desk, person):
        if membership.org == org and await answered(desk, challenge):
            return await issue(desk, Known(person, (membership,), data["factors"], data["method"]), membership, visit)
    raise SignedOut(TOO_LATE)


async def terms_of(desk: Desk, org: UUID) -> Terms:
    """The organisation's rules of signing in, or what holds where its admins have set none."""
    pool = await desk.database.pool("desk_gate")
    rules = json.loads(await pool.fetchval("select sec.sign_in_rules($1)", org) or "{}")
    return Terms(
        timedelta(minutes=rules["idle_minutes"]) if "idle_minutes" in rules else IDLE,
        timedelta(hours=rules["absolute_hours"]) if "absolute_hours" in rules else ABSOLUTE,
        frozenset(rules.get("second_factor", ())),
    )


async def issue(desk: Desk, known: Known, membership: Membership, visit: Visit) -> Issued:
    """A session, recorded as an entry; the browser's old one ends (ASVS 7.2.4), and the browser is known from now on."""
    token, pool = new_token(), await desk.database.pool("desk_gate")
    terms = await terms_of(desk, membership.org)
    weak = terms.weak(membership.role, known.factors)
    member = await pool.fetchval(
        "select sec.open_session($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        token_hash(token),
        known.person,
        membership.org,
        terms.idle,
        terms.absolute,
        known.method,
        visit.label,
        weak,
        visit.old,
    )
    actor = Actor(token_hash(token), membership.org, member, membership.role, weak=weak)
    # If this fails, the session exists but nobody was given its token: it can only expire.
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.SESSION_OWN)
        await change.lock(Stream("user", member))
        change.record(events.signed_in(member, known.method, visit.origin))
    log.info("login", owasp="authn_login_success", org=str(membership.org), member=str(member), method=known.method)
    await guard.issued(desk.counters, membership.org, known.method)
    device = visit.device or new_token()
    about = json.dumps({"browser": visit.label, "at_organisation": membership.org_name})
    if await pool.fetchval("select sec.keep_device($1, $2, $3)", known.person, token_hash(device), about):
        log.warning("new_device", owasp="authn_login_success", org=str(membership.org), member=str(member))
    return Issued(token, await desk.peek(token_hash(token)) or actor, None if visit.device else device, known.method)


async def sign_out(desk: Desk, actor: Actor) -> None:
    """End the actor's session; it is dead on the next request."""
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.SESSION_OWN)
        await change.lock(Stream("user", actor.member))
        change.record(events.signed_out(actor.member))
        await change.value("select sec.end_session($1)", actor.session_hash)


async def pose(desk: Desk, purpose: str, person: UUID | None, visit: Visit, data: dict[str, Any]) -> str:
    """A challenge for this browser: a token that is answered within ten minutes and five tries, once."""
    token, pool = new_token(), await desk.database.pool("desk_gate")
    await pool.execute(
        "select sec.pose($1, $2, $3, $4, $5, $6)",
        token_hash(token),
        purpose,
        visit.bound,
        person,
        json.dumps(data).encode(),
        CHALLENGE_LIFE,
    )
    return token


async def attempt(desk: Desk, purpose: str, challenge: str, visit: Visit) -> tuple[UUID, dict[str, Any]]:
    """One try at a challenge: whose it is and what was noted with it. `SignedOut` where it is over, used up or not this browser's."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.attempt($1, $2, $3)", token_hash(challenge), purpose, visit.bound)
    if row is None:
        raise SignedOut(TOO_LATE)
    return row["person_id"], json.loads(row["data"])


async def answered(desk: Desk, challenge: str) -> bool:
    """Use a challenge up; false for whoever comes second."""
    pool = await desk.database.pool("desk_gate")
    return bool(await pool.fetchval("select sec.answered($1)", token_hash(challenge)))


def known_email(email: str) -> str:
    """The form by which an account is found; empty for what is no address."""
    # A malformed address is an unknown account: the same answer after the same work.
    try:
        return normalise_email(email)
    except BadRequest:
        return ""
