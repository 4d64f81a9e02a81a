"""End sessions, switch the organisation, remove a factor, make recovery codes anew."""

from uuid import UUID

import asyncpg
import structlog

from sealdesk.access.actor import Actor, ConfirmFirst
from sealdesk.access.permissions import Permission
from sealdesk.account import enrolment, queries
from sealdesk.account.ending import Ended, end_rest
from sealdesk.core.errors import OutsideReach, SignedOut, StateConflict
from sealdesk.core.transactions import sqlstate
from sealdesk.ledger.events import Stream
from sealdesk.people import events
from sealdesk.people.holding import hold_own
from sealdesk.people.sessions import ABSOLUTE, IDLE, Issued, Visit
from sealdesk.unit import Desk
from sealdesk.web.tokens import new_token, token_hash

_TOO_OLD = "SD004"
_END_ONE = "select sec.end_own_sessions($1, $2, array['session', 'visitor'])"
log = structlog.get_logger("security")


async def end_session(desk: Desk, actor: Actor, session: UUID) -> None:
    """End one of the person's own sessions; it is dead on the next request. `OutsideReach` (404) for any other id."""
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.CREDENTIAL_OWN)
        await change.lock(Stream("user", actor.member))
        await hold_own(change)
        change.record(events.session_revoked(actor.member, "own"))
        if not await change.value(_END_ONE, session, None):
            raise OutsideReach
    log.info("session_revoked", owasp="session_expired", org=str(actor.org), member=str(actor.member))


async def end_other_sessions(desk: Desk, actor: Actor, visit: Visit, *, tokens: bool) -> Ended:
    """End all of the person's sessions but this one, in every organisation, and with `tokens` all API tokens of theirs.

    No other browser than that of `visit` is a known one any more.
    """
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.CREDENTIAL_OWN)
        await change.lock(Stream("user", actor.member))
        await hold_own(change)
        ended = await end_rest(change, "own_others", sessions=True, tokens=tokens)
        await change.value("select sec.forget_own_devices($1)", visit.device_hash)
        change.nothing()  # where there was none
    count = ended.sessions + ended.tokens
    log.info("sessions_revoked", owasp="session_expired", org=str(actor.org), member=str(actor.member), count=count)
    return ended


async def vouch(desk: Desk, actor: Actor, session: UUID) -> None:
    """Say, from a browser that is known, that a session which is held back is one's own: it goes on like any other (ASVS 8.2.4).

    `OutsideReach` (404) for any id but that of such a session, `HeldBack` (403) from one that is held back itself.
    """
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.CREDENTIAL_OWN)
        await change.lock(Stream("user", actor.member))
        await hold_own(change)
        if not await change.value("select sec.vouch($1, $2)", session, actor.session_hash):
            raise OutsideReach
        change.record(events.device_added(actor.member, "vouched"))
    log.info("session_vouched", owasp="authn_login_success", org=str(actor.org), member=str(actor.member))


async def switch_organisation(desk: Desk, actor: Actor, org: UUID) -> Issued:
    """Go on in another organisation, under a new token. `OutsideReach` (404) unless the person is a member there.

    `ConfirmFirst` (403) where the rules there would have ended the session by now.
    """
    for membership in await queries.organisations(desk, actor):
        if membership.org == org:
            break
    else:
        raise OutsideReach
    token = new_token()
    member = await _leave(desk, actor, token, org)
    # If this fails, the session exists but nobody was given its token: it can only expire.
    there = Actor(token_hash(token), org, member, membership.role)
    async with desk.change(there, paced=False) as change:
        change.demand(Permission.SESSION_OWN)
        await change.lock(Stream("user", member))
        method = await change.value("select method from sec.own_sessions() where hash = sha256($1)", token_hash(token))
        if method is None:
            raise SignedOut("Your session has ended. Sign in again.")  # there, between the two steps
        change.record(events.session_started(member, str(method)))
    log.info("switched", owasp="session_renewed", org=str(org), member=str(member))
    return Issued(token, await desk.peek(token_hash(token)) or there)


async def _leave(desk: Desk, actor: Actor, token: str, org: UUID) -> UUID:
    """End the session here and make the one there, in one step; gives who the person is there."""
    try:
        async with desk.change(actor, paced=False) as change:
            change.demand(Permission.SESSION_OWN)
            await change.lock(Stream("user", actor.member))
            change.record(events.session_ended(actor.member, "switched"))
            switched = "select sec.switch_session($1, $2, $3, $4, $5)"
            member = await change.value(switched, actor.session_hash, token_hash(token), org, IDLE, ABSOLUTE)
            if not isinstance(member, UUID):
                raise OutsideReach
            return member
    except asyncpg.PostgresError as error:
        if sqlstate(error) == _TOO_OLD:
            raise ConfirmFirst(
                "That organisation asks for your password or second factor again after this time. Nothing was changed."
            ) from error
        raise


async def remove_factor(desk: Desk, actor: Actor, factor: UUID) -> None:
    """Remove a second factor; it counts for nothing from now on (ASVS 6.5.6). `OutsideReach` (404) for any id but one's own."""
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.CREDENTIAL_OWN)
        await change.lock(Stream("user", actor.member))
        await hold_own(change)
        kind = await change.value("select sec.remove_factor($1)", factor)
        if kind is None:
            raise OutsideReach
        change.record(events.credential_changed(actor.member, f"factor_removed.{kind}"))


async def renew_codes(desk: Desk, actor: Actor) -> tuple[str, ...]:
    """Ten new recovery codes, shown this once. `StateConflict` (409) where there is no factor that they could stand in for."""
    async with desk.change(actor, paced=False) as change:
        change.demand(Permission.CREDENTIAL_OWN)
        await change.lock(Stream("user", actor.member))
        await hold_own(change)
        if not await change.value("select count(*) from sec.own_factors()"):
            raise StateConflict("Set up an authenticator app or a passkey first.")
        return await enrolment.renew_codes(change)
