"""Invitations: asked by an admin, mailed as a link that works once within a day, accepted by whoever has the mail."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.account.password_commands import LinkOver
from sealdesk.core.errors import SignedOut, Stale, StateConflict
from sealdesk.core.ids import new_id
from sealdesk.ledger.events import Stream
from sealdesk.members import events
from sealdesk.people import outbox, password_rules, passwords
from sealdesk.people.commands import authenticate, go_on, memberships
from sealdesk.people.emails import checked_email, normalise_email
from sealdesk.people.holding import hold_role
from sealdesk.people.names import checked_name
from sealdesk.people.outbox import Mail
from sealdesk.people.sessions import Choice, Issued, Known, SecondNeeded, Visit
from sealdesk.unit import Change, Desk, Key
from sealdesk.web.tokens import is_token, new_token, token_hash

LIFE = timedelta(hours=24)

log = structlog.get_logger("security")


class InvitationOver(LinkOver):
    """An invitation that leads nowhere, whatever the reason."""

    title = "This invitation is over"
    sentence = (
        "It was used or withdrawn, it is older than a day, or another one was sent since. If you have joined already, sign in; if not,"
        " ask for a new one."
    )
    way = ("Sign in", "/sign-in")


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Whom to invite, as what."""

    email: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a link invites to. `known` has a password already and proves it; others choose one."""

    org: UUID
    org_name: str
    member: UUID
    name: str
    email: str
    role: Role
    known: bool
    words: tuple[str, ...]
    version: int


async def invite(desk: Desk, actor: Actor, newcomer: Newcomer, key: Key | None = None) -> UUID:
    """Mail an invitation; one before it is void. Gives the member's id. Whether the desk knows the address from elsewhere does not show.

    `StateConflict` (409) where they are an active member of this organisation already.
    """
    norm, name, token = normalise_email(newcomer.email), checked_name(newcomer.name), new_token()
    async with desk.change(actor, key) as change:
        if change.replay:
            return await _member_of(change, change.replay)
        change.demand(Permission.MEMBER_MANAGE)
        # Their stream before their row, as whoever changes a member does: what is decided is decided on what stands.
        known = await change.value("select sec.invitee($1)", norm)
        member = known if isinstance(known, UUID) else new_id()
        await change.lock(Stream("user", member))
        row = await change.row(
            "select * from sec.invite($1, $2, $3, $4, $5, $6, $7, $8)",
            new_id(),
            checked_email(newcomer.email),
            norm,
            member,
            str(newcomer.role),
            name,
            token_hash(token),
            LIFE,
        )
        await hold_role(change, (Role.ADMIN,))
        if row is None:
            raise StateConflict("They are a member already. Change their role instead.")
        was = row["was"]
        if was and was != newcomer.role:
            change.record(events.role_changed(member, was, str(newcomer.role)))
        # One address for the record, for the page and for the mail: whose it leads to is who reads it there.
        email = str(await change.value("select sec.member_email($1)", member))
        change.record(events.member_invited(member, str(newcomer.role), name, email))
        data = {"organisation": actor.org_name, "inviter": actor.name, "role": str(newcomer.role)}
        await outbox.queue(change, desk.sealer, Mail(email, "invitation", {**data, "path": f"/invitation/{token}"}))
    return member


async def look(desk: Desk, token: str) -> Invitation:
    """What a link invites to; `LinkOver` (404). It uses nothing up: mail scanners look at links too."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.look_invitation($1)", token_hash(token)) if is_token(token) else None
    if row is None:
        raise InvitationOver
    role = Role(row["role"])
    words = tuple(row["words"])
    return Invitation(
        row["org_id"],
        row["org_name"],
        row["member_id"],
        row["name"],
        row["email"],
        role,
        row["has_password"],
        words,
        row["credential_version"],
    )


async def accept(desk: Desk, token: str, password: str, visit: Visit) -> Issued | Choice | SecondNeeded:
    """Join, and sign in as always: whoever has a second factor is asked for it. `WeakPassword` (400), `SignedOut` (401) for a wrong one."""
    invitation = await look(desk, token)
    admin, encoded = invitation.role is Role.ADMIN, None
    if invitation.known:
        known = await authenticate(desk, invitation.email, password, visit)
    else:
        password_rules.check(password, invitation.words, admin=admin)
        encoded, known = await passwords.hashed(password), None
    pool = await desk.database.pool("desk_gate")
    began = await pool.fetchval("select clock_timestamp()")
    # The invitation acts for itself: the database lets its token do this one thing.
    guest = Actor(token_hash(token), invitation.org, invitation.member, invitation.role, kind="invitation")
    try:
        async with desk.change(guest, paced=False) as change:
            change.demand(Permission.INVITATION_ACCEPT)
            await change.lock(Stream("user", invitation.member))
            person = await change.value("select sec.accept_invitation($1, $2)", token_hash(token), encoded)
            _check_theirs(known, person)
            if known and not await change.value("select sec.own_credential_holds($1)", known.version):
                raise Stale("Your password was changed in the meantime. Open the invitation again.")
            change.record(events.member_joined(invitation.member, str(invitation.role)))
    except SignedOut:
        raise InvitationOver from None  # somebody was quicker
    assert isinstance(person, UUID)
    log.info("invitation_accepted", owasp="authz_change", org=str(invitation.org), member=str(invitation.member))
    where = tuple(await memberships(desk, person))
    fresh = Known(person, where, 0, "password", invitation.version, began=began)
    entered = replace(known, memberships=where) if known else fresh
    return await go_on(desk, entered, invitation.org, visit)


def _check_theirs(known: Known | None, person: object) -> None:
    """`SignedOut` where the password was somebody else's, who has this address by now."""
    if known is not None and known.person != person:
        raise SignedOut


async def _member_of(change: Change, entry: UUID) -> UUID:
    found = await change.value(
        "select stream_id from ledger.entry where org_id = $1 and entry_id = $2", change.actor.org, entry
    )
    assert isinstance(found, UUID)
    return found
