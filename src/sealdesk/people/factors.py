"""Showing a second factor: a code of an authenticator app, a recovery code, or a passkey. Each counts once."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import structlog

from sealdesk.access.actor import NOBODY
from sealdesk.core.errors import SignedOut
from sealdesk.people import guard, onetime, passkeys
from sealdesk.people.passkeys import Assertion, Credential, Party
from sealdesk.people.sessions import SecondNeeded, Visit
from sealdesk.unit import Desk
from sealdesk.web.tokens import token_hash

Kind = Literal["totp", "recovery", "passkey"]
log = structlog.get_logger("security")


class WrongFactor(SignedOut):
    """What was shown is wrong, was used before, or belongs to another challenge. `again` is what may still be answered."""

    slug = "wrong-factor"
    title = "That was not right"
    sentence = (
        "That was not right, or was used before. Try again: a code works once, so wait for the next one of your app."
    )

    def __init__(self, detail: str = "", again: SecondNeeded | None = None) -> None:
        super().__init__(detail)
        self.again = again


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person shows: a typed code, or a passkey's signature over the challenge at the origin of `party`."""

    party: Party
    code: str = ""
    assertion: Assertion | None = None


@dataclass(frozen=True, slots=True)
class Right:
    """What was shown was right. `alone`: it stands for two factors by itself."""

    kind: Kind
    alone: bool = False


async def check(desk: Desk, person: UUID, challenge: str, shown: Shown) -> Right | None:
    """Use up what was shown. None unless it is a factor of this person that was not used before (ASVS 6.5.1)."""
    if shown.assertion is not None:
        known = await find_passkey(desk, shown.assertion)
        return await use_passkey(desk, known, challenge, shown) if known and known.person == person else None
    code = onetime.plain(shown.code)
    if onetime.is_totp(code):
        return Right("totp") if await _use_totp(desk, person, code) else None
    pool = await desk.database.pool("desk_gate")
    used = await pool.fetchval("select sec.use_recovery_code($1, $2)", person, onetime.recovery_hash(code))
    if used:
        log.warning("recovery_code_used", person=str(person))
    return Right("recovery") if used else None


async def find_passkey(desk: Desk, assertion: Assertion) -> Credential | None:
    """The stored passkey that an assertion names."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.passkey($1)", passkeys.decoded(assertion.id))
    if row is None:
        return None
    return Credential(
        row["factor_id"], row["person_id"], row["public_key"], row["sign_count"], row["credential_version"]
    )


async def use_passkey(desk: Desk, known: Credential, challenge: str, shown: Shown) -> Right | None:
    """Judge the signature and move the authenticator's counter on; a counter that stands still or goes back is a copy's."""
    assert shown.assertion is not None
    signed = passkeys.verify_assertion(shown.assertion, challenge, shown.party, known)
    if signed is None:
        return None
    pool = await desk.database.pool("desk_gate")
    if not await pool.fetchval("select sec.use_passkey($1, $2)", known.factor, signed.sign_count):
        return None
    return Right("passkey", alone=signed.user_verified)


async def attempt_of(desk: Desk, what: str, person: UUID, orgs: tuple[UUID, ...], visit: Visit) -> guard.Attempt:
    """How tries at `what` are counted: per person, apart from passwords, and for a known browser apart from strangers."""
    device = token_hash(visit.device) if visit.device else None
    if device is not None:
        pool = await desk.database.pool("desk_gate")
        device = device if await pool.fetchval("select sec.knows_device($1, $2)", person, device) else None
    return guard.Attempt(f"{what}/{person}", device, orgs, person)


async def _use_totp(desk: Desk, person: UUID, code: str) -> bool:
    pool = await desk.database.pool("desk_gate")
    for row in await pool.fetch("select * from sec.factors($1)", person):
        if row["kind"] == "totp":
            seed = desk.sealer.unwrap(NOBODY, row["secret"], onetime.seed_label(row["factor_id"]))
            step = onetime.step_of(seed, code)
            if step is not None and await pool.fetchval("select sec.use_totp($1, $2)", row["factor_id"], step):
                return True
    return False
