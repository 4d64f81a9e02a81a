"""What an admin begins outlives no ousting: whoever governs still may when it is done (docs/access.md, *Who still may*)."""

from uuid import UUID

from sealdesk.access.permissions import Role
from sealdesk.unit import Change

HOLD_OWN = "select sec.hold_own($1)"
"""As `hold_own`, of the session with this hash."""


async def hold_role(change: Change, roles: tuple[Role, ...], *others: UUID) -> None:
    """From here to the end of the change the actor has one of `roles`, and their session; whoever would take either waits.

    `SignedOut` (401) where one is gone.

    `others` are those whom the change may put out, all of them; of two who put each other out, one waits and is then told that their
    session has ended.
    """
    held = [str(role) for role in roles], others, change.actor.session_hash
    await change.value("select sec.hold_role($1, $2, $3)", *held)


async def hold_own(change: Change) -> None:
    """From here to the end of the change the actor's own session has not ended; whoever would end it waits. `SignedOut` (401) otherwise.

    For what a person does to their own account: whoever was shown out a moment ago changes no password and ends nobody's session.
    In the order of locks it stands after the actor's stream.
    """
    await change.value(HOLD_OWN, change.actor.session_hash)


async def hold_visits(change: Change) -> None:
    """From here to the end of the change nobody begins a visit in the organisation. Whoever is on the way in is in before, and seen.

    In the order of locks it stands after the organisation's stream and before those of its members.
    """
    await change.value("select sec.hold_visits()")
