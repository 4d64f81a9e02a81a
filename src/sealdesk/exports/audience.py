"""Who will read a bundle, and what it shows them (decision: disclosure by audience)."""

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import NotPermitted

_PUBLIC = (
    "author",
    "body",
    "claim",
    "matter",
    "note",
    "purpose",
    "reason",
    "redacted_body",
    "scope",
    "streams",
    "subject",
)
_STAFF = (*_PUBLIC, "origin")

_WITHIN: dict[Role, tuple[Role, ...]] = {
    Role.REQUESTER: (Role.REQUESTER,),
    Role.AGENT: (Role.AGENT, Role.REQUESTER),
    Role.ADMIN: (Role.ADMIN, Role.AGENT, Role.REQUESTER),
    Role.AUDITOR: (Role.AUDITOR, Role.AGENT, Role.REQUESTER),
}


def audiences(actor: Actor) -> tuple[Role, ...]:
    """The audiences that an actor may ask for, the widest first. A token that does not read notes gets no bundle that shows them."""
    return _WITHIN.get(actor.role, ()) if actor.may(Permission.NOTE_READ) else (Role.REQUESTER,)


def checked(actor: Actor, audience: Role | None) -> Role:
    """The audience of a request, by default the widest of the actor's. `NotPermitted` for one that sees more."""
    offered = audiences(actor)
    if (wanted := audience or next(iter(offered), actor.role)) not in offered:
        raise NotPermitted(f"As {actor.role} you may not ask here for a bundle that shows what {wanted}s see.")
    return wanted


def demand_readable(actor: Actor, audience: Role) -> None:
    """`NotPermitted` where a bundle for `audience` shows internal notes, and the actor, such as a token's, reads none."""
    if audience is not Role.REQUESTER and not actor.may(Permission.NOTE_READ):
        raise NotPermitted("The bundle shows internal notes, which may not be read here. Ask for one for requesters.")


def slots(audience: Role) -> tuple[str, ...]:
    """The slots that a bundle for `audience` opens, sorted. Requesters are not told where other people's requests came from."""
    return tuple(sorted(_PUBLIC if audience is Role.REQUESTER else _STAFF))


def stream_kinds(audience: Role) -> tuple[str, ...]:
    """The kinds of a conversation's streams that a bundle for `audience` holds: internal work is not for requesters."""
    return ("thread",) if audience is Role.REQUESTER else ("thread", "ticket")


def left_out(audience: Role) -> tuple[str, ...]:
    """What `audience` does not get to see, in plain words."""
    if audience is Role.REQUESTER:
        return (
            "Internal notes and desk work",
            "Addresses and devices of the people who wrote",
            "Originals of redacted messages",
        )
    return ("Originals of redacted messages",)
