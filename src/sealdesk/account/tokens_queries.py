"""Which API tokens there are. None of this opens anything: only a token's hash is stored, and that is not told."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import GRANTS, NEVER_BY_TOKEN, OF_INVITATIONS, Permission
from sealdesk.core.db import Row
from sealdesk.unit import Reading


@dataclass(frozen=True, slots=True)
class Token:
    """A live token. `hint` is how it begins, `used_at` None where it was never used; `owner` is told to admins."""

    id: UUID
    name: str
    hint: str
    permissions: tuple[str, ...]
    issued_at: datetime
    used_at: datetime | None
    expires_at: datetime
    member: UUID | None = None
    owner: str = ""


def grantable(actor: Actor) -> tuple[Permission, ...]:
    """What a token of this actor may carry: what the role has, without what no token may ever do."""
    never = NEVER_BY_TOKEN | OF_INVITATIONS
    return tuple(each for each in Permission if each in GRANTS[actor.role] and each not in never)


async def own_tokens(work: Reading) -> list[Token]:
    """The caller's own tokens in this organisation, newest first."""
    work.demand(Permission.SESSION_OWN)
    rows = await work.rows("select * from sec.own_sessions()")
    found = [_token(row) for row in rows if row["kind"] == "token" and row["org_id"] == work.actor.org]
    return sorted(found, key=lambda each: each.issued_at, reverse=True)


async def tokens_of_all(work: Reading) -> list[Token]:
    """Every member's tokens in the organisation, newest first: for its admins."""
    work.demand(Permission.API_LIST)
    rows = await work.rows("select * from sec.org_tokens()")
    return [_token(row, row["member_id"], row["name"]) for row in rows]


def _token(row: Row, member: UUID | None = None, owner: str = "") -> Token:
    return Token(
        id=row["session_id"],
        name=row["label"],
        hint=row["hint"],
        permissions=tuple(sorted(row["scopes"] or ())),
        issued_at=row["created_at"],
        used_at=row["seen_at"] if row["seen_at"] > row["created_at"] else None,
        expires_at=row["until"],
        member=member,
        owner=owner,
    )
