"""What the operator does: found the desk, add organisations and people. Each act is an entry."""

from dataclasses import dataclass
from uuid import UUID

from sealdesk.access.actor import NOBODY, operator
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.errors import OutsideReach, StateConflict
from sealdesk.core.ids import new_id
from sealdesk.ledger.events import Stream
from sealdesk.people import events
from sealdesk.people.emails import checked_email, normalise_email
from sealdesk.people.names import checked_name
from sealdesk.people.passwords import hash_password
from sealdesk.people.sessions import ENROL_WITHIN
from sealdesk.unit import Change, Desk


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to add to an organisation. The password is kept as an argon2id hash only."""

    email: str
    name: str
    role: Role
    password: str
    demo: bool = False


async def found_desk(desk: Desk, environment: str) -> None:
    """Begin the `sys` log and the context's key, once; a repeat changes nothing."""
    async with desk.change(operator(NOBODY)) as change:
        change.demand(Permission.PEOPLE_ADD)
        await change.value("select sec.found_deployment($1, $2)", desk.ledger_name, environment)
        if await change.value("select 1 from ledger.log where org_id = $1", NOBODY):
            change.nothing()
            return
        await _begin_log(change, desk.origin(NOBODY))
        change.record(events.operator_acted(Stream("log", NOBODY), "desk.founded", None))


async def add_org(desk: Desk, slug: str, name: str) -> UUID:
    """A new organisation with a log of its own. `StateConflict` if the slug is taken."""
    org, name = new_id(), checked_name(name)
    if await org_of_slug(desk, slug):
        raise StateConflict(f"There is an organisation {slug!r} already.")
    async with desk.change(operator(NOBODY)) as change:
        change.demand(Permission.PEOPLE_ADD)
        await change.lock(Stream("log", NOBODY))
        change.record(events.operator_acted(Stream("log", NOBODY), "org.added", org))
    async with desk.change(operator(org)) as change:
        change.demand(Permission.PEOPLE_ADD)
        await change.insert("app.org", slug=slug, name=name)
        await _begin_log(change, desk.origin(org), Stream("org", org))
        change.record(events.org_created(org, name))
    return org


async def org_of_slug(desk: Desk, slug: str) -> UUID | None:
    """The organisation's id by the name that the command line uses."""
    async with desk.read(operator(NOBODY)) as reading:
        found = await reading.value("select org_id from app.org where slug = $1", slug)
    return found if isinstance(found, UUID) else None


async def name_of(desk: Desk, org: UUID) -> str:
    """What the organisation is called."""
    async with desk.read(operator(org)) as reading:
        return str(await reading.value("select name from app.org where org_id = $1", org))


async def add_person(desk: Desk, org: UUID, person: NewPerson) -> UUID:
    """A member of `org`: a new person, or one known by e-mail (whose password stays). Gives the member id."""
    email, norm, name = checked_email(person.email), normalise_email(person.email), checked_name(person.name)
    member = new_id()
    encoded = hash_password(person.password)
    async with desk.change(operator(org)) as change:
        change.demand(Permission.PEOPLE_ADD)
        person_id = await change.value(
            "select sec.add_person($1, $2, $3, $4, $5)", new_id(), email, norm, encoded, person.demo
        )
        if await change.value("select 1 from app.member where org_id = $1 and person_id = $2", org, person_id):
            raise StateConflict(f"{email} is a member of this organisation already.")
        await change.insert("app.member", member_id=member, person_id=person_id, role=str(person.role), name=name)
        await change.lock(Stream("user", member))
        change.record(events.member_added(member, str(person.role), name, email))
    return member


async def let_in(desk: Desk, email: str, reason: str) -> None:
    """Remove the second factors of somebody who lost them, where no two people of their organisation can: the operator's word for it.

    `OutsideReach` (404) where nobody has this address.
    """
    pool = await desk.database.pool("desk_worker")
    row = await pool.fetchrow("select * from sec.credential($1)", normalise_email(email))
    if row is None:
        raise OutsideReach(f"Nobody signs in as {email}.")
    async with desk.change(operator(NOBODY)) as change:
        change.demand(Permission.PEOPLE_ADD)
        await change.lock(Stream("log", NOBODY))
        change.record(events.operator_acted(Stream("log", NOBODY), "factors.let_go", None, reason))
        await change.value("select sec.let_go($1, $2, 'factors_let_go_by_operator')", row["person_id"], ENROL_WITHIN)


async def knows(desk: Desk, email: str) -> bool:
    """Whether somebody with this e-mail can sign in already: their password stays when they join another organisation."""
    pool = await desk.database.pool("desk_gate")
    row = await pool.fetchrow("select * from sec.credential($1)", normalise_email(email))
    return row is not None and row["password_hash"] is not None


async def _begin_log(change: Change, origin: str, *streams: Stream) -> None:
    org = change.actor.org
    await change.insert("ledger.log", origin=origin)
    await change.lock(Stream("log", org), *streams)
    change.record(events.ledger_began(org))
