"""Step-up: whoever holds a session shows again who they are, and the session gets a new token (ASVS 7.2.4, 7.5.1, 7.5.3)."""

from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import SignedOut
from sealdesk.ledger.events import Stream
from sealdesk.people import commands, events, factors, guard, passwords
from sealdesk.people.factors import Right, Shown, WrongFactor
from sealdesk.people.sessions import Issued, Visit
from sealdesk.unit import Change, Desk
from sealdesk.web.tokens import new_token, token_hash

log = structlog.get_logger("security")


@dataclass(frozen=True, slots=True)
class Person:
    """Whose session it is: `encoded` is the hash of the password, of that `version`, `factors` how many second factors there are."""

    id: UUID
    email: str
    encoded: str | None
    factors: int
    version: int


async def who(desk: Desk, actor: Actor) -> Person:
    """The person behind a session."""
    async with desk.read(actor) as work:
        work.demand(Permission.SESSION_OWN)
        row = await work.row("select * from sec.own_credential()")
    if row is None:
        raise SignedOut("Your session has ended. Sign in again.")
    return Person(row["person_id"], row["email"], row["password_hash"], row["factors"], row["credential_version"])


async def pose(desk: Desk, actor: Actor, visit: Visit) -> tuple[str, tuple[bytes, ...]]:
    """A challenge for this session, and the ids of the passkeys that may sign it."""
    person = await who(desk, actor)
    async with desk.read(actor) as work:
        rows = await work.rows("select credential_id from sec.own_factors() where kind = 'passkey'")
    challenge = await commands.pose(desk, "confirm", person.id, person.version, bound(visit, actor), {})
    return challenge, tuple(row["credential_id"] for row in rows)


async def confirm(desk: Desk, actor: Actor, password: str, challenge: str, shown: Shown, visit: Visit) -> Issued:
    """The password, with a second factor where the person has one; or a passkey that stands for both. Gives the session's new token.

    `WrongFactor` (401), `TooMany` (429) after ten failures in a quarter of an hour.
    """
    person = await who(desk, actor)
    tried = await factors.attempt_of(desk, "confirm", person.id, (actor.org,), visit)
    await guard.admit(desk.counters, tried)
    method = await _judged(desk, actor, person, password, challenge, shown, visit)
    if method is None:
        await guard.failed(desk.counters, tried)
        raise WrongFactor
    await guard.passed(desk.counters, tried)
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.SESSION_OWN)
        await change.lock(Stream("user", actor.member))
        if not await change.value("select sec.own_credential_holds($1)", person.version):
            raise WrongFactor  # it was right when it was looked at; another password holds by now
        token = await rotate(change, "confirmed", method, visit.label)
    log.info("confirmed", owasp="session_renewed", org=str(actor.org), member=str(actor.member), method=method)
    return await renewed(desk, actor, token)


async def rotate(change: Change, cause: str, method: str | None = None, label: str | None = None) -> str:
    """A new token for the actor's session, whose stream is locked; the old one is dead at COMMIT. `label` is the browser it is in now."""
    actor, token = change.actor, new_token()
    change.record(events.session_rotated(actor.member, cause))
    rotated = "select sec.rotate_session($1, $2, $3, $4)"
    if not await change.value(rotated, actor.session_hash, token_hash(token), method, label):
        raise SignedOut("Your session has ended. Sign in again.")
    return token


async def renewed(desk: Desk, actor: Actor, token: str) -> Issued:
    """The session under its new token."""
    return Issued(token, await desk.peek(token_hash(token)) or replace(actor, session_hash=token_hash(token)))


def bound(visit: Visit, actor: Actor) -> Visit:
    """The visit, for challenges that belong to a session."""
    return replace(visit, bound=actor.session_hash)


async def _judged(
    desk: Desk, actor: Actor, person: Person, password: str, challenge: str, shown: Shown, visit: Visit
) -> str | None:
    """The method that was shown, or None."""
    right = None
    if shown.assertion is not None:
        right = await _signed(desk, person, challenge, shown, bound(visit, actor))
        if right is None:
            return None
        if right.alone:
            return "passkey"
    if not await passwords.verify(password, person.encoded):
        return None
    if person.factors and right is None:
        right = await factors.check(desk, person.id, challenge, shown)
        if right is None:
            return None
    return f"password+{right.kind}" if right else "password"


async def _signed(desk: Desk, person: Person, challenge: str, shown: Shown, visit: Visit) -> Right | None:
    try:
        await commands.attempt(desk, "confirm", challenge, visit)
    except SignedOut:
        return None  # the challenge is over, the session is not
    right = await factors.check(desk, person.id, challenge, shown)
    return right if right and await commands.answered(desk, challenge) else None
