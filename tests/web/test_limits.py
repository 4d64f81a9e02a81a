"""Limits: exact counts, honest retry fields, and memory that stays bounded."""

import time

import httpx
import pytest

from sealdesk.core.faults import Fault
from sealdesk.web.counters import ProcessCounters
from sealdesk.web.limits import Limit, Limiter, address_bucket, read_policies
from web.conftest import Session
from web.toy import ORIGIN, ToyDesk, make

FEW = "/api/v1/few"


async def call(client: httpx.AsyncClient, session: Session, **headers: str) -> httpx.Response:
    return await client.post(FEW, headers={**session.bearer, **headers})


async def test_exactly_as_many_as_declared(client: httpx.AsyncClient, session: Session, desk: ToyDesk) -> None:
    assert [(await call(client, session)).status_code for _ in range(5)] == [204, 204, 204, 429, 429]
    # The address has two calls left of five... which the refused ones used up, as they count there too.
    assert (await call(client, Session(desk.sign_in()))).status_code == 429


async def test_the_answer_says_when(client: httpx.AsyncClient, session: Session) -> None:
    for _ in range(3):
        await call(client, session)
    answer = await call(client, session)
    assert answer.status_code == 429
    problem = answer.json()
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["violated-policies"] == ["few-person"]
    wait = int(answer.headers["retry-after"])
    assert 58 <= wait <= 60
    assert answer.headers["ratelimit"] == f'"few-person";r=0;t={wait}'
    assert answer.headers["ratelimit-policy"] == '"few-person";q=3;w=60, "few-address";q=5;w=60'
    assert answer.headers["cache-control"] == "no-store"


async def test_an_address_is_counted_before_anybody_is_asked(client: httpx.AsyncClient) -> None:
    statuses = [(await client.post(FEW, headers={"authorization": "Bearer " + "x" * 43})).status_code for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2


@pytest.mark.parametrize("field", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_a_forged_address_changes_nothing(client: httpx.AsyncClient, session: Session, field: str) -> None:
    statuses = [(await call(client, session, **{field: f"10.0.0.{number}"})).status_code for number in range(5)]
    assert statuses == [204, 204, 204, 429, 429]


async def test_a_refusal_costs_no_body(client: httpx.AsyncClient, session: Session, desk: ToyDesk) -> None:
    app = make(desk, limiter=Limiter(ProcessCounters(), {"toy": Limit("toy", per_person="1/minute")}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ORIGIN) as strict:  # pyright: ignore[reportArgumentType]
        fields = {**session.bearer, "content-type": "application/json"}
        assert (await strict.post("/api/v1/any", headers=fields, content=b"{")).status_code == 400
        assert (await strict.post("/api/v1/any", headers=fields, content=b"{")).status_code == 429


async def test_counts_end_with_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = ProcessCounters()
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    assert [await counters.incr("k", 60) for _ in range(3)] == [1, 2, 3]
    assert await counters.get_expiry("k") == 1060
    now = 1059.999
    assert await counters.incr("k", 60) == 4
    now = 1060.0
    assert await counters.get("k") == 0
    assert await counters.incr("k", 60) == 1


async def test_memory_is_bounded() -> None:
    counters = ProcessCounters(most=1000)
    begin = time.perf_counter()
    for number in range(20_000):
        await counters.incr(f"address {number}", 60)
    assert len(counters._windows) <= 1000
    assert await counters.get("address 19999") == 1
    assert time.perf_counter() - begin < 2


async def test_a_target_is_counted_over_people(desk: ToyDesk) -> None:
    limiter = Limiter(ProcessCounters())
    limit = Limit("t", per_target="2/minute")
    from sealdesk.core.errors import TooMany

    await limiter.admit_person(limit, "a", "/x")
    await limiter.admit_person(limit, "b", "/x")
    with pytest.raises(TooMany):
        await limiter.admit_person(limit, "c", "/x")
    await limiter.admit_person(limit, "c", "/y")


def test_addresses() -> None:
    assert address_bucket("192.0.2.1") == "192.0.2.1"
    assert address_bucket("2001:db8::1") == address_bucket("2001:db8::ffff") == "2001:db8::/64"
    assert address_bucket("::ffff:192.0.2.1") == "192.0.2.1"
    assert address_bucket("local") == "local"


def test_a_limit_limits_something() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Limit("none")


def test_an_operator_may_set_figures() -> None:
    policies = read_policies("message-post:person=5/minute,address=9/hour read:target=2/second")
    assert {name: (p.per_person, p.per_address, p.per_target) for name, p in policies.items()} == {
        "message-post": ("5/minute", "9/hour", None),
        "read": (None, None, "2/second"),
    }
    assert read_policies("") == {}


async def test_an_operators_figure_takes_no_other_count_away(session: Session, desk: ToyDesk) -> None:
    """T08: a figure for people leaves the count of addresses as the route declares it."""
    limiter = Limiter(ProcessCounters(), read_policies("few:person=2/minute"))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=make(desk, limiter=limiter)),  # pyright: ignore[reportArgumentType]
        base_url=ORIGIN,
    ) as client:
        assert [(await call(client, session)).status_code for _ in range(3)] == [204, 204, 429]
        others = [(await call(client, Session(desk.sign_in()))).status_code for _ in range(4)]
        assert 429 in others


@pytest.mark.parametrize("text", ["x", "x:", "x:person", "x:person=often", "x:people=5/minute"])
def test_figures_without_sense_are_named(text: str) -> None:
    with pytest.raises(Fault, match="SEALDESK_LIMITS"):
        read_policies(text)
