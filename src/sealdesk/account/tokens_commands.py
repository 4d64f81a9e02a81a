"""Issue and revoke API tokens. Each is an entry; a token is shown once and only its hash is kept (ASVS 6.4.1, 7.2.3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.account import tokens_events as events
from sealdesk.account.tokens_queries import Token, grantable, own_tokens, tokens_of_all
from sealdesk.core.errors import BadRequest, OutsideReach, StateConflict
from sealdesk.core.seen import shows
from sealdesk.ledger.events import Stream
from sealdesk.people import guard
from sealdesk.people.holding import hold_own, hold_role
from sealdesk.unit import Desk, Key
from sealdesk.web.tokens import new_api_token, token_hash

MOST_NAME = 200
"""Bytes of UTF-8."""
LEAST_DAYS, MOST_DAYS = 1, 365
MOST_TOKENS = 50
HINT = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token as asked for: its name, its permissions, and its life in days."""

    name: str
    permissions: frozenset[str]
    days: int


async def issue(desk: Desk, actor: Actor, wanted: Wanted, key: Key | None = None) -> tuple[str, Token]:
    """A new token and what is known of it. Its text leaves here and nowhere else.

    `BadRequest` for a permission that the role lacks or that no token may carry, `StateConflict` (409) for one too many and for a repeat:
    the first answer can't be given again.
    """
    name = wanted.name.strip()
    _check(actor, name, wanted)
    async with desk.change(actor, key) as change:
        if change.replay is not None:
            raise StateConflict(
                "This token was made already and shown once. Revoke it and make another if it was lost."
            )
        change.demand(Permission.API_OWN)
        # The stream first, then the person, as whoever ends sessions has it; so nobody makes one too many either.
        await change.lock(Stream("user", actor.member))
        if len(await own_tokens(change)) >= MOST_TOKENS:
            raise StateConflict(f"A member has at most {MOST_TOKENS} tokens. Revoke one that is no longer used.")
        token = new_api_token()
        made = await change.value(
            "select sec.issue_token($1, $2, $3, $4, $5, $6)",
            actor.session_hash,
            token_hash(token),
            name,
            token[:HINT],
            sorted(wanted.permissions),
            timedelta(days=wanted.days),
        )
        (shown,) = [each for each in await own_tokens(change) if each.id == made]
        change.record(events.token_issued(actor.member, shown.id, name, wanted.permissions, shown.expires_at))
    await guard.issued(desk.counters, actor.org, "token")
    return token, shown


async def revoke(desk: Desk, actor: Actor, token: UUID) -> None:
    """End one of the actor's own tokens; it is dead on the next request. `OutsideReach` (404) where there is no such live token."""
    async with desk.change(actor, paced=False) as change:
        if token not in {each.id for each in await own_tokens(change)}:
            raise OutsideReach
        change.demand(Permission.API_OWN)
        await change.lock(Stream("user", actor.member))
        await hold_own(change)
        if not await change.value("select sec.end_own_sessions($1, null, array['token'])", token):
            raise OutsideReach
        change.record(events.token_revoked(actor.member, token, "own"))


async def revoke_of_member(desk: Desk, actor: Actor, token: UUID) -> None:
    """End a token of any member of the actor's organisation. `OutsideReach` (404) where there is no such live token."""
    async with desk.change(actor, paced=False) as change:
        # Before anything is looked up: whatever the id, whoever is no admin is told so, and it is on record.
        change.demand(Permission.MEMBER_MANAGE)
        found = next((each for each in await tokens_of_all(change) if each.id == token), None)
        if found is None or found.member is None:
            raise OutsideReach
        await change.lock(Stream("user", found.member))
        if not await change.value("select sec.end_org_token($1)", token):
            raise OutsideReach  # ended by somebody else in this moment
        await hold_role(change, (Role.ADMIN,))
        change.record(events.token_revoked(found.member, token, "admin"))


def _check(actor: Actor, name: str, wanted: Wanted) -> None:
    if not shows(name) or not name.isprintable() or len(name.encode()) > MOST_NAME:
        raise BadRequest(f"A token needs a name, in one line of at most {MOST_NAME} bytes.", pointer="/name")
    if not LEAST_DAYS <= wanted.days <= MOST_DAYS:
        raise BadRequest(f"A token lives from {LEAST_DAYS} to {MOST_DAYS} days.", pointer="/days")
    if not wanted.permissions:
        raise BadRequest("A token needs at least one permission.", pointer="/permissions")
    if not wanted.permissions <= _names(grantable(actor)):
        raise BadRequest(
            "A token can't have a permission that your role lacks, or that no token may have.", pointer="/permissions"
        )


def _names(permissions: Iterable[Permission]) -> frozenset[str]:
    return frozenset(str(each) for each in permissions)
