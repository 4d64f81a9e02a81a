"""The second step of signing in, and signing in with a passkey alone."""

from datetime import timedelta
from uuid import UUID

from sealdesk.core.counters import Hit
from sealdesk.core.errors import SignedOut, Tried
from sealdesk.people import commands, factors, guard
from sealdesk.people.factors import Shown, WrongFactor
from sealdesk.people.sessions import Choice, Issued, Known, SecondNeeded, Visit
from sealdesk.unit import Desk
from sealdesk.web.tokens import new_token, token_hash

PASSKEY_LIFE = timedelta(minutes=5)
WINDOW = int(commands.CHALLENGE_LIFE.total_seconds())
TRIES = 5
"""How often one challenge is answered; the database counts as well, and lets in no more."""
BEGIN_AGAIN = "That was not right either, and was the last of five tries. Sign in again; then there are five more."


async def answer_second(desk: Desk, challenge: str, shown: Shown, org: UUID | None, visit: Visit) -> Issued | Choice:
    """A second factor after the password. `WrongFactor` (401), `SignedOut` where five tries or ten minutes are over, `TooMany` (429)."""
    person, version, data = await commands.attempt(desk, "second", challenge, visit)
    (count,) = await desk.counters.hit(Hit(f"second/{token_hash(challenge).hex()}", WINDOW))
    found = tuple(await commands.memberships(desk, person))
    tried = await factors.attempt_of(desk, "second", person, tuple(m.org for m in found), visit)
    await guard.admit(desk.counters, tried)
    right = await factors.check(desk, person, challenge, shown)
    if right is None:
        await guard.failed(desk.counters, tried)
        # Whoever tries this has the password: the owner has to know (ASVS 6.3.5).
        await commands.tell(desk, person, "wrong_factor")
        if count.number >= TRIES:
            raise WrongFactor(BEGIN_AGAIN).at(tried.tried)
        raise WrongFactor(again=await commands.second_needed(desk, person, challenge)).at(tried.tried)
    if not await commands.answered(desk, challenge):
        raise SignedOut(commands.TOO_LATE)
    await guard.passed(desk.counters, tried)
    asked = org or (UUID(data["org"]) if data["org"] else None)
    began = commands.began_of(data)
    known = Known(person, found, 1, f"{data['method']}+{right.kind}", version, began=began)
    return _entered(await commands.go_on(desk, known, asked, visit))


async def pose_passkey(desk: Desk, visit: Visit) -> str:
    """A challenge for whoever has a passkey: 32 random bytes as a token, for this browser, for five minutes."""
    token, pool = new_token(), await desk.database.pool("desk_gate")
    await pool.execute(
        "select sec.pose($1, 'passkey', $2, null, null, null, $3)", token_hash(token), visit.bound, PASSKEY_LIFE
    )
    return token


async def sign_in_with_passkey(
    desk: Desk, challenge: str, shown: Shown, org: UUID | None, visit: Visit
) -> Issued | Choice:
    """Sign in without a password: the authenticator has to have asked for a PIN or a finger. `SignedOut` (401) otherwise."""
    pool = await desk.database.pool("desk_gate")
    trying = "select clock_timestamp() as began from sec.attempt($1, 'passkey', $2)"
    posed = await pool.fetchrow(trying, token_hash(challenge), visit.bound)
    if posed is None:
        raise SignedOut(commands.TOO_LATE)
    known = await factors.find_passkey(desk, shown.assertion) if shown.assertion else None
    right = await factors.use_passkey(desk, known, challenge, shown) if known else None
    if known is None or right is None or not right.alone:
        wrong = WrongFactor("This passkey did not sign you in. Use another one, or your password.")
        raise wrong.at(Tried("passkey", known.person)) if known else wrong
    if not await commands.answered(desk, challenge):
        raise SignedOut(commands.TOO_LATE)
    found = tuple(await commands.memberships(desk, known.person))
    entered = Known(known.person, found, 1, "passkey", known.version, began=posed["began"])
    return _entered(await commands.go_on(desk, entered, org, visit))


def _entered(found: Issued | Choice | SecondNeeded) -> Issued | Choice:
    # A method that is more than a password asks for nothing more.
    assert not isinstance(found, SecondNeeded)
    return found
