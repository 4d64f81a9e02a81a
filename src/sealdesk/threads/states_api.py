"""What a conversation is, and with whom, over JSON."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.threads import states
from sealdesk.threads.model import Thread
from sealdesk.threads.states import MOST_REASON, Act, Code, State
from sealdesk.unit import Desk
from sealdesk.web.answers import Answer
from sealdesk.web.binding import Json
from sealdesk.web.limits import Limit
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

CHANGING = Limit("thread-state", per_person="60/minute", per_target="60/minute", per_org="1200/minute")
REOPENING = {"act=reopen": (Permission.THREAD_REOPEN,)}
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_REASON, description="Why: text, kept on record.")]


class StateChange(Input, frozen=True):
    """An act and its reason: in text, and as a word for reports."""

    act: Act
    reason: Reason
    code: Code = "other"


class ParticipantChange(Input, frozen=True):
    """Whether a requester takes part, and why that changes."""

    member: UUID
    present: bool
    reason: Reason


class StateView(msgspec.Struct, frozen=True):
    """What a conversation is: a locked one takes no message, a closed one is open again when somebody writes.

    `escalated` is told to staff only.
    """

    locked: bool
    closed: bool
    escalated: bool

    @classmethod
    def of(cls, state: State) -> "StateView":
        """As JSON."""
        return cls(state.locked, state.closed, state.escalated)


class ParticipantView(msgspec.Struct, frozen=True):
    """A requester who takes part."""

    member: UUID
    name: str


@get("/api/v1/threads/{thread:str}/state", permission=Permission.THREAD_READ)
async def show_state(desk: Desk, actor: Actor, thread: UUID) -> StateView:
    """What the conversation is."""
    async with desk.read(actor) as work:
        return StateView.of(await states.state_of(work, await work.find(Thread, thread, Permission.THREAD_READ)))


@post(
    "/api/v1/threads/{thread:str}/state",
    limit=CHANGING,
    status=200,
    permission=Permission.THREAD_STATE,
    saying=REOPENING,
    repeats="What is so already stays so, without an entry.",
)
async def change_state(desk: Desk, actor: Actor, thread: UUID, body: Json[StateChange]) -> StateView:
    """Lock, unlock, close, reopen, escalate or de-escalate: an entry with its reason, visible in the timeline."""
    return StateView.of(await states.change_state(desk, actor, thread, body.act, body.code, body.reason))


@get("/api/v1/threads/{thread:str}/participants", permission=Permission.NOTE_READ)
async def list_participants(desk: Desk, actor: Actor, thread: UUID) -> list[ParticipantView]:
    """Who takes part besides the staff."""
    async with desk.read(actor) as work:
        return [ParticipantView(member, name) for member, name in await states.participants(work, thread)]


@post(
    "/api/v1/threads/{thread:str}/participants",
    limit=CHANGING,
    status=204,
    permission=Permission.PARTICIPANT_MANAGE,
    repeats="Who takes part already, or does not, stays so.",
)
async def change_participant(desk: Desk, actor: Actor, thread: UUID, body: Json[ParticipantChange]) -> Answer[None]:
    """Add or remove a participant: an entry with its reason, visible in the timeline."""
    await states.change_participant(desk, actor, thread, body.member, body.reason, present=body.present)
    return Answer(None, status=204)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_state, change_state, list_participants, change_participant)
