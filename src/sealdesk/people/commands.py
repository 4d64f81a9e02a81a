"""Sign in, sign out."""

from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import BadRequest, SignedOut
from sealdesk.ledger.events import Stream
from sealdesk.people import events, passwords
from sealdesk.people.emails import normalise_email
from sealdesk.people.sessions import ABSOLUTE, IDLE, Choice, Issued, Membership
from sealdesk.unit import Desk
from sealdesk.web.tokens import new_token, token_hash

WRONG = "E-mail or password is wrong."


async def sign_in(desk: Desk, email: str, password: str, org: UUID | None, origin: dict[str, str]) -> Issued | Choice:
    """Check the password and issue a session in `org` (or in the only organisation). `SignedOut` (401) with one answer for every cause."""
    person, found = await authenticate(desk, email, password)
    return await choose(desk, person, found, org, origin)


async def authenticate(desk: Desk, email: str, password: str) -> tuple[UUID, list[Membership]]:
    """The person whose e-mail and password these are, and where they are a member. `SignedOut` otherwise."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.credential($1)", _norm_or_nobody(email))
    encoded = row["password_hash"] if row else None
    if not await passwords.verify(password, encoded) or row is None:
        raise SignedOut(WRONG)
    renewed = await passwords.rehash_if_old(password, row["password_hash"])
    if renewed:
        await pool.fetchval("select sec.set_password($1, $2, $3)", row["person_id"], encoded, renewed)
    return row["person_id"], await memberships(desk, row["person_id"])


async def memberships(desk: Desk, person: UUID) -> list[Membership]:
    """Where a person may enter."""
    pool = await desk.database.pool("desk_gate")
    rows = await pool.fetch("select * from sec.memberships($1)", person)
    return [Membership(r["org_id"], r["org_name"], Role(r["role"])) for r in rows]


async def choose(
    desk: Desk, person: UUID, found: list[Membership], org: UUID | None, origin: dict[str, str]
) -> Issued | Choice:
    """Issue a session in `org` or in the only organisation of `found`; a `Choice` where there are several."""
    chosen = [m for m in found if org is None or m.org == org]
    if not chosen:
        raise SignedOut(WRONG)
    if len(chosen) > 1:
        return Choice(tuple(chosen))
    token = new_token()
    pool = await desk.database.pool("desk_gate")
    member = await pool.fetchval(
        "select sec.open_session($1, 'session', $2, $3, $4, $5)",
        token_hash(token),
        person,
        chosen[0].org,
        IDLE,
        ABSOLUTE,
    )
    actor = Actor(token_hash(token), chosen[0].org, member, chosen[0].role)
    # If this fails, the session exists but nobody was given its token: it can only expire.
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.SESSION_OWN)
        await change.lock(Stream("user", member))
        change.record(events.signed_in(member, "password", origin))
    return Issued(token, await desk.peek(token_hash(token)) or actor)


async def sign_out(desk: Desk, actor: Actor) -> None:
    """End the actor's session; it is dead on the next request."""
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.SESSION_OWN)
        await change.lock(Stream("user", actor.member))
        change.record(events.signed_out(actor.member))
        await change.value("select sec.end_session($1)", actor.session_hash)


def _norm_or_nobody(email: str) -> str:
    # A malformed address is an unknown account: the same answer after the same work.
    try:
        return normalise_email(email)
    except BadRequest:
        return ""
