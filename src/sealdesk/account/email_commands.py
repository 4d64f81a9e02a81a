"""The address that one signs in with: shown to be one's own, and changed for another."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.account.password_commands import LinkOver
from sealdesk.core.errors import BadRequest
from sealdesk.people import outbox
from sealdesk.people.emails import normalise_email
from sealdesk.people.outbox import Mail
from sealdesk.unit import Desk
from sealdesk.web.tokens import is_token, new_token, token_hash

VERIFICATION_LIFE = timedelta(hours=24)
CHANGE_LIFE = timedelta(hours=1)
PURPOSES = ("email", "verification")

log = structlog.get_logger("security")


@dataclass(frozen=True, slots=True)
class Address:
    """The present address, and whether mail to it was shown to reach its owner."""

    email: str
    verified: bool


async def own_address(desk: Desk, actor: Actor) -> Address:
    """The actor's own."""
    actor.demand(Permission.SESSION_OWN)
    async with desk.read(actor) as work:
        row = await work.row("select email, verified_at from sec.own_credential()")
    return Address(row["email"], row["verified_at"] is not None) if row else Address("", verified=False)


async def ask_verification(desk: Desk, actor: Actor) -> None:
    """Mail a link to the present address. Nothing is changed by it, so nothing is recorded yet."""
    address = await own_address(desk, actor)
    token = new_token()
    async with desk.keep(actor) as connection:
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
    norm, token = normalise_email(email), new_token()
    old = await own_address(desk, actor)
    if normalise_email(old.email) == norm:
        raise BadRequest("This is your address already.", pointer="/email")
    async with desk.keep(actor) as connection:
        await connection.execute(
            "select sec.own_link($1, 'email', $2, $3, $4)", token_hash(token), email.strip(), norm, CHANGE_LIFE
        )
        await outbox.queue(connection, desk.sealer, Mail(email.strip(), "email", {"path": f"/address/{token}"}))
        await outbox.queue(connection, desk.sealer, Mail(old.email, "email_asked"))
    log.info("email_change_asked", owasp="authn_password_change", org=str(actor.org), member=str(actor.member))


async def look_address(desk: Desk, token: str) -> tuple[str, str]:
    """What a link is for and the address it is about; `LinkOver` (404). It uses nothing up."""
    pool = await desk.database.pool("desk_gate")
    for purpose in PURPOSES if is_token(token) else ():
        row = await pool.fetchrow("select email from sec.look_link($1, $2)", token_hash(token), purpose)
        if row is not None:
            return purpose, row["email"]
    raise LinkOver


async def settle_address(desk: Desk, token: str) -> str:
    """The address is shown to be theirs; a new one takes the old one's place, and the old one gets word of it. Gives the address."""
    purpose, _ = await look_address(desk, token)
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.settle_email($1, $2)", token_hash(token), purpose)
    if row is None:
        raise LinkOver
    log.info("email_settled", owasp="authn_password_change", purpose=purpose)
    return str(row["new_email"])
