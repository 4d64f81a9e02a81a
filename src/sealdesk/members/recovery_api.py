"""Letting go of lost second factors, over JSON: an admin asks, a second person approves."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.members import recovery
from sealdesk.members.fields import MANAGING
from sealdesk.unit import Desk
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json
from sealdesk.web.headers import Expected
from sealdesk.web.routes import delete, get, post
from sealdesk.web.schema import Input


class RecoveryRequest(Input, frozen=True):
    """How the admin made sure that it is the member who asks."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=recovery.MOST_BYTES)]


class RecoveryView(msgspec.Struct, frozen=True):
    """A request that waits for a second person; `version` is what an answer sends in `If-Match`."""

    member: UUID
    name: str
    asked_by: UUID
    asked_at: datetime
    version: int

    @classmethod
    def of(cls, found: recovery.Waiting) -> Self:
        """As JSON."""
        return cls(found.member, found.name, found.asked_by, found.asked_at, found.version)


class RecoveriesView(msgspec.Struct, frozen=True):
    """What waits, the oldest first."""

    recoveries: tuple[RecoveryView, ...]


@get("/api/v1/recoveries", permission=Permission.RECOVERY_APPROVE)
async def list_recoveries(desk: Desk, actor: Actor) -> RecoveriesView:
    """Requests to remove lost second factors that wait for a second person."""
    async with desk.read(actor) as work:
        return RecoveriesView(tuple(RecoveryView.of(each) for each in await recovery.waiting(work)))


@post(
    "/api/v1/members/{member:str}/recovery",
    limit=MANAGING,
    status=202,
    permission=Permission.MEMBER_MANAGE,
    repeats="One request waits at a time; a second one is refused.",
)
async def ask_recovery(desk: Desk, actor: Actor, member: UUID, body: Json[RecoveryRequest]) -> Answer[None]:
    """Ask that the second factors of a member who lost them be removed."""
    await recovery.ask(desk, actor, member, body.reason)
    return Answer(None, status=202)


@post(
    "/api/v1/members/{member:str}/recovery/approval",
    limit=MANAGING,
    status=204,
    permission=Permission.RECOVERY_APPROVE,
)
async def approve_recovery(desk: Desk, actor: Actor, member: UUID, expected: Expected) -> Answer[None]:
    """Approve it, as a second person: their sessions and API tokens end, and they set up a new second factor within 48 hours."""
    await recovery.approve(desk, actor, member, expected.require)
    return Answer(None, status=204)


@delete(
    "/api/v1/members/{member:str}/recovery",
    limit=MANAGING,
    status=204,
    permission=Permission.RECOVERY_APPROVE,
)
async def refuse_recovery(desk: Desk, actor: Actor, member: UUID, expected: Expected) -> Answer[None]:
    """Refuse it, or withdraw one's own request."""
    await recovery.refuse(desk, actor, member, expected.require)
    return Answer(None, status=204)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_recoveries, ask_recovery, approve_recovery, refuse_recovery)
