"""A password forgotten, and a password changed. Nobody but its owner ever chooses it."""

import math
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.account.ending import Ended, end_rest
from sealdesk.core import clock
from sealdesk.core.counters import Hit
from sealdesk.core.errors import BadRequest, OutsideReach, SignedOut, Stale, TooMany
from sealdesk.ledger.events import Stream
from sealdesk.people import events, factors, guard, outbox, password_rules, passwords
from sealdesk.people.commands import known_device, known_email
from sealdesk.people.holding import hold_own
from sealdesk.people.outbox import Mail
from sealdesk.people.sessions import Visit
from sealdesk.unit import Desk
from sealdesk.web.limits import address_bucket
from sealdesk.web.tokens import is_token, new_token, token_hash

RESET_LIFE = timedelta(minutes=30)
PER_ASKER, PER_ACCOUNT, WINDOW = 5, 20, 3600
"""Letters to one account in an hour, for one who asks and for all strangers; what is asked beyond that is answered alike and sends none."""
OVER = "It was used already, it is too old, or another one took its place. Nothing was changed now. Ask for a new one."

log = structlog.get_logger("security")


class LinkOver(OutsideReach):
    """A link that leads nowhere, whatever the reason."""

    title = "This link is over"
    sentence = OVER
    way = ("Ask for a new link", "/forgotten")


class WrongCurrent(BadRequest):
    """The password that was given as the present one is not."""


@dataclass(frozen=True, slots=True)
class Choosing:
    """Somebody who may choose a password: what says who they are, whether they are an admin anywhere, and their address."""

    words: tuple[str, ...]
    admin: bool
    email: str = ""


async def ask_reset(desk: Desk, email: str, visit: Visit) -> None:
    """Mail a link to whoever signs in with this address. For any other the same is done, to no effect: nothing tells them apart.

    Each address that asks has a count of its own, so a stranger uses up none but theirs; a browser in which the owner signed in before
    asks past all strangers together.
    """
    norm = known_email(email)
    device = await known_device(desk, norm, visit)
    asker = f"device/{device.hex()}" if device else f"address/{address_bucket(visit.address)}"
    (own,) = await desk.counters.hit(Hit(f"reset/{norm}/{asker}", WINDOW))
    if own.number > PER_ASKER:
        return
    (all_strangers,) = await desk.counters.hit(Hit(f"reset/{norm}{'/known' if device else ''}", WINDOW))
    if device or all_strangers.number <= PER_ACCOUNT:
        await _mail_reset(desk, norm)


async def count_reset(desk: Desk, norm: str, org: UUID) -> None:
    """Count a link that an organisation's admin asks for; `TooMany` (429) once there were as many as for strangers.

    The counts are apart from those of strangers, who could use up theirs to keep an admin from helping.
    """
    for name, most in ((f"reset/{norm}/org/{org}", PER_ASKER), (f"reset/{norm}/admins", PER_ACCOUNT)):
        (count,) = await desk.counters.hit(Hit(name, WINDOW))
        if count.number > most:
            seconds = max(1, math.ceil((count.until - clock.now()).total_seconds()))
            raise TooMany(
                "They were mailed enough links for now; one of those still works or is on its way.", seconds=seconds
            )


async def _mail_reset(desk: Desk, norm: str) -> None:
    """The link itself. It goes to the address as it is stored, never as it was typed: two may look alike."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.credential($1)", norm)
    token = new_token()
    mail = Mail(row["email"] if row else norm, "reset", {"path": f"/reset/{token}"})
    number, content = outbox.sealed(desk.sealer, mail)
    await pool.execute(
        "select sec.mail_link($1, 'reset', $2, $3, $4, $5)", token_hash(token), norm, RESET_LIFE, number, content
    )
    log.info("reset_asked", owasp="authn_password_change")


async def look_reset(desk: Desk, token: str) -> Choosing:
    """Who may choose by this link; `LinkOver` (404) if nobody. It uses nothing up: mail scanners look at links too."""
    pool = await desk.database.pool("desk_gate")
    row = (
        await pool.fetchrow("select * from sec.look_link($1, 'reset')", token_hash(token)) if is_token(token) else None
    )
    if row is None:
        raise LinkOver
    return Choosing(tuple(row["words"]), row["admin"], row["email"])


async def reset(desk: Desk, token: str, password: str, visit: Visit) -> None:
    """Choose a password by a link: it works once, every session ends, second factors stay, and of browsers only this one stays known.

    `WeakPassword` (400), `LinkOver` (404).
    """
    choosing = await look_reset(desk, token)
    password_rules.check(password, choosing.words, admin=choosing.admin)
    encoded = await passwords.hashed(password)
    pool = await desk.database.pool("desk_gate")
    norm = await pool.fetchval("select sec.reset_password($1, $2, $3)", token_hash(token), encoded, visit.device_hash)
    if norm is None:
        raise LinkOver
    # Whoever reads the mail is the owner: a lock that guesses brought about does not keep them out of what they came to open.
    await guard.passed(desk.counters, guard.Attempt(norm, visit.device_hash, ()))
    log.info("password_reset", owasp="authn_password_change")


async def change_password(
    desk: Desk, actor: Actor, current: str, new: str, visit: Visit, *, end_others: bool, end_tokens: bool = False
) -> Ended:
    """Another password, for whoever knows the present one; gives how many other sessions ended. `WrongCurrent`, `WeakPassword` (400).

    `TooMany` (429) after ten wrong ones in a quarter of an hour: whoever took a session does not try passwords for ever.
    """
    actor.demand(Permission.CREDENTIAL_OWN)
    async with desk.read(actor) as work:
        row = await work.row("select * from sec.own_credential()")
    if row is None:
        raise SignedOut("Your session has ended. Sign in again.")
    # Per person, wherever they go on: a switch of organisation does not begin a new count.
    attempt = await factors.attempt_of(desk, "password", row["person_id"], (actor.org,), visit)
    await guard.admit(desk.counters, attempt)
    if not await passwords.verify(current, row["password_hash"]):
        await guard.failed(desk.counters, attempt)
        log.warning("password_change_refused", owasp="authn_password_change_fail", member=str(actor.member))
        raise WrongCurrent("This is not your present password.", pointer="/current")
    await guard.passed(desk.counters, attempt)
    password_rules.check(new, row["words"], admin=row["admin"], pointer="/new")
    encoded = await passwords.hashed(new)
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.CREDENTIAL_OWN)
        await change.lock(Stream("user", actor.member))
        await hold_own(change)
        changed = "select sec.change_password($1, $2, $3)"
        if not await change.value(changed, row["password_hash"], encoded, visit.device_hash):
            raise Stale("Your password was changed in the meantime, from another place.")
        change.record(events.credential_changed(actor.member, "password"))
        ended = await end_rest(change, "password", sessions=end_others, tokens=end_tokens)
    log.info("password_changed", owasp="authn_password_change", org=str(actor.org), member=str(actor.member))
    return ended
