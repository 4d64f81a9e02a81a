"""The walk through two organisations full of canaries: who goes, what they ask for, and what may not come back.

The requests are drafted from the live route table (`drafting`), so a new route is walked without anybody saying so here, and every id
comes from the database (`canaries`), so a new table's are asked for too.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import cast
from uuid import uuid4

from canaries import ID, ROLES, Tenant, kinds_in, leaked, name_browsers, traces
from direct import PROBLEM, Application, Caller, Reply
from drafting import Draft, Drafter
from sealdesk.web.route import Route

EVERY, AT_ONCE = 100, 8
"""After so many requests what the walkers are is put right: an admin among them takes away what admins can."""
MODES = ("own", "own", "foreign", "foreign", "mixed", "absent", "malformed")
NONSENSE = (
    "nonsense",
    "0",
    "-1",
    "'; select 1; --",
    "..",
    "%00",
    "\N{FULLWIDTH DIGIT ZERO}" * 32,
    "a" * 300,
    "00000000-0000-0000-0000-000000000000",
)


HIDDEN = {"requester": {"note", "other"}, "stranger": {"note", "subject"}}
"""What of its own organisation's words a requester must not see: internal notes, and the other requester's conversation."""


@dataclass(slots=True)
class Town:
    """The two organisations, and what was seen in them."""

    application: Application
    tenants: tuple[Tenant, Tenant]
    factors: str | None = None
    """As they were when the walk began."""
    seen: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))
    statuses: Counter[int] = field(default_factory=Counter[int])
    leaks: list[tuple[str, str, set[bytes]]] = field(default_factory=list[tuple[str, str, set[bytes]]])
    untold: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    faults: list[tuple[str, Draft]] = field(default_factory=list[tuple[str, Draft]])


@dataclass(frozen=True, slots=True)
class Step:
    """One request of the walk: of which organisation, of whom (by role), and what."""

    own: Tenant
    other: Tenant
    role: str
    draft: Draft

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.draft.method in ("GET", "HEAD")


class Walker:
    """Drafts requests of one organisation's people, with ids of both."""

    def __init__(self, chance: random.Random, own: Tenant, other: Tenant) -> None:
        self._chance = chance
        self._own = own
        self._other = other
        self._mode = "own"
        self._drafter = Drafter(chance, self._id)

    def step(self, method: str, route: Route) -> Step:
        """The next request, by one of the organisation's people or now and then by nobody."""
        self._mode = self._chance.choice(MODES)
        role = "nobody" if self._chance.random() < 0.05 else self._chance.choice(list(self._own.callers))
        draft = self._drafter.draft(method, route)
        return Step(self._own, self._other, role, draft if self._chance.random() < 0.9 else self._spoilt(draft))

    def _spoilt(self, draft: Draft) -> Draft:
        """The same with a query that nobody asked for, with a member too many, or with something else for its body."""
        stray = self._chance.choice(self._other.ids_for("org"))
        match self._chance.randrange(3):
            case 0:
                return replace(draft, target=f"{draft.target}{'&' if '?' in draft.target else '?'}org_id={stray}")
            case 1 if draft.form is not None:
                return replace(draft, form={**draft.form, "org_id": stray})
            case 1 if isinstance(draft.document, dict):
                return replace(draft, document={**cast("dict[str, object]", draft.document), "org_id": stray})
            case _:
                return (
                    replace(draft, document=[stray, None], form=None) if draft.method not in ("GET", "HEAD") else draft
                )

    def _id(self, name: str) -> str:
        mode = self._chance.choice(("own", "foreign")) if self._mode == "mixed" else self._mode
        match mode:
            case "own" | "foreign":
                return self._chance.choice((self._own if mode == "own" else self._other).ids_for(name))
            case "absent":
                return str(uuid4())
            case _:
                return self._chance.choice([*NONSENSE, self._other.ids_for(name)[0].upper()])


def plan(town: Town, number: int, served: Sequence[tuple[str, Route]]) -> Iterator[Step]:
    """`number` requests: for what each organisation wrote and whom it has, then every route as often, in an order that stays the same."""
    chance = random.Random(20_261_126)
    one, two = town.tenants
    walkers = [Walker(chance, one, two), Walker(chance, two, one)]
    begun = [
        Step(own, other, "admin", Draft("GET", path))
        for own, other in ((one, two), (two, one))
        for path in (
            "/api/v1/members",
            *(f"/api/v1/threads/{each}/messages" for each in sorted(own.ids_for("thread"))[:6]),
        )
    ]
    yield from begun
    order = [served[index % len(served)] for index in range(number - len(begun))]
    chance.shuffle(order)
    for index, (method, route) in enumerate(order):
        yield walkers[index % 2].step(method, route)


async def walk(town: Town, steps: Iterator[Step]) -> None:
    """Send the requests, and look at every byte that comes back: of a hundred first those that read, several at once."""
    watch = Watch(town)
    while hundred := list(islice(steps, EVERY)):
        await put_right(town)
        reading = [step for step in hundred if step.reads]
        for start in range(0, len(reading), AT_ONCE):
            await asyncio.gather(*(watch.take(step) for step in reading[start : start + AT_ONCE]))
        for step in hundred:
            if not step.reads:
                await watch.take(step)


class Watch:
    """Sends a step and writes down what was wrong with its answer."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._marks = {tenant.mark: traces(tenant.mark) for tenant in town.tenants}
        self._ids = {tenant.mark: tenant.everything() for tenant in town.tenants}
        self._told: dict[str, set[bytes]] = {tenant.mark: set() for tenant in town.tenants}
        self._windows = cycle((True, False, False))

    async def take(self, step: Step) -> None:
        """One step."""
        town, own, other, draft = self._town, step.own.mark, step.other.mark, step.draft
        caller = step.own.callers.get(step.role) or Caller(town.application)
        reply = await send(caller, draft, as_browser=next(self._windows))
        place, named = f"{draft.method} {reply.exchange.route}", set(ID.findall(draft.words.lower().encode()))
        # What an organisation's own people wrote is theirs, if it is another's id: it is in their subjects from then on.
        found = leaked(reply.sent, self._marks[other], self._ids[other] - self._ids[own] - self._told[own] - named)
        kinds = kinds_in(reply.sent, own)
        if found := found | {kind.encode() for kind in kinds & HIDDEN.get(step.role, set())}:
            town.leaks.append((place, step.role, found))
        if reply.status >= 400 and reply.exchange.refusal is None:
            town.untold.append((place, reply.status))
        if reply.status >= 500:
            town.faults.append((place, draft))
        if reply.status < 400 and not step.reads:
            self._told[own] |= named
        town.statuses[reply.status] += 1
        town.seen[own] |= kinds


async def send(caller: Caller, draft: Draft, *, as_browser: bool) -> Reply:
    """One request, as a browser's window or as a program asks."""
    accept = "text/html" if as_browser and not draft.target.startswith("/api/") else PROBLEM
    fields = {"accept": accept}
    return await caller.ask(draft.method, draft.target, document=draft.document, form=draft.form, fields=fields)


async def put_right(town: Town) -> None:
    """Seal what was recorded, and give back what a walker may have taken: roles, factors, sessions, the rules of signing in."""
    await town.application.world.seal()
    superuser = await town.application.world.superuser()
    await superuser.execute("delete from app.setting; delete from sec.counter")
    if town.factors is None:
        town.factors = await superuser.fetchval("select coalesce(jsonb_agg(f), '[]')::text from sec.factor f")
    await superuser.execute(
        "insert into sec.factor select * from jsonb_populate_recordset(null::sec.factor, $1::text::jsonb)"
        " on conflict do nothing",
        town.factors,
    )
    for tenant in town.tenants:
        actors = [getattr(tenant.cast, role) for role in ROLES]
        # Who keeps the last admin sees none without a context, and lets nobody take the role away.
        await superuser.execute("alter table app.member disable trigger keep_an_admin")
        await superuser.execute(
            "update app.member m set active = true, invited = false, role = k.role from unnest($2::uuid[], $3::text[]) k (id, role)"
            " where m.org_id = $1 and m.member_id = k.id",
            tenant.cast.org,
            [actor.member for actor in actors],
            [str(actor.role) for actor in actors],
        )
        await superuser.execute("alter table app.member enable trigger keep_an_admin")
        await superuser.execute(
            "update sec.session set ended_at = null, weak = false, confirmed_at = now(), seen_at = now(), idle_for = '1 day',"
            " hard_until = now() + interval '1 day', held_until = null where org_id = $1 and kind <> 'invitation'",
            tenant.cast.org,
        )
        await name_browsers(superuser, tenant)
    await superuser.close()
