"""People and conversations to measure with: organisations, each with two agents, two requesters and ten conversations."""

import asyncio
import json
import secrets
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from bench.load import Seat
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.core.settings import Settings
from sealdesk.people import commands, founding
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Issued, Known, Visit
from sealdesk.threads import commands as threads
from sealdesk.threads.model import Draft
from sealdesk.unit import Desk

ORIGIN = {"address": "127.0.0.1", "agent": "bench", "session": "bench"}
PEOPLE = (("ada", Role.AGENT), ("rob", Role.REQUESTER), ("ben", Role.AGENT), ("sue", Role.REQUESTER))
CONVERSATIONS = 10
UNLIMITED = " ".join(
    f"{name}:person=1000000/second,address=1000000/second,target=1000000/second,org=1000000/second"
    for name in ("message-post", "read")
)
"""Limits count every post as ever, and let all of them pass: one machine here stands for hundreds of people."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody signed in, and the conversations within their reach."""

    actor: Actor
    token: str
    threads: tuple[UUID, ...]


def gather(data: Path, organisations: int) -> list[list[Member]]:
    """A crowd for the desk that runs over `data`: for each organisation its members, in the order of `PEOPLE`."""
    return asyncio.run(_gather(Settings.load({"SEALDESK_DATA": str(data)}), organisations))


async def _gather(settings: Settings, organisations: int) -> list[list[Member]]:
    run = secrets.token_hex(4)
    password = secrets.token_urlsafe(12)
    async with Desk.opened(settings) as desk:
        orgs = [await founding.add_org(desk, f"{run}-{number}", f"Bench {number}") for number in range(organisations)]
        for name, role in PEOPLE:
            for org in orgs:
                person = NewPerson(f"{name}@{run}.example", name.title(), role, password)
                await founding.add_person(desk, org, person)
        visit = Visit(ORIGIN)
        known = [await commands.authenticate(desk, f"{name}@{run}.example", password, visit) for name, _ in PEOPLE]
        return [await _converse(desk, [await _enter(desk, each, org) for each in known]) for org in orgs]


async def _enter(desk: Desk, known: Known, org: UUID) -> Issued:
    issued = await commands.go_on(desk, known, org, Visit(ORIGIN))
    assert isinstance(issued, Issued)
    return issued


async def _converse(desk: Desk, people: list[Issued]) -> list[Member]:
    """Requesters reach the conversations that they opened, agents all of the organisation."""
    requesters = [issued for issued in people if issued.actor.role is Role.REQUESTER]
    opened: dict[UUID, list[UUID]] = {issued.actor.member: [] for issued in requesters}
    for number in range(CONVERSATIONS):
        opener = requesters[number % len(requesters)].actor
        thread = await threads.open_thread(
            desk, opener, f"Conversation {number}", Draft("Hello."), "api", key=None, origin=ORIGIN
        )
        opened[opener.member].append(thread)
    every = tuple(thread for threads_of_one in opened.values() for thread in threads_of_one)
    return [Member(issued.actor, issued.token, tuple(opened.get(issued.actor.member, every))) for issued in people]


def seats(address: str, crowd: list[list[Member]], connections: int) -> list[Seat]:
    """Seats for `connections`, organisation by organisation in turn; each begins with another conversation than its neighbours."""
    members = [members[place] for place in range(len(PEOPLE)) for members in crowd][:connections]
    return [seat(address, member, number) for number, member in enumerate(members)]


def seat(address: str, member: Member, number: int) -> Seat:
    """A connection of this member, with a session's anti-CSRF token."""
    request = urllib.request.Request(f"{address}/api/v1/session", headers={"cookie": f"__Host-sid={member.token}"})
    with urllib.request.urlopen(request) as answer:
        token = json.load(answer)["csrf_token"]
    turn = number % len(member.threads)
    ids = [str(thread) for thread in member.threads]
    return Seat(member.token, token, ids[turn:] + ids[:turn])
