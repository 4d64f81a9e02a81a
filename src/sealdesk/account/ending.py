"""End what else a person has open, inside the change that is the reason for it."""

from dataclasses import dataclass

from sealdesk.account.tokens_events import token_revoked
from sealdesk.account.tokens_queries import own_tokens
from sealdesk.people import events
from sealdesk.unit import Change

_END_REST = "select sec.end_own_sessions(null, $1, $2)"


@dataclass(frozen=True, slots=True)
class Ended:
    """How many sessions and API tokens ended."""

    sessions: int = 0
    tokens: int = 0


async def end_rest(change: Change, cause: str, *, sessions: bool, tokens: bool) -> Ended:
    """End the person's other sessions, and their tokens; the member's stream is locked. Other organisations are told by the worker."""
    actor, signed_out, revoked = change.actor, 0, 0
    if sessions:
        signed_out = await change.value(_END_REST, actor.session_id, ["session", "visitor"])
        if signed_out:
            change.record(events.session_revoked(actor.member, cause))
    if tokens:
        listed = await own_tokens(change)
        revoked = await change.value(_END_REST, actor.session_id, ["token"])
        for token in listed:
            change.record(token_revoked(actor.member, token.id, cause))
    assert isinstance(signed_out, int)
    assert isinstance(revoked, int)
    return Ended(signed_out, revoked)
