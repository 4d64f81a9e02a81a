"""The ticket and its rules."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.ledger.events import Event
from sealdesk.threads.model import Thread
from sealdesk.tickets import events
from sealdesk.unit import Reading

STATUSES = ("open", "pending", "solved", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be different; None leaves a field as it is. `unassign` takes the assignee away."""

    status: str | None = None
    priority: str | None = None
    assignee: UUID | None = None
    unassign: bool = False


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as found by staff."""

    thread_id: UUID
    number: int
    status: str
    priority: str
    assignee: UUID | None
    version: int

    @classmethod
    async def find(cls, work: Reading, key: UUID, lock: tuple[str, ...]) -> Self | None:
        """The ticket on the conversation `key`, read after the conversation's streams were locked."""
        if await Thread.find(work, key, lock) is None:
            return None
        # Requesters may not even select the columns of the desk's own work: they find the ticket, and are refused after that.
        work_columns = "priority, assignee_id, version"
        if not (work.actor.may(Permission.NOTE_READ) or work.actor.may(Permission.TICKET_WORK)):
            work_columns = "'' as priority, null as assignee_id, 0 as version"
        row = await work.row(
            f"select number, status, {work_columns} from app.ticket where org_id = $1 and thread_id = $2",  # noqa: S608 - constants
            work.actor.org,
            key,
        )
        return (
            cls(key, row["number"], row["status"], row["priority"], row["assignee_id"], row["version"]) if row else None
        )

    def changed(self, work: Work, actor: Actor) -> tuple[Self, list[Event]]:
        """The ticket as it will be and what to record; no events where it is so already."""
        assignee = None if work.unassign else work.assignee or self.assignee
        after = type(self)(
            self.thread_id,
            self.number,
            work.status or self.status,
            work.priority or self.priority,
            assignee,
            self.version + 1,
        )
        fields = {
            "status": (self.status, after.status),
            "priority": (self.priority, after.priority),
            "assignee": (str(self.assignee) if self.assignee else None, str(assignee) if assignee else None),
        }
        changed = {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
        return after, events.ticket_changed(self.thread_id, changed, actor)
