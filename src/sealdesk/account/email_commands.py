"""The address that one signs in with: shown to be one's own, and changed for another."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.account.password_commands import LinkOver
from sealdesk.core.errors import BadRequest, SignedOut
from sealdesk.ledger.events import Stream
from sealdesk.people import events, outbox
from sealdesk.people.commands import known_email
from sealdesk.people.emails import checked_email, normalise_email
from sealdesk.people.holding import HOLD_OWN
from sealdesk.people.outbox import Mail
from sealdesk.unit import Desk
from sealdesk.web.tokens import is_token, new_token, token_hash

VERIFICATION_LIFE = timedelta(hours=24)
CHANGE_LIFE = timedelta(hours=1)
STOP_LIFE = timedelta(hours=24)
PURPOSES = ("email", "verification", "stop")

log = structlog.get_logger("security")


class AddressLinkOver(LinkOver):
    """The same of a link to an address."""

    sentence = "It was used already, it is too old, or another one took its place. Nothing was changed now."
    way = ("Open my address", "/account/email")


class StopOver(LinkOver):
    """A link that stops a change of address, too late or once more. Whose change was made in spite of it has to know what to do."""

    sentence = (
        "Either the change was stopped already, or it has been made. If you sign in with the same address as ever, nothing has to be done."
        " If not, and it was not you: the mail that told of the change names the new address. Sign in with it and your password, change it"
        " back, and choose another password. If that fails, tell an admin of your organisation at once; they can end your sessions."
    )
    way = ("Sign in", "/sign-in")


@dataclass(frozen=True, slots=True)
class Address:
    """The present address, and whether mail to it was shown to reach its owner; `asked` is one that is to take its place, until then."""

    email: str
    verified: bool
    asked: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AddressLink:
    """What a mailed link is for (one of `PURPOSES`), the address it is about, and whose it is."""

    purpose: str
    email: str
    person: UUID


async def own_address(desk: Desk, actor: Actor) -> Address:
    """The actor's own."""
    actor.demand(Permission.SESSION_OWN)
    async with desk.read(actor) as work:
        row = await work.row("select email, verified_at from sec.own_credential()")
        asked = await work.row("select email, until from sec.own_email_asked()")
    if row is None:
        return Address("", verified=False)
    waits = (asked["email"], asked["until"]) if asked else ("", None)
    return Address(row["email"], row["verified_at"] is not None, *waits)


async def ask_verification(desk: Desk, actor: Actor) -> None:
    """Mail a link to the present address. Nothing is changed by it, so nothing is recorded yet."""
    address = await own_address(desk, actor)
    token = new_token()
    async with desk.keep(actor) as connection:
        await connection.execute(HOLD_OWN, actor.session_hash)
        await connection.execute(
            "select sec.own_link($1, 'verification', $2, $3, $4)",
            token_hash(token),
            address.email,
            normalise_email(address.email),
            VERIFICATION_LIFE,
        )
        await outbox.queue(connection, desk.sealer, Mail(address.email, "verification", {"path": f"/address/{token}"}))


async def ask_change(desk: Desk, actor: Actor, email: str) -> None:
    """Mail a link to the new address, and word of it to the old one. Whether the new one is somebody's already does not show."""
    actor.demand(Permission.CREDENTIAL_OWN)
    email, norm, token, stop = checked_email(email), normalise_email(email), new_token(), new_token()
    old = await own_address(desk, actor)
    if known_email(old.email) == norm:
        raise BadRequest("This is your address already.", pointer="/email")
    async with desk.keep(actor) as connection:
        await connection.execute(HOLD_OWN, actor.session_hash)
        await connection.execute(
            "select sec.own_link($1, 'email', $2, $3, $4)", token_hash(token), email, norm, CHANGE_LIFE
        )
        await connection.execute(
            "select sec.own_link($1, 'stop', $2, $3, $4)", token_hash(stop), email, norm, STOP_LIFE
        )
        await outbox.queue(connection, desk.sealer, Mail(email, "email", {"path": f"/address/{token}"}))
        about = {"path": f"/address/{stop}?is=stop", "new_address": email, "browser": actor.label}
        stopping = Mail(old.email, "email_asked", about)
        await outbox.queue(connection, desk.sealer, stopping)
    log.info("email_change_asked", owasp="authn_password_change", org=str(actor.org), member=str(actor.member))


async def drop_change(desk: Desk, actor: Actor) -> None:
    """No link to a new address works any more; a second time it finds nothing to do."""
    actor.demand(Permission.CREDENTIAL_OWN)
    async with desk.keep(actor) as connection:
        await connection.execute(HOLD_OWN, actor.session_hash)
        await connection.execute("select sec.drop_own_email()")
    log.info("email_change_dropped", owasp="authn_password_change", org=str(actor.org), member=str(actor.member))


async def look_address(desk: Desk, token: str) -> AddressLink:
    """What a link is about; `LinkOver` (404). It uses nothing up."""
    pool = await desk.database.pool("desk_gate")
    for purpose in PURPOSES if is_token(token) else ():
        row = await pool.fetchrow("select person_id, email from sec.look_link($1, $2)", token_hash(token), purpose)
        if row is not None:
            return AddressLink(purpose, row["email"], row["person_id"])
    raise AddressLinkOver


async def belongs(desk: Desk, actor: Actor | None, link: AddressLink) -> bool:
    """Whether a session is one of the person that the link is for."""
    if actor is None or not actor.may(Permission.SESSION_OWN):
        return False
    async with desk.read(actor) as work:
        work.demand(Permission.SESSION_OWN)
        return await work.value("select sec.person()") == link.person


async def settle_address(desk: Desk, token: str, actor: Actor | None) -> AddressLink:
    """What the link is for is done; gives what it was. `LinkOver` (404).

    That mail arrives, and that a change was not asked for, whoever has the mail may say. To sign in with another address also takes a
    session of the person who asked, confirmed lately: `SignedOut` (401), `ConfirmFirst` (403).
    """
    link = await look_address(desk, token)
    pool = await desk.database.pool("desk_gate")
    match link.purpose:
        case "email":
            await _settle_change(desk, token, actor)
        case "stop":
            if not await pool.fetchval("select sec.stop_email($1)", token_hash(token)):
                raise AddressLinkOver
            log.warning("email_change_stopped", owasp="authn_password_change_fail")
        case _:
            if await pool.fetchval("select sec.settle_verification($1)", token_hash(token)) is None:
                raise AddressLinkOver
    log.info("email_settled", owasp="authn_password_change", purpose=link.purpose)
    return link


async def _settle_change(desk: Desk, token: str, actor: Actor | None) -> None:
    if actor is None:
        raise SignedOut("Sign in first, as you did when you asked for the change, then open the link again.")
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.CREDENTIAL_OWN)
        await change.lock(Stream("user", actor.member))
        change.record(events.credential_changed(actor.member, "email"))
        if await change.value("select sec.settle_email($1, $2)", token_hash(token), actor.session_hash) is None:
            raise AddressLinkOver
