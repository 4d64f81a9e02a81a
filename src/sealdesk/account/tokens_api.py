"""API tokens over JSON: one's own, and for admins those of the organisation."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.account import tokens_commands as commands
from sealdesk.account import tokens_queries as queries
from sealdesk.account.tokens_commands import LEAST_DAYS, MOST_DAYS, Wanted
from sealdesk.account.tokens_queries import Token
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json
from sealdesk.web.limits import Limit
from sealdesk.web.routes import delete, get, post
from sealdesk.web.schema import Input

ISSUING = Limit("token-issue", per_person="20/hour", per_address="100/hour")
REVOKING = Limit("token-revoke", per_person="60/minute", per_address="300/minute")
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Scope = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class NewToken(Input, frozen=True):
    """`permissions` are names such as `thread.read`, at most what the own role has; `days` is the token's life."""

    name: Name
    permissions: Annotated[list[Scope], msgspec.Meta(min_length=1, max_length=64)]
    days: Annotated[int, msgspec.Meta(ge=LEAST_DAYS, le=MOST_DAYS)] = 90


class TokenView(msgspec.Struct, frozen=True):
    """A live token: `hint` is how it begins. Where it is another member's, `member` and `owner` say whose."""

    id: UUID
    name: str
    hint: str
    permissions: tuple[str, ...]
    issued_at: datetime
    used_at: datetime | None
    expires_at: datetime
    member: UUID | None = None
    owner: str | None = None

    @classmethod
    def of(cls, token: Token) -> "TokenView":
        """As JSON."""
        return cls(
            token.id,
            token.name,
            token.hint,
            token.permissions,
            token.issued_at,
            token.used_at,
            token.expires_at,
            token.member,
            token.owner or None,
        )


class IssuedView(msgspec.Struct, frozen=True):
    """The `token` itself, this once: send it as `Authorization: Bearer`."""

    token: str
    about: TokenView


@get("/api/v1/account/tokens", permission=Permission.SESSION_OWN)
async def list_tokens(desk: Desk, actor: Actor) -> list[TokenView]:
    """One's own live tokens in this organisation."""
    async with desk.read(actor) as work:
        return [TokenView.of(each) for each in await queries.own_tokens(work)]


@post("/api/v1/account/tokens", limit=ISSUING, permission=Permission.API_OWN, status=201)
async def issue_token(desk: Desk, actor: Actor, body: Json[NewToken], key: Key) -> Answer[IssuedView]:
    """Make a token. It is shown in this answer and never again; a repeat with the same key is refused."""
    token, shown = await commands.issue(desk, actor, Wanted(body.name, frozenset(body.permissions), body.days), key)
    return Answer(IssuedView(token, TokenView.of(shown)), location=f"/api/v1/account/tokens/{shown.id}")


@delete(
    "/api/v1/account/tokens/{token:str}",
    limit=REVOKING,
    permission=Permission.API_OWN,
    status=204,
    repeats="A revoked token is not found again.",
)
async def revoke_token(desk: Desk, actor: Actor, token: UUID) -> None:
    """Revoke one's own token: it is dead on the next request."""
    await commands.revoke(desk, actor, token)


@get("/api/v1/organisation/tokens", permission=Permission.API_LIST)
async def list_organisation_tokens(desk: Desk, actor: Actor) -> list[TokenView]:
    """All members' live tokens, for admins."""
    async with desk.read(actor) as work:
        return [TokenView.of(each) for each in await queries.tokens_of_all(work)]


@delete(
    "/api/v1/organisation/tokens/{token:str}",
    limit=REVOKING,
    permission=Permission.MEMBER_MANAGE,
    status=204,
    repeats="A revoked token is not found again.",
)
async def revoke_organisation_token(desk: Desk, actor: Actor, token: UUID) -> None:
    """Revoke any member's token, as an admin."""
    await commands.revoke_of_member(desk, actor, token)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_tokens,
    issue_token,
    revoke_token,
    list_organisation_tokens,
    revoke_organisation_token,
)
