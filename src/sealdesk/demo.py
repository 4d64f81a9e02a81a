"""The demonstration: one made-up organisation, for this machine only, with passwords made at random for the installation."""

import asyncio
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sealdesk.access.actor import Actor, operator
from sealdesk.access.permissions import Role
from sealdesk.core.errors import StateConflict
from sealdesk.core.faults import Fault
from sealdesk.core.settings import Environment, Settings
from sealdesk.members.rules import set_allowed_origins
from sealdesk.people import commands as people
from sealdesk.people import founding
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Issued, Visit
from sealdesk.redactions import commands as redactions
from sealdesk.redactions.model import Wanted
from sealdesk.threads import commands as threads
from sealdesk.threads.model import Draft
from sealdesk.tickets import commands as tickets
from sealdesk.tickets.model import Work
from sealdesk.unit import Desk
from sealdesk.widget import queries as widget
from sealdesk.widget import switching
from sealdesk.widget.example import Shop
from sealdesk.widget.identity import audience

SLUG = "demo"
_PEOPLE = (
    ("Robin Vale", Role.REQUESTER, "robin@customer.example"),
    ("Sam Okafor", Role.REQUESTER, "sam@customer.example"),
    ("Ada Lindqvist", Role.AGENT, "ada@harbour.example"),
    ("Mateo Ruiz", Role.ADMIN, "mateo@harbour.example"),
    ("Ines Moreau", Role.AUDITOR, "ines@harbour.example"),
)
_ORIGIN = {"address": "127.0.0.1", "agent": "demo", "session": "demo"}


@dataclass(frozen=True, slots=True)
class SignIn:
    """One way into the demonstration."""

    role: str
    email: str
    password: str


def seed(settings: Settings) -> None:
    """Fill the demonstration's organisation, once; a repeat completes what an interrupted one began.

    Raises `Fault` where the settings or the database are not a demonstration's.
    """
    if settings.env is not Environment.DEMO:
        raise Fault("This is no demonstration: start it with `sealdesk up --demo`.")
    asyncio.run(_refuse_production(settings))
    sign_ins = _sign_ins(settings.demo_file)
    asyncio.run(_seed(settings, sign_ins))


async def _refuse_production(settings: Settings) -> None:
    async with Desk.opened(settings) as desk:
        pool = await desk.database.pool("desk_gate")
        if await pool.fetchval("select sec.environment()") == Environment.PRODUCTION:
            raise Fault("This database belongs to production: set SEALDESK_DATA to another folder for a demonstration.")


def _sign_ins(path: Path) -> list[SignIn]:
    if path.exists():
        return [SignIn(**each) for each in json.loads(path.read_text())]
    made = [SignIn(str(role), email, secrets.token_urlsafe(9)) for _, role, email in _PEOPLE]
    scratch = path.with_suffix(".new")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump([{"role": s.role, "email": s.email, "password": s.password} for s in made], file, indent=1)
    scratch.replace(path)
    return made


async def _seed(settings: Settings, sign_ins: list[SignIn]) -> None:
    async with Desk.opened(settings) as desk:
        org = await founding.org_of_slug(desk, SLUG) or await founding.add_org(desk, SLUG, "Harbour Lane")
        passwords = {s.email: s.password for s in sign_ins}
        for name, role, email in _PEOPLE:
            try:
                await founding.add_person(desk, org, NewPerson(email, name, role, passwords[email], demo=True))
            except StateConflict:
                continue  # an earlier run came this far
        async with desk.read(operator(org)) as work:
            filled = await work.value("select 1 from app.thread where org_id = $1 limit 1", org)
        if not filled:
            await _converse(desk, org, passwords)
        if not settings.demo_site.exists() or Shop.read(settings.demo_site).origin != settings.demo_site_origin:
            await _show_widget(desk, org, passwords, settings)


async def _show_widget(desk: Desk, org: UUID, passwords: dict[str, str], settings: Settings) -> None:
    """Have the admin allow the example site and switch the widget on, and give the site its key."""
    (robin, _, robins), (_, _, mateos) = _PEOPLE[0], _PEOPLE[3]
    mateo, site = await _enter(desk, org, mateos, passwords[mateos]), settings.demo_site_origin
    await set_allowed_origins(desk, mateo, (site,), lambda _: None)
    await switching.switch(desk, mateo, on=True, require=lambda _: None)
    key = await switching.turn_key(desk, mateo, lambda _: None)
    async with desk.read(mateo) as work:
        held, _ = await widget.arrangement(work)
    to = audience(desk.ledger_name, held.id)
    Shop(site, settings.origins[0], held.id, key, to, robins, robin).write(settings.demo_site)
    await people.sign_out(desk, mateo)


async def _converse(desk: Desk, org: UUID, passwords: dict[str, str]) -> None:
    actors = {email: await _enter(desk, org, email, password) for email, password in passwords.items()}
    robin, sam, ada, mateo = (actors[email] for _, _, email in _PEOPLE[:4])
    refund = await _request(
        desk,
        robin,
        "Charged twice on order 88214",
        "I was charged twice for the same order. I want one of the two payments back, and I want it in writing.",
    )
    await _say(
        desk,
        ada,
        refund,
        "I can see both payments. I have asked accounting to return the second one and will confirm here by noon.",
    )
    await _say(desk, ada, refund, "Same card as in an earlier case. Watch for a chargeback.", "internal")
    await _say(desk, robin, refund, "Thank you. Please keep me posted, my bank wants an answer this week.")
    card = await _say(desk, robin, refund, "If it helps: the card is 4000 1234 5678 9010, valid until March.")
    masked = Wanted("mask", "pii", "If it helps: the card is [number removed].", "We never need a card's number.")
    await redactions.redact(desk, ada, refund, card, masked, key=None)
    await tickets.change_ticket(desk, ada, refund, Work(priority="high", assignee=ada.member), lambda _: None)
    login = await _request(
        desk, sam, "Can't sign in after the update", 'I get "account locked" although I never typed a wrong password.'
    )
    await _say(
        desk,
        mateo,
        login,
        "We changed the sign-in page this morning. Could you try again with the cookies of our site removed?",
    )
    parcel = await _request(
        desk,
        robin,
        "Delivery left with a neighbour who moved out",
        "The note says number 12. Nobody has lived there since spring. Where is my parcel?",
    )
    await _say(desk, ada, parcel, "I have asked the courier for the photo they took. You will have it here today.")
    # What the worker flags within a second: a threat that hides behind a digit and a letter of another alphabet.
    await _say(desk, robin, parcel, "Today, or I swear I will k1ll y\u043eu.")
    await tickets.change_ticket(desk, ada, parcel, Work(status="pending"), lambda _: None)
    await _invoice(desk, sam, mateo)
    for actor in actors.values():
        await people.sign_out(desk, actor)


async def _invoice(desk: Desk, sam: Actor, mateo: Actor) -> None:
    invoice = await _request(
        desk,
        sam,
        "Invoice needs our new tax number",
        "Our tax number changed on the first of the month. Could you issue the last invoice again?",
    )
    await _say(desk, mateo, invoice, "Done, the corrected invoice is in your account: https://harbour.example/invoices")
    await _say(desk, sam, invoice, "Thank you, that is what we needed.")
    await tickets.change_ticket(desk, mateo, invoice, Work(status="solved"), lambda _: None)


async def _enter(desk: Desk, org: UUID, email: str, password: str) -> Actor:
    issued = await people.sign_in(desk, email, password, org, Visit(_ORIGIN))
    assert isinstance(issued, Issued)
    return issued.actor


async def _request(desk: Desk, actor: Actor, subject: str, body: str) -> UUID:
    return await tickets.open_request(desk, actor, subject, Draft(body), "portal", key=None, origin=_ORIGIN)


async def _say(desk: Desk, actor: Actor, thread: UUID, body: str, visibility: str = "public") -> UUID:
    return (await threads.post_message(desk, actor, thread, Draft(body, visibility), key=None, origin=_ORIGIN)).id
