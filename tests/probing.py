"""One probe: a request with another organisation's id in one place, and the same request with an id that nobody has."""

import random
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from canaries import NO_ADDRESS, Tenant
from direct import Application, Reply
from drafting import Draft, Drafter
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route

ROLES = ("requester", "agent", "admin", "auditor")
_TRIES = 24


@dataclass(frozen=True, slots=True)
class Probe:
    """Where an id stands, whose caller sends it, and the two requests with the id of each."""

    route: Route
    place: str
    role: str
    foreign: tuple[Draft, str]
    absent: tuple[Draft, str]

    @property
    def name(self) -> str:
        """For a report."""
        return f"{self.role}: {self.foreign[0].method} {self.route.path} {self.place}"

    @property
    def in_path(self) -> bool:
        """Whether the id stands in the path."""
        return f"{{{self.place}:str}}" in self.route.path


def probes(application: Application, own: Tenant, other: Tenant, strays: int) -> Iterator[Probe]:
    """For every place where a route takes an id: the id that would fit there by each role, and `strays` of other kinds."""
    roles = cycle(ROLES)
    kinds = cycle(sorted(set(other.ids) - NO_ADDRESS))
    for method, route in application.routes:
        if method == "HEAD" or find_public(PUBLIC, route.path, method):
            continue
        for place in places(route, method):
            fitting = other.thread if place in ("thread", "threads") else other.ids_for(place)[0]
            wanted = [(role, fitting) for role in ROLES]
            wanted += [(next(roles), other.ids[next(kinds)][0]) for _ in range(strays)]
            for number, (role, foreign) in enumerate(wanted):
                yield Probe(
                    route,
                    place,
                    role,
                    (draft(method, route, own, place, foreign, number), foreign),
                    (draft(method, route, own, place, absent := str(uuid4()), number), absent),
                )


def places(route: Route, method: str) -> list[str]:
    """The names under which a route takes ids, in its path, its query and its body."""
    named: set[str] = set()

    def note(name: str) -> str:
        named.add(name)
        return str(uuid4())

    for seed in range(_TRIES):
        Drafter(random.Random(seed), note, stray=0).draft(method, route)
    return sorted(named)


def draft(method: str, route: Route, own: Tenant, place: str, text: str, number: int) -> Draft:
    """A request with `text` in `place` and the organisation's own ids in all others; always the same one for the same `number`."""
    for seed in range(number * _TRIES, (number + 2) * _TRIES):
        named: set[str] = set()

        def fill(name: str, named: set[str] = named) -> str:
            named.add(name)
            return text if name == place else own.thread if name in ("thread", "threads") else own.ids_for(name)[0]

        made = Drafter(random.Random(seed), fill, stray=0).draft(method, route)
        if place in named:
            return made
    raise AssertionError(f"{method} {route.path} does not take {place}")


_ONCE = (
    (re.compile(r"'nonce-[^']+'|nonce=\"[^\"]+\""), "NONCE"),
    (re.compile(r"\"[A-Za-z0-9_-]{86}\""), "CSRF"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "KEY"),
)


def essence(reply: Reply, asked: str = "no id") -> tuple[int, str, list[tuple[str, str]]]:
    """All that a client can see of an answer, but for what is made anew for each and the id that it sent itself."""

    def plain(text: str) -> str:
        for pattern, word in _ONCE:
            text = pattern.sub(word, text)
        return text.replace(reply.exchange.request_id, "REQUEST").replace(asked, "ASKED")

    fields = [(name, plain(value)) for name, value in reply.fields if name not in ("x-request-id", "date")]
    return reply.status, plain(reply.text), fields


_BY_THE_CLOCK = re.compile(r"ledger\.backlog|sec\.touch")
"""What a process asks once a second or a minute, whoever comes."""


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Generator[list[str]]:
    """The SQL that is sent to the database while the block runs, by whichever connection."""
    sent: list[str] = []

    def watched(name: str) -> Any:
        asked = getattr(asyncpg.Connection, name)

        async def ask(connection: Any, query: str, *arguments: Any, **named: Any) -> Any:
            if not _BY_THE_CLOCK.search(query):
                sent.append(re.sub(r"'[^']*'", "''", query))
            return await asked(connection, query, *arguments, **named)

        return ask

    with monkeypatch.context() as patched:
        for name in ("execute", "executemany", "fetch", "fetchrow", "fetchval"):
            patched.setattr(asyncpg.Connection, name, watched(name))
        yield sent
