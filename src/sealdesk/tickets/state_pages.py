"""The forms beside a conversation that change what it is, and with whom."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import NOBODY, Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import Refusal
from sealdesk.core.ids import read_id
from sealdesk.threads import states
from sealdesk.threads.states import MOST_REASON, Act
from sealdesk.threads.states_api import CHANGING, REOPENING
from sealdesk.unit import Desk
from sealdesk.web.answers import SeeOther
from sealdesk.web.binding import Submitted
from sealdesk.web.routes import post
from sealdesk.web.schema import Input

CONVERSATION = "/c/{thread:str}"
Reason = Annotated[str, msgspec.Meta(max_length=MOST_REASON)]


class StateForm(Input, frozen=True):
    """What is to become of the conversation, and why."""

    act: Act
    reason: Reason = ""


class ParticipantForm(Input, frozen=True):
    """Who is to take part, or no longer, and why."""

    member: Annotated[str, msgspec.Meta(max_length=36)]
    present: Literal["yes", "no"]
    reason: Reason = ""


@post(
    "/c/{thread:str}/state",
    limit=CHANGING,
    permission=Permission.THREAD_STATE,
    saying=REOPENING,
    stands=CONVERSATION,
    act="change the conversation's state",
)
async def change_state(desk: Desk, actor: Actor, thread: UUID, form: Submitted[StateForm]) -> SeeOther:
    """Lock, unlock, close, reopen, escalate or de-escalate."""
    if form.value is None:
        raise form.refusal or Refusal()
    await states.change_state(desk, actor, thread, form.value.act, "other", form.value.reason)
    return SeeOther(f"/c/{thread}")


@post(
    "/c/{thread:str}/participants",
    limit=CHANGING,
    permission=Permission.PARTICIPANT_MANAGE,
    stands=CONVERSATION,
    act="change who takes part",
)
async def change_participant(desk: Desk, actor: Actor, thread: UUID, form: Submitted[ParticipantForm]) -> SeeOther:
    """Add or remove a participant."""
    if form.value is None:
        raise form.refusal or Refusal()
    try:
        member = read_id(form.value.member)
    except ValueError:
        member = NOBODY  # the command words the refusal, to whoever reaches the conversation
    present = form.value.present == "yes"
    await states.change_participant(desk, actor, thread, member, form.value.reason, present=present)
    return SeeOther(f"/c/{thread}")


ROUTES: tuple[HTTPRouteHandler, ...] = (change_state, change_participant)
