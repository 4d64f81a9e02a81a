"""T08: floods. Every route of the live table has its limit, says when to come again, and believes nobody about where they come from.

Exact counts over eight processes and over a kill are in `tests/core/test_counters.py`, counted refusals in `tests/record/test_refusals.py`,
and what a flood of sign-ins costs everybody else is figure B11 of the benchmarks.
"""

import re
from collections.abc import Iterator
from itertools import count as counting
from typing import cast
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from sealdesk.access.actor import Actor
from sealdesk.core import production
from sealdesk.core.counters import Memory
from sealdesk.core.faults import Fault
from sealdesk.core.settings import Settings
from sealdesk.people import commands
from sealdesk.people.sessions import Issued, Visit
from sealdesk.web.binding import BadRoute
from sealdesk.web.checks import routes_of
from sealdesk.web.limits import READ, Limit, Limiter
from sealdesk.web.outer import Outer
from sealdesk.web.peers import Peers
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route
from sealdesk.web.routes import get, post
from shape.test_app import compose
from threats.inside import BASE, PROBLEM, client, desk_of
from world import PASSWORD, World

__all__ = ["compose"]

MOST = 2
KINDS = ("address", "person", "target", "org")
VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
_numbers = counting(1)


pytestmark = pytest.mark.asyncio(loop_scope="module")


def elsewhere() -> str:
    """An address that nobody came from yet."""
    number = next(_numbers)
    return f"198.19.{number >> 8}.{number & 255}"


def inner(app: Outer) -> Litestar:
    return cast("Litestar", app.inner)


def table(app: Outer) -> list[tuple[str, Route, Limit]]:
    return routes_with_limits(inner(app))


def routes_with_limits(app: Litestar) -> list[tuple[str, Route, Limit]]:
    """Each method and route of the live table, with the limit that holds for it."""
    found: list[tuple[str, Route, Limit]] = []
    for route in routes_of(app):
        for method in sorted(route.methods - {"HEAD"}):
            row = find_public(PUBLIC, route.path, method)
            found.append((method, route, row.limit if row else route.limit or READ))
    assert len(found) > 60
    return found


def figures(limits: list[Limit], only: str | None = None) -> str:
    """SEALDESK_LIMITS with two a minute for every policy; of one kind alone where `only` names it."""
    return " ".join(
        f"{limit.name}:"
        + ",".join(f"{kind}={MOST}/minute" for kind in KINDS if declares(limit, kind) and only in (None, kind))
        for limit in {limit.name: limit for limit in limits}.values()
        if only is None or declares(limit, only)
    )


def declares(limit: Limit, kind: str) -> bool:
    return getattr(limit, f"per_{kind}") is not None


async def sql(world: World, statement: str) -> list[str]:
    """The first column, as text."""
    connection = await world.superuser()
    rows = await connection.fetch(statement)
    await connection.close()
    return [str(value) for row in rows for value in row.values()]


@pytest_asyncio.fixture(name="world", loop_scope="module")
async def without_counts(stage: World) -> World:
    """A desk that the tests of this file share, without counts and refusals so far."""
    for name in ("counter", "refusal"):
        await sql(stage, f"delete from sec.{name}")
    stage.desk.counters.full = Memory()
    return stage


@pytest_asyncio.fixture(name="token", loop_scope="module")
async def of_the_agent(world: World) -> str:
    """The agent's session."""
    return await session(world, "agent@acme.test")


async def session(world: World, email: str) -> str:
    issued = await commands.sign_in(world.desk, email, PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    return issued.token


async def knock(app: Outer, method: str, path: str, token: str, address: str) -> int:
    """The status of one request. Without its anti-CSRF token a mutation changes nothing, and has been counted all the same."""
    return (await knocked(app, method, path, token, address)).status_code


async def knocked(app: Outer, method: str, path: str, token: str, address: str) -> httpx.Response:
    async with client(app, address, {**PROBLEM, "cookie": f"__Host-sid={token}", "origin": BASE}) as knocking:
        return await knocking.request(method, path)


def filled(path: str) -> str:
    """The path with ids that nobody has."""
    return re.sub(r"{[a-z_]+:str}", lambda _: str(uuid4()), path)


def check(answer: httpx.Response, limit: Limit, kind: str) -> None:
    """A refusal that says by which policy, and when to come again."""
    wait = int(answer.headers["retry-after"])
    assert 1 <= wait <= 60
    assert answer.headers["ratelimit"] == f'"{limit.name}-{kind}";r=0;t={wait}'
    assert f'"{limit.name}-{kind}";q={MOST};w=60' in answer.headers["ratelimit-policy"]
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["violated-policies"] == [f"{limit.name}-{kind}"]


@pytest.mark.parametrize("kind", KINDS)
async def test_each_route_is_driven_to_429(world: World, token: str, kind: str) -> None:
    """By all that its policy counts: an address, a person who comes from everywhere, and one target whoever comes."""
    declared = table(desk_of(world))
    app = desk_of(world, limits=figures([limit for _, _, limit in declared], kind))
    driven = 0
    for method, route, limit in declared:
        if not declares(limit, kind):
            continue
        driven += 1
        await begin_anew(world, app)
        path, address = filled(route.path), elsewhere()
        come_from = [address if kind == "address" else elsewhere() for _ in range(MOST + 1)]
        answers = [await knocked(app, method, path, token, each) for each in come_from]
        assert [answer.status_code == 429 for answer in answers] == [False] * MOST + [True], (method, route.path)
        check(answers[-1], limit, kind)
    assert driven >= {"address": 40, "person": 30, "target": 1, "org": 10}[kind]


async def begin_anew(world: World, app: Outer) -> None:
    """Forget all counts: policies of one name count together."""
    await sql(world, "delete from sec.counter")
    world.desk.counters.full = Memory()
    await inner(app).state.kit.limiter._storage.reset()


async def test_nobody_else_notices(world: World, token: str) -> None:
    """Another person, another address and another target have counts of their own; one target has one count for all."""
    app = desk_of(world, limits="message-post:person=2/minute,address=2/minute,target=2/minute")
    one, other = (f"/api/v1/threads/{uuid4()}/messages" for _ in range(2))
    address = elsewhere()
    assert [await knock(app, "POST", one, token, address) for _ in range(3)] == [403, 403, 429]
    admin = await session(world, "admin@acme.test")
    assert await knock(app, "POST", other, admin, elsewhere()) == 403
    assert await knock(app, "POST", other, admin, address) == 429
    assert await knock(app, "POST", one, await session(world, "auditor@acme.test"), elsewhere()) == 429


async def test_a_conversation_is_one_target_by_every_way_in(world: World, token: str) -> None:
    app = desk_of(world, limits="message-post:target=3/minute")
    thread = uuid4()
    ways = (
        f"/api/v1/threads/{thread}/messages",
        f"/c/{thread}/messages",
        f"/api/v1/threads/{str(thread).upper()}/messages",
    )
    assert [await knock(app, "POST", way, token, elsewhere()) for way in ways] == [403] * 3
    assert [await knock(app, "POST", way, token, elsewhere()) for way in ways] == [429] * 3


async def test_an_organisation_has_one_count_for_all_its_members(world: World, token: str) -> None:
    app = desk_of(world, limits="message-post:org=2/minute")
    admin, elsewhere_at_home = await session(world, "admin@acme.test"), await session(world, "agent@globex.test")
    posts = [(f"/api/v1/threads/{uuid4()}/messages", who) for who in (token, admin, token, elsewhere_at_home)]
    assert [await knock(app, "POST", path, who, elsewhere()) for path, who in posts] == [403, 403, 429, 403]


async def test_another_organisation_uses_up_nothing_here(world: World, token: str) -> None:
    """Whoever knows the id of somebody else's conversation does not make it full."""
    app = desk_of(world, limits="message-post:target=2/minute")
    path, stranger = f"/api/v1/threads/{uuid4()}/messages", await session(world, "agent@globex.test")
    assert [await knock(app, "POST", path, stranger, elsewhere()) for _ in range(3)] == [403, 403, 429]
    assert [await knock(app, "POST", path, token, elsewhere()) for _ in range(3)] == [403, 403, 429]


BUCKETS = "select distinct bucket from sec.refusal where bucket is not null"
FORGERIES = ("x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")


async def forge(app: Outer) -> tuple[list[int], list[str]]:
    """Three attempts from one address that claims to be another each time; the answers, and the addresses it claimed."""
    address, statuses, claimed = elsewhere(), list[int](), list[str]()
    for _ in range(MOST + 1):
        claim = elsewhere()
        claimed.append(claim)
        value = {name: f"for={claim}" if name == "forwarded" else claim for name in FORGERIES}
        async with client(app, address, {**PROBLEM, **value}) as forger:
            statuses.append(
                (await forger.post("/api/v1/session", json={"email": "x@y.test", "password": "x"})).status_code
            )
    return statuses, claimed


async def test_a_forged_address_changes_no_limit_and_no_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    statuses, claimed = await forge(desk_of(world, limits=f"sign-in:address={MOST}/minute"))
    assert statuses == [401, 401, 429]
    assert len(await sql(world, BUCKETS)) == 1
    told = capsys.readouterr()
    assert "rate_limit_violation" in told.out
    assert not [each for each in claimed if each in told.out + told.err]


async def test_production_starts_with_limits_on_and_with_nothing_else() -> None:
    assert Settings.load({}).limits == ""
    off = Settings.load(
        {"SEALDESK_ENV": "production", "SEALDESK_ORIGINS": "https://desk.example", "SEALDESK_LIMITS": "off"}
    )
    with pytest.raises(Fault, match="unset SEALDESK_LIMITS"):
        production.refuse(off, production.look_at_settings(off))


@pytest.mark.parametrize("path", ["/api/v1/exports/all", "/search", "/api/v1/uploads", "/import"])
async def test_a_costly_route_without_a_limit_is_no_route(path: str) -> None:
    """So the application can't even be imported with it, and no build passes."""

    async def handler(actor: Actor) -> None:
        """Do something."""

    with pytest.raises(BadRoute, match="declares its limit"):
        get(path)(handler)
    with pytest.raises(BadRoute, match="declares its limit"):
        post(path, limit=cast("Limit", None))(handler)


async def test_every_mutation_declares_its_limit(composed: Litestar) -> None:
    """No route that changes is without a limit policy, nor under the one of plain reads."""
    mutating = [(route.path, route.limit, limit) for _, route, limit in routes_with_limits(composed) if route.mutates]
    assert len(mutating) > 30
    assert [path for path, own, limit in mutating if own is None or limit is READ] == []


async def open_(*_: object) -> None:
    """What a count looks like that was taken out."""


@pytest.fixture(name="without")
def without_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as patched:
        for name in ("admit_early", "admit_change", "admit_address", "admit_person"):
            patched.setattr(Limiter, name, open_)
        yield patched


async def test_sabotage(world: World, token: str, without: pytest.MonkeyPatch) -> None:
    """Without the counts no route ever says 429, so the test above can fail."""
    del without
    declared = table(desk_of(world))
    app, address = desk_of(world, limits=figures([limit for _, _, limit in declared])), elsewhere()
    for method, route, _ in declared:
        path = filled(route.path)
        assert 429 not in [await knock(app, method, path, token, address) for _ in range(MOST + 1)], (
            method,
            route.path,
        )


async def test_sabotage_of_the_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that believes whoever says where they come from counts nobody twice."""

    def believe(_: Peers, peer: str, forwarded: bytes | None) -> str:
        return forwarded.decode() if forwarded else peer

    monkeypatch.setattr(Peers, "client", believe)
    statuses, _ = await forge(desk_of(world, limits=f"sign-in:address={MOST}/minute"))
    assert statuses == [401] * 3
    assert len(await sql(world, BUCKETS)) == 3
