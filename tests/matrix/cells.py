"""The cells of the matrix, made of the route table, and the answer each is to have: from GRANTS, CONFIRMED and the noun's state."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from matrix.nouns import ANOTHERS, FOREIGN, OWN, STATES, Noun
from matrix.stage import DEAD, ROLES, TOKENS, Kind
from sealdesk.access.permissions import (
    CONFIRMED,
    GRANTS,
    NEVER_BY_TOKEN,
    OF_INVITATIONS,
    OF_THE_UNFINISHED,
    OF_VISITORS,
    Permission,
    Role,
)
from sealdesk.core.errors import Refusal
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route

ID = re.compile(r"{([a-z_]+):str}")
SAYS: dict[tuple[str, str], tuple[str, ...]] = {
    ("PATCH", "/api/v1/threads/{thread:str}/ticket"): ("status=solved",),
    ("PATCH", "/api/v1/members/{member:str}"): ("role=auditor", "active=true", "active=false"),
    ("POST", "/members/{member:str}/access"): ("active=yes", "active=no"),
}
"""What else to say where a body that says the least changes nothing."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One request of the matrix. `says` is a field that is said in particular, `stale` brings a version that is over."""

    method: str
    route: Route
    role: Role
    kind: Kind = Kind.SESSION
    state: str = ""
    whose: str = OWN
    says: str = ""
    stale: bool = False

    @property
    def noun(self) -> str:
        """What the path names; empty where it names nothing."""
        return noun_of(self.route.path)

    @property
    def demanded(self) -> tuple[Permission, ...]:
        """What the route declares to demand of this request."""
        said = self.route.saying.get(self.says)
        names = said if said is not None else ((self.route.permission,) if self.route.permission else ())
        return tuple(Permission(name) for name in names)

    def __str__(self) -> str:
        parts = (self.says, self.state, self.whose if self.noun else "", "stale" if self.stale else "")
        return f"{self.method} {self.route.path} as {self.role} by a {self.kind} ({', '.join(p for p in parts if p) or '-'})"


@dataclass(frozen=True, slots=True)
class Predicted:
    """The statuses that a cell may answer with, and the last word of the problem's type where it is one."""

    statuses: frozenset[int]
    slug: str = ""

    @property
    def allowed(self) -> bool:
        """Whether it is to succeed."""
        return min(self.statuses) < 400


_ASKED_AGAIN = {Kind.UNCONFIRMED: "confirm-first", Kind.MOVED: "confirm-first", Kind.HELD: "held-back"}
ALLOWED = Predicted(frozenset({200, 201, 202, 204, 303}))


def closed(routes: list[Route]) -> list[tuple[str, Route]]:
    """Method and route of all that is not public. HEAD is GET without a body, by the same handler."""
    return [
        (method, route)
        for route in routes
        for method in sorted(route.methods - {"HEAD"})
        if not find_public(PUBLIC, route.path, method)
    ]


def noun_of(path: str) -> str:
    """The thing that a path is about: of several the last."""
    names: list[str] = ID.findall(path)
    word = path.rpartition("/")[2]
    if not names:
        return "factor" if word == "recovery-codes" else ""
    if "/recovery" in path:
        return "recovery"
    if word == "vouch":
        return "held session"
    return "organisation's token" if path.startswith(("/organisation/", "/api/v1/organisation/")) else names[-1]


def cells_of(method: str, route: Route, *, full: bool) -> Iterator[Cell]:
    """Each role under each kind of session and token, in each state of what the path names; `full` crosses them all."""
    noun = noun_of(route.path)
    assert not noun or noun in STATES, (
        f"{route.path}: say in nouns.py how to make a {noun}, in which states, and who reaches it"
    )
    states = STATES.get(noun, ("",))
    for says in says_of(method, route):
        # What is another's answers by reach alone (T03 walks it for everybody): each role has its turn, by the route.
        first = sum(route.path.encode())
        turn = {ROLES[first % len(ROLES)]}
        for role in ROLES:
            plain = Cell(method, route, role, state=states[0], says=says)
            for kind in kinds_for(plain, full=full):
                yield replace(plain, kind=kind)
                if full:
                    yield from (replace(plain, kind=kind, state=state) for state in states[1:])
            if not full and (role in turn or all(permission in GRANTS[role] for permission in plain.demanded)):
                # Whoever may not is refused before the state is looked at.
                yield from (replace(plain, state=state) for state in states[1:])
            if ID.search(route.path) and (full or role in turn):
                yield from (replace(plain, whose=whose) for whose in (ANOTHERS, FOREIGN))
            if route.signature.of("expected"):
                yield replace(plain, stale=True)


def kinds_for(cell: Cell, *, full: bool) -> tuple[Kind, ...]:
    """A session for each role, and all other kinds for one of those that may: each role has its turn, by the route."""
    may = [role for role in ROLES if all(permission in GRANTS[role] for permission in cell.demanded)]
    chosen = may[sum(cell.route.path.encode()) % len(may)]
    if full:
        return tuple(Kind)
    if cell.role is chosen:
        # Two of the kinds on each route, two others on the next.
        sixth = sum(cell.route.path.encode()) // len(may) % 6
        return tuple(kind for place, kind in enumerate(Kind) if kind is Kind.SESSION or place % 6 == sixth)
    return (Kind.SESSION, Kind.VISITOR) if cell.role is Role.REQUESTER else (Kind.SESSION,)


def says_of(method: str, route: Route) -> tuple[str, ...]:
    """What requests of this route may say that makes a difference."""
    return (*SAYS.get((method, route.path), ("",)), *route.saying)


def predict(cell: Cell, noun: Noun, body: Any) -> Predicted:
    """The answer that a cell is to have."""
    if is_dead(cell):
        return Predicted(frozenset({401}), "signed-out")
    why = denial(cell)
    if why:
        # A thing that is not there, or not in reach, may be said to be so before it is asked who may.
        there = noun.reached and not _refused(cell, noun, body, only=404)
        return Predicted(frozenset({403}), why) if there else Predicted(frozenset({403, 404}))
    if not noun.reached or _refused(cell, noun, body, only=404):
        return Predicted(frozenset({404}), "not-found")
    if cell.stale:
        return Predicted(frozenset({412}), "stale")
    refusal = _refused(cell, noun, body)
    return Predicted(frozenset({refusal.status}), refusal.slug) if refusal else ALLOWED


def is_dead(cell: Cell) -> bool:
    """Whether the session or token is nobody's: one that ended, and a visit of somebody who is no requester."""
    return cell.kind in DEAD or (cell.kind is Kind.VISITOR and cell.role is not Role.REQUESTER)


def denial(cell: Cell) -> str:
    """Why the actor may not, as the word of the refusal; empty where it may."""
    for permission in cell.demanded:
        if permission not in GRANTS[cell.role] or permission in OF_INVITATIONS:
            return "not-permitted"
        if cell.kind is Kind.VISITOR and permission not in OF_VISITORS:
            return "not-permitted"
        if cell.kind in TOKENS and (permission in NEVER_BY_TOKEN or cell.kind is Kind.NARROW):
            return "not-permitted"
        if cell.kind is Kind.WEAK and permission not in OF_THE_UNFINISHED:
            return "factor-needed"
        if cell.route.confirms and permission in CONFIRMED and cell.kind in _ASKED_AGAIN:
            return _ASKED_AGAIN[cell.kind]
    # What staff ask for shows internal notes, which a token with just what the route demands does not read.
    if cell.kind is Kind.TOKEN and cell.role is not Role.REQUESTER and cell.route.path.endswith("{export:str}/bundle"):
        return "not-permitted"
    return ""


def _refused(cell: Cell, noun: Noun, body: Any, only: int | None = None) -> Refusal | None:
    """What the state of the noun says to the verb."""
    try:
        noun.judge(cell.method, cell.route.path.rpartition("/")[2], body)
    except Refusal as refusal:
        return refusal if only in (None, refusal.status) else None
    return None
