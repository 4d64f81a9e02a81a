"""What happens to a ticket, as facts. The status is public (stream `thread`); priority and assignee are desk work (stream `ticket`)."""

from collections.abc import Mapping
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.ledger.events import Event, Stream, document
from sealproof.canonical import JSON

Changed = Mapping[str, tuple[str | None, str | None]]
"""Field to (old, new)."""


def ticket_created(thread: UUID, number: int) -> Event:
    """A ticket begins open, at normal priority, with nobody."""
    body = {"thread": str(thread), "number": number, "status": "open", "priority": "normal", "assignee": None}
    return Event("ticket.created", Stream("ticket", thread), body)


def ticket_changed(thread: UUID, changed: Changed, actor: Actor) -> list[Event]:
    """One entry for what is public and one for what is internal."""
    author = [document("author", {"name": actor.name, "role": str(actor.role)})]
    events: list[Event] = []
    for kind, fields in (("thread", ("status",)), ("ticket", ("priority", "assignee"))):
        changes: list[JSON] = [
            {"field": name, "old": changed[name][0], "new": changed[name][1]} for name in fields if name in changed
        ]
        if changes:
            events.append(Event("ticket.changed", Stream(kind, thread), {"changes": changes}, author))
    return events
