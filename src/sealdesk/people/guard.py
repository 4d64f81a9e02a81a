"""What a sign-in has to get past before a password is looked at: counts per account, per known device and per organisation.

Locks are soft: too many failures for an account refuse everybody but a browser that signed in to it before. Known and unknown accounts
count alike, so the refusal tells nothing (ASVS 6.3.1, 6.3.8). The address is counted by the route's own limit.
"""

import asyncio
import math
from dataclasses import dataclass
from uuid import UUID

import structlog

from sealdesk.core import clock
from sealdesk.core.clock import in_words
from sealdesk.core.counters import Count, Counters, Hit
from sealdesk.core.errors import TooMany

WINDOW = 15 * 60
PER_ACCOUNT = 10
PER_DEVICE = 10
PER_ORGANISATION = 300
"""Failures in a window of 15 minutes."""
SPIKE = 500
"""Sessions by one method in one organisation that are no alarm yet, in the same window."""
TOLD_FROM = 4
"""A person is told of the right password when it came at this attempt or later (ASVS 6.3.5)."""
LOCKED = "Too many attempts to sign in."
_NO_ORGANISATION = ("nobody",)

log = structlog.get_logger("security")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an account: the normalised e-mail, the hash of a device known to it (or None), the organisations it leads to."""

    email: str
    device: bytes | None
    orgs: tuple[UUID, ...]

    @property
    def account(self) -> str:
        """The name of its count."""
        return (
            f"sign-in/account/{self.email}"
            if self.device is None
            else f"sign-in/device/{self.email}/{self.device.hex()}"
        )

    @property
    def organisations(self) -> tuple[str, ...]:
        """The names of the counts of its organisations."""
        return tuple(f"sign-in/org/{org}" for org in self.orgs or _NO_ORGANISATION)


async def admit(counters: Counters, attempt: Attempt) -> int:
    """Count the attempt, before the password is verified, and give its number. Raises `TooMany` with the seconds until the window ends."""
    (count,), failures = await asyncio.gather(
        counters.hit(Hit(attempt.account, WINDOW), durable=True), counters.counts(*attempt.organisations)
    )
    most = PER_ACCOUNT if attempt.device is None else PER_DEVICE
    if count.number > most:
        if count.number == most + 1:
            log.warning("soft_lock", owasp="authn_login_lock", known_device=attempt.device is not None)
        raise _refusal(count)
    if attempt.device is None:
        for failed in failures.values():
            if failed.number >= PER_ORGANISATION:
                raise _refusal(failed)
    return count.number


async def failed(counters: Counters, attempt: Attempt) -> None:
    """Count the failure for each organisation that the account leads to."""
    await counters.hit(*(Hit(name, WINDOW) for name in attempt.organisations), durable=True)


async def passed(counters: Counters, attempt: Attempt) -> None:
    """Forget the failures of the account: its owner is there."""
    await counters.forget(attempt.account, f"sign-in/account/{attempt.email}")


async def issued(counters: Counters, org: UUID, method: str) -> None:
    """Count a new session by method and organisation; more than `SPIKE` in a window is told to the operator, once."""
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
        f"{LOCKED} Try again in {in_words(seconds)}, or from a browser in which you signed in before.",
        headers={"Retry-After": str(seconds)},
    )
