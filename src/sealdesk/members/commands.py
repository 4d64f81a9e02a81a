"""What admins do to members. Their sessions are dead when the act stands; nobody's password is ever chosen for them.

None of it waits for the record to catch up: an intruder has to be put out also while it stands still.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.account.password_commands import RESET_LIFE, count_reset
from sealdesk.ledger.events import Event, Stream
from sealdesk.members import queries
from sealdesk.members.model import Member, Yourself
from sealdesk.people import outbox
from sealdesk.people.events import session_revoked
from sealdesk.people.holding import hold_role, hold_visits
from sealdesk.people.outbox import Mail
from sealdesk.unit import Change, Desk
from sealdesk.web.tokens import new_token, token_hash

OPEN = ["session", "token", "visitor"]
ALL = [*OPEN, "invitation"]
MANAGE = Permission.MEMBER_MANAGE

log = structlog.get_logger("security")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a member is to be; None leaves it as it is. `myself`: who acts knows that it is themselves."""

    role: Role | None = None
    active: bool | None = None
    myself: bool = False


@dataclass(frozen=True, slots=True)
class _Account:
    """The person behind a member: where their mail goes, by what they are counted, and whether they have a way to sign in."""

    email: str
    norm: str
    signs_in: bool


async def change_member(
    desk: Desk, actor: Actor, member_id: UUID, wanted: Wanted, require: Callable[[int], None]
) -> tuple[Member, Member]:
    """Another role, access taken or given back; gives the member before and after.

    `require` judges the version (412); the last admin stays one (409), in a race too.

    An admin who would lower or remove themselves says `myself`; otherwise `Yourself` (409).
    """
    async with desk.change(actor, paced=False) as change:
        before = await _find(change, member_id)
        require(before.version)
        after, facts = await _as_wanted(change, before, wanted)
        if not facts:
            change.nothing()
            return before, before
        if member_id == actor.member and before.lowers(after) and not wanted.myself:
            raise Yourself(
                "This would end your own rights as an admin. Confirm that you mean yourself, and it is done."
            )
        await change.execute(
            "update app.member set role = $3, active = $4, invited = $5, version = $6 where org_id = $1 and member_id = $2",
            actor.org,
            member_id,
            str(after.role),
            after.active,
            after.invited,
            after.version,
        )
        await change.value("select sec.end_member_sessions($1, $2)", member_id, ALL)
        if before.role is Role.ADMIN and before.lowers(after):
            await change.value("select sec.drop_pending_of($1)", member_id)
        for fact in facts:
            change.record(fact)
        if before.active or after.active:
            await _tell(desk, change, member_id, facts[-1].type, after)
    for fact in facts:
        log.info(
            "role_change",
            owasp="authz_change",
            org=str(actor.org),
            member=str(member_id),
            by=str(actor.member),
            type=fact.type,
        )
    return before, after


async def mail_a_reset(desk: Desk, actor: Actor, member_id: UUID) -> None:
    """Have a link mailed with which the member chooses a password.

    `NotThem` (409) unless they are active and sign in, `TooMany` (429) after as many as a stranger may have mailed. It is for the person
    behind the member: their address may be somebody else's key.
    """
    async with desk.change(actor, paced=False) as change:
        member = await _find(change, member_id)
        account = await _account(change, member_id)
        change.record(member.reset(signs_in=account.signs_in))
        await count_reset(desk, account.norm, actor.org)
        token = new_token()
        mail = Mail(account.email, "reset_by_admin", {"path": f"/reset/{token}", "organisation": actor.org_name})
        await change.value(
            "select sec.mail_member_reset($1, $2, $3, $4, $5)",
            member_id,
            token_hash(token),
            RESET_LIFE,
            *outbox.sealed(desk.sealer, mail),
        )
        await hold_role(change, (Role.ADMIN,))
    log.info("reset_asked", owasp="authn_password_change", org=str(actor.org), member=str(member_id))


async def end_sessions(desk: Desk, actor: Actor, member_id: UUID) -> int:
    """End what a member has open in this organisation, API tokens too; gives how many there were."""
    async with desk.change(actor, paced=False) as change:
        member = await _find(change, member_id)
        ended = await _end(change, member_id)
        if ended:
            await _tell(desk, change, member_id, "session.revoked/admin", member)
        else:
            change.nothing()
    _say_ended(actor, ended, member_id)
    return ended


async def end_all_sessions(desk: Desk, actor: Actor) -> int:
    """End what everybody but the actor has open in this organisation (ASVS 7.4.5); gives how many sessions there were."""
    total = 0
    async with desk.change(actor, paced=False) as change:
        change.demand(MANAGE)
        # Newcomers who are on the way in are members before this, or come after it.
        await hold_visits(change)
        rows = await change.rows(
            "select member_id from app.member where org_id = $1 and member_id <> $2", actor.org, actor.member
        )
        members = [row["member_id"] for row in rows]
        await change.lock(*(Stream("user", member) for member in members))
        await hold_role(change, (Role.ADMIN,), *members)
        for row in await change.rows("select * from sec.end_sessions_of($1, $2)", members, OPEN):
            change.record(session_revoked(row["member"], "admin"))
            total += row["ended"]
        if not total:
            change.nothing()
    _say_ended(actor, total)
    return total


def _say_ended(actor: Actor, count: int, member: UUID | None = None) -> None:
    """To the operator, once it stands; without a member it was everybody else."""
    if count:
        whose = {"member": str(member)} if member else {}
        who = {"org": str(actor.org), "by": str(actor.member), **whose}
        log.info("sessions_revoked", owasp="session_expired", **who, count=count)


async def _find(change: Change, member_id: UUID) -> Member:
    # Before anything is looked up: whatever the id, whoever is no admin is told so, and it is on record.
    change.demand(MANAGE)
    member = await change.find(Member, member_id, MANAGE, lock=("user",))
    await hold_role(change, (Role.ADMIN,), member_id)
    return member


async def _as_wanted(change: Change, before: Member, wanted: Wanted) -> tuple[Member, list[Event]]:
    after, facts = before, list[Event]()
    if wanted.active:
        after, facts = after.reactivated(joined=before.id in await queries.joined(change, [before.id]))
    elif wanted.active is False:
        was = await change.value("select sec.undo_invitation($1)", before.id) if before.invited else None
        after, facts = after.deactivated(Role(str(was)) if was else None)
    if wanted.role is not None:
        after, more = after.with_role(wanted.role, signs_in=(await _account(change, before.id)).signs_in)
        facts = [*facts, *more]
    return after, facts


async def _end(change: Change, member: UUID) -> int:
    ended = await change.value("select sec.end_member_sessions($1, $2)", member, OPEN)
    if isinstance(ended, int) and ended:
        change.record(session_revoked(member, "admin"))
        return ended
    return 0


async def _account(change: Change, member: UUID) -> _Account:
    row = await change.row("select * from sec.member_account($1)", member)
    assert row is not None  # the member was found
    return _Account(row["email"], row["email_norm"], row["signs_in"])


async def _email(change: Change, member: UUID) -> str:
    return str(await change.value("select sec.member_email($1)", member))


async def _tell(desk: Desk, change: Change, member_id: UUID, template: str, after: Member) -> None:
    data = {"organisation": change.actor.org_name, "role": str(after.role)}
    await outbox.queue(change, desk.sealer, Mail(await _email(change, member_id), template, data))
