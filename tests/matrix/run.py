"""The matrix, executed: each cell is made ready, asked, and what came of it is kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from matrix import bodies
from matrix.bodies import Meaning
from matrix.cells import ID, Cell, Predicted, cells_of, closed, denial, is_dead, predict
from matrix.nouns import OWN, Noun, Nouns
from matrix.stage import Holder, Kind, Member, Stage, nobodys
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.account.tokens_queries import grantable
from sealdesk.members.commands import Wanted, change_member
from sealdesk.web.route import Route


@dataclass(frozen=True, slots=True)
class Ready:
    """A cell with all that its request needs."""

    cell: Cell
    holder: Holder
    noun: Noun
    path: str
    sent: dict[str, Any]
    predicted: Predicted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cell answered, and what its `Actor` was asked on the way."""

    cell: Cell
    predicted: Predicted
    status: int
    slug: str
    demanded: frozenset[Permission]
    looked: frozenset[Permission]
    content: bytes

    @property
    def as_predicted(self) -> bool:
        """Whether the status is one that was to be, and so is the reason; pages that come back with what was typed word theirs."""
        return self.status in self.predicted.statuses and (not self.slug or self.slug.endswith(self.predicted.slug))


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that was asked, and by route what the refused requests left in which tables."""

    outcomes: tuple[Outcome, ...]
    left: dict[str, list[str]]


class Runner:
    """Runs the matrix on a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._nouns = Nouns(stage)
        self._gone: dict[Role, Member] = {}

    async def run(self, *, full: bool) -> Run:
        """All of it."""
        await self._nouns.prepare_exports()
        outcomes: list[Outcome] = []
        left: dict[str, list[str]] = {}
        for method, route in closed(self._stage.routes):
            await self._stage.world.seal()  # a record that falls behind takes nothing new
            cells = list(cells_of(method, route, full=full))
            refused = [each for each in cells if self._is_refused(each)]
            made, changed = await self._refuse([await self._ready(each) for each in refused])
            outcomes += made
            if changed:
                left[f"{method} {route.path}"] = changed
            # What may change something is made ready only when it is asked: it may find changed what the one before found.
            for each in cells:
                if each not in refused:
                    outcomes.append(await self._ask(await self._ready(each)))
        return Run(tuple(outcomes), left)

    @staticmethod
    def _is_refused(cell: Cell) -> bool:
        return is_dead(cell) or bool(denial(cell))

    async def _refuse(self, cells: Iterable[Ready]) -> tuple[list[Outcome], list[str]]:
        """The outcomes, and the tables that are not as they were."""
        before = await self._stage.stored()
        outcomes = [await self._ask(each) for each in cells]
        after = await self._stage.stored()
        return outcomes, [name for name, digest in after.items() if before[name] != digest]

    async def _ready(self, cell: Cell) -> Ready:
        changes = cell.route.mutates and not self._is_refused(cell)
        member = await self._who(cell, changes=changes)
        noun = Noun({})
        if cell.noun:
            noun = await self._nouns.make(cell.noun, cell.state, cell.whose, member, fresh=changes)
        holder = await self._holder(cell, member)
        body, sent, query = await self._sent(cell, holder, noun, changes=changes)
        path = ID.sub(lambda match: noun.values[match[1]], cell.route.path)
        return Ready(cell, holder, noun, path + query, sent, predict(cell, noun, body))

    async def _who(self, cell: Cell, *, changes: bool) -> Member:
        """One of the cast, or somebody new where the request may change who they are."""
        if cell.kind in (Kind.DEACTIVATED, Kind.DEACTIVATED_TOKEN):
            if cell.role not in self._gone:
                self._gone[cell.role] = gone = await self._stage.joined(cell.role)
                admin = await self._stage.actor(self._stage.cast(Role.ADMIN))
                await change_member(self._stage.world.desk, admin, gone.id, Wanted(active=False), lambda _: None)
            return self._gone[cell.role]
        if changes and cell.noun != "export":
            return await self._stage.newcomer(cell.role)
        return self._stage.cast(cell.role)

    async def _holder(self, cell: Cell, member: Member) -> Holder:
        match cell.kind:
            case Kind.TOKEN | Kind.DEACTIVATED_TOKEN:
                made = self._stage.mint(member, "token", scopes=cell.demanded or (Permission.LEDGER_READ,))
            case Kind.NARROW:
                carried = set(grantable(Actor(b"", member.org, member.id, member.role))) - set(cell.demanded)
                made = self._stage.mint(member, "token", scopes=carried)
            case Kind.VISITOR:
                made = self._stage.mint(member, "visitor")
            case Kind.INVITATION:
                made = self._stage.mint(member, "invitation")
            case kind:
                made = self._stage.mint(
                    member,
                    unconfirmed=kind is Kind.UNCONFIRMED,
                    moved=kind is Kind.MOVED,
                    held=kind is Kind.HELD,
                    weak=kind is Kind.WEAK,
                    ended=kind is Kind.ENDED,
                )
        return (await made)[0]

    async def _sent(self, cell: Cell, holder: Holder, noun: Noun, *, changes: bool) -> tuple[Any, dict[str, Any], str]:
        """Body, request options and query."""
        route = cell.route
        meaning = await self._meaning(cell, holder, noun, changes=changes)
        body = bodies.body_of(route, meaning)
        if cell.says:
            body = bodies.saying(body or {}, cell.says)
        query = bodies.query_of(route, meaning)
        version = '"999"' if cell.stale else "*"
        sent: dict[str, Any] = {"headers": {"if-match": version, "idempotency-key": uuid4().hex}}
        if route.signature.json:
            sent["json"] = body
        elif route.mutates and route.page:
            kit = {"idempotency_key": uuid4().hex} if route.signature.of("key") else {}
            kit |= {"version": version} if route.signature.of("expected") else {}
            sent["form"] = {**kit, **(body or {})}
        return body, sent, f"?{urlencode(query)}" if query else ""

    async def _meaning(self, cell: Cell, holder: Holder, noun: Noun, *, changes: bool) -> Meaning:
        member, there = holder.member, self._stage.world.globex.org
        parameter = cell.route.signature.json or cell.route.signature.form
        names = {each.name for each in bodies.fields_of(parameter.type)} if parameter else set[str]()
        if changes and "organisation" in names:
            await self._stage.joined(member.role, there, email=member.email)
        thread = await self._nouns.conversation("open", OWN)
        if changes and {"scope", "threads"} & names:
            await self._nouns.make("thread", "open", OWN, member, fresh=False)
        if changes and not cell.noun and cell.route.path.endswith("/erasure"):
            await self._nouns.unread.turn(member.org, {"act=ask": "off", "act=off": "on"}.get(cell.says, "asked"))
        held = (
            await self._nouns.unread.held(UUID(noun.values["thread"]))
            if changes and "hold" in names
            else UUID(nobodys())
        )
        return Meaning(
            thread,
            there,
            self._stage.world.acme.stranger.member,
            held,
            self._stage.world.acme.agent.member,
            await bodies.begun(self._stage, cell.route, holder, allowed=changes),
        )

    async def _ask(self, ready: Ready) -> Outcome:
        answer = await self._stage.ask(ready.holder, ready.cell.method, ready.path, ready.sent)
        seen = frozenset(self._stage.demanded), frozenset(self._stage.looked)
        return Outcome(ready.cell, ready.predicted, answer.status, answer.slug, *seen, answer.content)


def routes_in(run: Run) -> set[tuple[str, str]]:
    """Method and path of all that was asked."""
    return {(each.cell.method, each.cell.route.path) for each in run.outcomes}


def listed(outcomes: Iterable[Outcome]) -> str:
    """Outcomes in sentences, for a failing test."""
    return "\n".join(
        f"{each.cell}: {sorted(each.predicted.statuses)} {each.predicted.slug} was to be, {each.status} {each.slug} is"
        f"{' ' + each.content[:300].decode(errors='replace') if each.slug else ''}"
        for each in outcomes
    )


def route_name(route: Route, method: str) -> str:
    """As a person names it."""
    return f"{method} {route.path}"
