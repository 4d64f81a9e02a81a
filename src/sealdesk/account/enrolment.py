"""Setting up a second factor: a challenge first, then the proof that it works."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from sealdesk.access.actor import NOBODY, Actor
from sealdesk.access.permissions import Permission
from sealdesk.account.ending import end_rest
from sealdesk.core import clock
from sealdesk.core.errors import BadRequest, SignedOut, StateConflict
from sealdesk.core.ids import new_id
from sealdesk.core.transactions import sqlstate
from sealdesk.ledger.events import Stream
from sealdesk.people import commands as people
from sealdesk.people import confirming, events, onetime, passkeys
from sealdesk.people.names import checked_name
from sealdesk.people.passkeys import Attestation, Party
from sealdesk.people.sessions import Issued, Visit
from sealdesk.unit import Change, Desk

MOST_FACTORS = 10
_ADD = "select sec.add_factor($1, $2, $3, $4, $5, $6, $7, $8, $9)"


class WrongCode(BadRequest):
    """The app shows another code: its seed or its clock is another one. `begun` is what may still be answered."""

    slug = "wrong-code"
    title = "The code is not right"
    sentence = (
        "The code is not right. Check that the device's clock is right, and type the code that the app shows now."
    )

    def __init__(self, begun: "Seed") -> None:
        super().__init__()
        self.begun = begun


class TooLate(StateConflict):
    """The challenge is over, was used, or belongs to another session."""

    sentence = "That took too long, or was tried too often. Begin again; nothing was changed."


@dataclass(frozen=True, slots=True)
class Seed:
    """A seed that is not a factor yet: the text for typing it in, and the address that a QR code shows."""

    challenge: str
    text: str
    uri: str


@dataclass(frozen=True, slots=True)
class Creation:
    """What `navigator.credentials.create` is asked with: who the passkey is for, and which ones the person has already."""

    challenge: str
    user: UUID
    email: str
    name: str
    known: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: recovery codes where there were none, and a new token where the session was not whole without the factor.

    `first`: it is the person's only one, so what the password alone had opened has ended.
    """

    codes: tuple[str, ...] = ()
    issued: Issued | None = None
    first: bool = False


async def begin_totp(desk: Desk, actor: Actor, visit: Visit) -> Seed:
    """A new seed, kept sealed with its challenge until the app shows the right code."""
    person = await _who(desk, actor)
    factor, seed = new_id(), onetime.new_seed()
    wrapped = desk.sealer.wrap(NOBODY, seed, onetime.seed_label(factor))
    data = {"kind": "totp", "factor": str(factor), "seed": wrapped.hex(), "email": person.email}
    challenge = await people.pose(desk, "enrol", person.id, person.version, confirming.bound(visit, actor), data)
    return _seed(challenge, seed, person.email)


async def add_totp(desk: Desk, actor: Actor, challenge: str, code: str, name: str, visit: Visit) -> Done:
    """Take the app on as a second factor. `WrongCode` (400), `TooLate` (409) after five tries or ten minutes."""
    name = checked_name(name)
    data = await _attempt(desk, actor, "totp", challenge, visit)
    factor, wrapped = UUID(data["factor"]), bytes.fromhex(data["seed"])
    seed = desk.sealer.unwrap(NOBODY, wrapped, onetime.seed_label(factor))
    step = onetime.step_of(seed, onetime.plain(code))
    if step is None:
        raise WrongCode(_seed(challenge, seed, data["email"]))
    # The code that showed it is used up: it does not sign in as well.
    return await _add(desk, actor, challenge, "totp", (factor, "totp", name, wrapped, None, None, 0, step))


async def set_up_lately(desk: Desk, actor: Actor, kind: str, name: str) -> bool:
    """Whether what comes late was done already: the same form, sent twice."""
    async with desk.read(actor) as work:
        work.demand(Permission.CREDENTIAL_OWN)
        rows = await work.rows("select kind, name, created_at from sec.own_factors()")
    since = clock.now() - people.CHALLENGE_LIFE
    return any((row["kind"], row["name"]) == (kind, name.strip()) and row["created_at"] > since for row in rows)


async def begin_passkey(desk: Desk, actor: Actor, visit: Visit) -> Creation:
    """A challenge for a new passkey: 32 random bytes."""
    person = await _who(desk, actor)
    bound = confirming.bound(visit, actor)
    challenge = await people.pose(desk, "enrol", person.id, person.version, bound, {"kind": "passkey"})
    async with desk.read(actor) as work:
        rows = await work.rows("select credential_id from sec.own_factors() where kind = 'passkey'")
    return Creation(challenge, person.id, person.email, actor.name, tuple(row["credential_id"] for row in rows))


async def add_passkey(
    desk: Desk, actor: Actor, challenge: str, attestation: Attestation, party: Party, name: str, visit: Visit
) -> Done:
    """Take a passkey on, as second factor and to sign in with. `BadRequest` where what it says does not hold."""
    name = checked_name(name)
    await _attempt(desk, actor, "passkey", challenge, visit)
    made = passkeys.verify_attestation(attestation, challenge, party)
    if made is None:
        raise BadRequest("The passkey's answer does not hold. Begin again; nothing was changed.")
    row = (new_id(), "passkey", name, None, made.credential, made.public_key, made.sign_count, 0)
    return await _add(desk, actor, challenge, "passkey", row)


async def renew_codes(change: Change) -> tuple[str, ...]:
    """Ten new recovery codes instead of those there were; only their hashes stay here."""
    codes = tuple(onetime.new_recovery_codes())
    change.record(events.credential_changed(change.actor.member, "recovery_codes"))
    await change.value("select sec.set_recovery_codes($1)", [onetime.recovery_hash(code) for code in codes])
    return codes


async def _add(desk: Desk, actor: Actor, challenge: str, kind: str, row: tuple[object, ...]) -> Done:
    if not await people.answered(desk, challenge):
        raise TooLate
    try:
        # Not paced: for some it is the last step of signing in.
        async with desk.change(actor, paced=False) as change:
            change.demand(Permission.CREDENTIAL_OWN)
            await change.lock(Stream("user", actor.member))
            codes, token, first = await _write(change, kind, row)
    except asyncpg.PostgresError as error:
        if sqlstate(error) == people.OVER:
            raise SignedOut(people.TIME_IS_OVER) from error
        raise
    return Done(codes, await confirming.renewed(desk, actor, token) if token else None, first)


async def _write(change: Change, kind: str, row: tuple[object, ...]) -> tuple[tuple[str, ...], str | None, bool]:
    """Recovery codes where there were none, the session's new token where it was let in with less, and whether it is the first."""
    if await change.value("select count(*) from sec.own_factors()") == MOST_FACTORS:
        raise StateConflict(f"There are {MOST_FACTORS} factors already. Remove one that you no longer use.")
    change.record(events.credential_changed(change.actor.member, f"factor_added.{kind}"))
    first = await change.value(_ADD, *row, change.actor.session_hash)
    codes = () if await change.value("select sec.recovery_codes_left()") else await renew_codes(change)
    if first:
        # What the password alone opened would count, from now on, as if both had been shown (ASVS 7.4.3); tokens too.
        await end_rest(change, "factor_added", sessions=True, tokens=True)
    token = await confirming.rotate(change, "factor_added", f"password+{kind}") if change.actor.weak else None
    return codes, token, bool(first)


async def _who(desk: Desk, actor: Actor) -> confirming.Person:
    actor.demand(Permission.CREDENTIAL_OWN)
    return await confirming.who(desk, actor)


async def _attempt(desk: Desk, actor: Actor, kind: str, challenge: str, visit: Visit) -> dict[str, str]:
    actor.demand(Permission.CREDENTIAL_OWN)
    try:
        _, _, data = await people.attempt(desk, "enrol", challenge, confirming.bound(visit, actor))
    except SignedOut:
        raise TooLate from None  # the challenge is over, the session is not
    if data["kind"] != kind:
        raise TooLate
    return data


def _seed(challenge: str, seed: bytes, email: str) -> Seed:
    return Seed(challenge, onetime.seed_text(seed), onetime.seed_uri(seed, email, "Sealdesk"))
