"""New members as `founding` adds them, on record, with a password that was hashed once for all: hashing is what takes the time."""

from functools import cache
from uuid import UUID

from sealdesk.access.actor import operator
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.ids import new_id
from sealdesk.ledger.events import Stream
from sealdesk.people import events
from sealdesk.people.passwords import hash_password
from sealdesk.unit import Desk
from world import PASSWORD


@cache
def hashed() -> str:
    """PASSWORD, as it is stored."""
    return hash_password(PASSWORD)


async def join(desk: Desk, org: UUID, role: Role, email: str, name: str = "Joined") -> UUID:
    """A new member of `org`; one known by `email` from another organisation is the same person. Gives the member's id."""
    member = new_id()
    async with desk.change(operator(org)) as change:
        change.demand(Permission.PEOPLE_ADD)
        adding = "select sec.add_person($1, $2, $3, $4, false)"
        person = await change.value(adding, new_id(), email, email, hashed())
        await change.insert("app.member", member_id=member, person_id=person, role=str(role), name=name)
        await change.lock(Stream("user", member))
        change.record(events.member_added(member, str(role), name, email))
    return member
