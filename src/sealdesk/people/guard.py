"""What a sign-in has to get past before a password is looked at: counts per account, per known device and per organisation.

Locks are soft: too many failures for an account refuse everybody but a browser that signed in to it before. Known and unknown accounts
count alike, so the refusal tells nothing (ASVS 6.3.1, 6.3.8). The address is counted by the route's own limit.

What an organisation counts refuses nobody before the password was looked at: it would tell whose address leads to it. Too many failures
there hold back whoever gives the right password and nothing more, from a browser that is new: to them it is wrong, and a mail tells its
owner the truth. So guessing through an organisation gets 300 tries in a quarter of an hour, however many addresses it comes from.
"""

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast
from uuid import UUID

import structlog

from sealdesk.core import clock
from sealdesk.core.counters import Count, Counters, Hit
from sealdesk.core.errors import TooMany, Tried

WINDOW = 15 * 60
PER_ACCOUNT = 10
PER_DEVICE = 10
PER_ORGANISATION = 300
"""Failures in a window of 15 minutes; of the organisation's, the next right guess from a new browser is held back."""
SPIKE = 500
"""Sessions by one method in one organisation that are no alarm yet, in the same window."""
TOLD_FROM = 4
"""A person is told of the right password when it came at this attempt or later (ASVS 6.3.5)."""
HELD_FOR = timedelta(hours=24)
"""From then on also, whatever browser was not seen before is held back for so long, unless more than a password is shown (ASVS 8.2.4)."""
_NO_ORGANISATION = ("nobody",)

log = structlog.get_logger("security")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an account: the normalised e-mail, the hash of a device known to it (or None), where it leads to, and its person."""

    email: str
    device: bytes | None
    orgs: tuple[UUID, ...]
    person: UUID | None = None

    @property
    def account(self) -> str:
        """The name of its count."""
        return (
            f"sign-in/account/{self.email}"
            if self.device is None
            else f"sign-in/device/{self.email}/{self.device.hex()}"
        )

    @property
    def tried(self) -> Tried:
        """For the record of a refusal."""
        return Tried(self.email, self.person)

    @property
    def organisations(self) -> tuple[str, ...]:
        """The names of the counts of its organisations."""
        return tuple(f"sign-in/org/{org}" for org in self.orgs or _NO_ORGANISATION)


def refuse_known(counters: Counters, email: str, device: bytes | None) -> None:
    """Refuse at once what was refused a moment ago: a flood at locked accounts costs the database nothing. Raises `TooMany`."""
    known = counters.full.find(Attempt(email, device, ()).account)
    if known is not None:
        count, tried = known
        raise _refusal(count).at(cast("Tried", tried))


async def admit(counters: Counters, attempt: Attempt) -> int:
    """Count the attempt, before the password is verified, and give its number. Raises `TooMany` with the seconds until the window ends."""
    (count,) = await counters.hit(Hit(attempt.account, WINDOW), durable=True)
    most = PER_ACCOUNT if attempt.device is None else PER_DEVICE
    if count.number > most:
        counters.full.keep(attempt.account, count, attempt.tried)
        # Told once, in the record of this refusal.
        raise _refusal(count).at(replace(attempt.tried, locks=count.number == most + 1))
    return count.number


async def holds(counters: Counters, attempt: Attempt) -> bool:
    """Whether the right password alone does not do for now: a browser that is new, and an organisation at which somebody guesses."""
    if attempt.device is not None:
        return False
    counts = await counters.counts(*attempt.organisations)
    return any(count.number >= PER_ORGANISATION for count in counts.values())


async def failed(counters: Counters, attempt: Attempt) -> None:
    """Count the failure for each organisation that the account leads to; too many are told to the operator, once."""
    counts = await counters.hit(*(Hit(name, WINDOW) for name in attempt.organisations), durable=True)
    for org, count in zip(attempt.orgs, counts, strict=False):
        if count.number == PER_ORGANISATION:
            log.error("sign_in_attack", owasp="authn_login_fail_max", org=str(org), number=count.number, seconds=WINDOW)


async def passed(counters: Counters, attempt: Attempt) -> None:
    """Forget the failures of the account: its owner is there."""
    await counters.forget(attempt.account, f"sign-in/account/{attempt.email}")


async def issued(counters: Counters, org: UUID, method: str) -> None:
    """Count a new session or API token by method and organisation; more than `SPIKE` in a window is told to the operator, once."""
    (count,) = await counters.hit(Hit(f"issued/{org}/{method}", WINDOW))
    if count.number == SPIKE + 1:
        log.error(
            "login_spike",
            owasp="authn_login_success",
            org=str(org),
            method=method,
            number=count.number,
            seconds=WINDOW,
        )


def _refusal(count: Count) -> TooMany:
    seconds = max(1, math.ceil((count.until - clock.now()).total_seconds()))
    return TooMany(
        "Too many attempts to sign in. A browser in which you signed in before may let you in meanwhile.",
        seconds=seconds,
    )
