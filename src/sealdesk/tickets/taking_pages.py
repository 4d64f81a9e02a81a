"""The buttons with which an agent takes a conversation or hands it over."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import NOBODY, Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import Refusal
from sealdesk.core.ids import read_id
from sealdesk.people.fields import origin_of
from sealdesk.threads.model import MAX_BODY
from sealdesk.tickets import taking
from sealdesk.tickets.fields import TAKING
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import SeeOther
from sealdesk.web.binding import Submitted
from sealdesk.web.caps import MESSAGE_BYTES
from sealdesk.web.exchange import Exchange
from sealdesk.web.routes import post
from sealdesk.web.schema import Input

CONVERSATION = "/c/{thread:str}"


class TakeForm(Input, frozen=True):
    """A form of one button."""


class HandoverForm(Input, frozen=True):
    """To whom, and what they should know."""

    assignee: Annotated[str, msgspec.Meta(max_length=36)]
    note: Annotated[str, msgspec.Meta(max_length=MAX_BODY)] = ""


@post("/c/{thread:str}/take", limit=TAKING, permission=Permission.TICKET_WORK, stands=CONVERSATION, act="take it")
async def take(desk: Desk, actor: Actor, thread: UUID, form: Submitted[TakeForm]) -> SeeOther:
    """Make the conversation one's own."""
    if form.refusal is not None:
        raise form.refusal
    await taking.take(desk, actor, thread)
    return SeeOther(f"/c/{thread}")


@post(
    "/c/{thread:str}/handover",
    limit=TAKING,
    cap=MESSAGE_BYTES,
    permission=Permission.TICKET_WORK,
    stands=CONVERSATION,
    act="hand it over",
)
async def hand_over(
    desk: Desk, actor: Actor, thread: UUID, form: Submitted[HandoverForm], key: Key, exchange: Exchange
) -> SeeOther:
    """Give the conversation to a colleague."""
    if form.value is None:
        raise form.refusal or Refusal()
    try:
        member = read_id(form.value.assignee)
    except ValueError:
        member = NOBODY  # the command words the refusal, to whoever reaches the conversation
    note = form.value.note.replace("\r\n", "\n")
    await taking.hand_over(desk, actor, thread, member, note, key=key, origin=origin_of(exchange))
    return SeeOther(f"/c/{thread}")


ROUTES: tuple[HTTPRouteHandler, ...] = (take, hand_over)
