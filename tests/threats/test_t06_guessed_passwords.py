"""T06: passwords are guessed: one account from many addresses, many accounts from one, and in a flood (ASVS V6.3.1, V6.3.5, V6.3.8)."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count as counting

import httpx
import pytest
import pytest_asyncio
from argon2 import Type, extract_parameters

from account.test_passwords import mann_whitney_z
from counts import count
from running import RunningDesk
from sealdesk.access.permissions import Role
from sealdesk.core import clock
from sealdesk.core.counters import Memory, key_of
from sealdesk.core.errors import Overloaded, SignedOut, TooMany
from sealdesk.people import commands, guard, passwords
from sealdesk.people.sessions import Issued, Visit
from sealdesk.web.limits import Limiter
from threats.inside import BASE, PROBLEM, client, desk_of
from threats.test_t24_events import event_of
from world import PASSWORD, World

AGENT, NOBODY = "agent@acme.test", "adent@acme.test"
VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
SURE = 3.3
"""Standard deviations: of two samples from one distribution, one pair in a thousand lies further apart."""
_numbers = counting(1)


pytestmark = pytest.mark.asyncio(loop_scope="module")


def elsewhere() -> str:
    """An address that nobody came from yet."""
    number = next(_numbers)
    return f"198.18.{number >> 8}.{number & 255}"


async def sql(world: World, statement: str, *arguments: object) -> None:
    """Change what stands in the database past the desk, which is not to go by what it remembers."""
    connection = await world.superuser()
    await connection.execute(statement, *arguments)
    await connection.close()
    world.desk.counters.full = Memory()


@pytest_asyncio.fixture(name="world", loop_scope="module")
async def without_counts(stage: World) -> World:
    """A desk that the tests of this file share, with no attempts counted yet."""
    await sql(stage, "delete from sec.counter")
    return stage


async def guess(world: World, password: str, visit: Visit = VISIT, email: str = AGENT) -> int:
    """The status of one attempt."""
    try:
        return 200 if isinstance(await commands.sign_in(world.desk, email, password, None, visit), Issued) else 0
    except (SignedOut, TooMany, Overloaded) as refusal:
        return refusal.status


async def test_one_account_from_many_addresses(running_desk: RunningDesk) -> None:
    """Ten guesses in a quarter of an hour, wherever from; then nobody but a browser that the account knows, and each one is an event."""
    (person,) = running_desk.populate("guessed", ("Gus", Role.AGENT))
    known = running_desk.client(person)
    body = {"email": person.email, "password": "a wrong guess"}
    answers = [
        running_desk.client().post("/api/v1/session", json=body, headers=PROBLEM) for _ in range(guard.PER_ACCOUNT + 2)
    ]
    assert [answer.status_code for answer in answers] == [401] * guard.PER_ACCOUNT + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= guard.WINDOW
    right = {"email": person.email, "password": person.password}
    assert running_desk.client().post("/api/v1/session", json=right, headers=PROBLEM).status_code == 429
    assert known.act("POST", "/api/v1/session", json=right).status_code == 200
    assert running_desk.client().post("/api/v1/session", json=right, headers=PROBLEM).status_code == 200
    failed, locked = ("failed_login", "authn_login_fail"), ("soft_lock", "authn_login_lock")
    wanted = [failed] * guard.PER_ACCOUNT + [locked, ("rate_limit_violation", "excess_rate_limit_exceeded")]
    for answer, names in zip(answers, wanted, strict=True):
        record = event_of(running_desk, answer.headers["x-request-id"])
        assert (record["event"], record["owasp"]) == names
        assert (record["org"], record["member"]) == (str(running_desk.orgs["guessed"]), str(person.member))


async def test_many_accounts_from_one_address(world: World) -> None:
    """Spraying ends after twenty in a minute; another address is not touched."""
    app = desk_of(world)
    async with client(app, elsewhere()) as sprayer, client(app, elsewhere()) as other:
        tries = [{"email": f"{n}@acme.test", "password": "x"} for n in range(21)]
        answers = [await sprayer.post("/api/v1/session", json=body) for body in tries]
        assert [answer.status_code for answer in answers] == [401] * 20 + [429]
        assert answers[-1].headers["ratelimit-policy"] == '"sign-in-address";q=20;w=60'
        assert answers[-1].headers["ratelimit"] == f'"sign-in-address";r=0;t={answers[-1].headers["retry-after"]}'
        right = {"email": AGENT, "password": PASSWORD}
        assert (await sprayer.post("/api/v1/session", json=right)).status_code == 429
        assert (await other.post("/api/v1/session", json=right)).status_code == 200


async def test_one_organisation_from_everywhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every account once, from an address each: then the right password does not do alone, but from a browser that the account knows."""
    known = await commands.sign_in(world.desk, AGENT, PASSWORD, None, VISIT)
    assert isinstance(known, Issued)
    monkeypatch.setattr(guard, "PER_ORGANISATION", 3)
    names = ("requester", "stranger", "agent")
    assert [await guess(world, "x", email=f"{name}@acme.test") for name in names] == [401] * 3
    assert await guess(world, PASSWORD, email="auditor@acme.test") == 401
    assert await guess(world, PASSWORD, replace(VISIT, device=known.device)) == 200
    assert await guess(world, PASSWORD, email="agent@globex.test") == 200


@pytest_asyncio.fixture(name="ends", loop_scope="module")
async def locked(world: World, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """When the window of an account ends for which too many guesses came."""
    monkeypatch.setattr(guard, "PER_ACCOUNT", 1)
    assert [await guess(world, "x") for _ in range(2)] == [401, 429]
    name = f"sign-in/account/{AGENT}"
    return (await world.desk.counters.counts(name))[name].until


@pytest.fixture(name="now")
def clock_of_the_test() -> Iterator[list[datetime]]:
    """The clock shows the one time in this list."""
    now = [clock.now()]
    clock.set_source(lambda: now[0])
    yield now
    clock.set_source(None)


async def test_retry_after_is_right_to_the_second(world: World, ends: datetime, now: list[datetime]) -> None:
    """Whoever waits as long as told is let in; a second less is too little."""
    app = desk_of(world)
    tick = timedelta(microseconds=1)
    for left, told in (
        (timedelta(seconds=10), 10),
        (timedelta(seconds=10) + tick, 11),
        (timedelta(seconds=9) + tick, 10),
    ):
        now[0] = ends - left
        async with client(app, elsewhere()) as stranger:
            answer = await stranger.post("/api/v1/session", json={"email": AGENT, "password": PASSWORD})
        assert (answer.status_code, int(answer.headers["retry-after"])) == (429, told)
    move = "update sec.counter set until = clock_timestamp() + make_interval(secs => $2) where key = $1"
    key = key_of(f"sign-in/account/{AGENT}")
    await sql(world, move, key, 1)  # all but one second went by
    assert await guess(world, PASSWORD) == 429
    await sql(world, move, key, 0)
    assert await guess(world, PASSWORD) == 200


def seen(answer: httpx.Response, email: str) -> tuple[int, str, list[tuple[str, str]]]:
    """All that a client sees of an answer, but for what differs with every request: ids, nonces, tokens, and the address it sent itself."""
    text = re.sub(
        r'[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{40,}|nonce="[^"]+"', "ID", answer.text.replace(email, "EMAIL")
    )
    fields = [
        (name, re.sub(r"[0-9a-f-]{36}|[A-Za-z0-9_+/=-]{20,}", "ID", value)) for name, value in answer.headers.items()
    ]
    return answer.status_code, text, sorted(fields)


@pytest.mark.parametrize("accept", ["application/problem+json", "text/html"])
async def test_nothing_tells_a_known_account_from_an_unknown_one(
    world: World, accept: str, now: list[datetime]
) -> None:
    """Status, body and header fields, before and after the lock, over JSON and on the page."""
    app = desk_of(world)
    for email in (AGENT, NOBODY):
        for _ in range(guard.PER_ACCOUNT - 1):
            await guard.admit(world.desk.counters, guard.Attempt(email, None, ()))
    ends = clock.now() + timedelta(seconds=300)
    await sql(world, "update sec.counter set until = $1", ends)
    for status in (401, 429):
        views = [seen(await attempt(app, email, accept), email) for email in (AGENT, NOBODY)]
        assert views[0] == views[1]
        assert views[0][0] == status


async def attempt(app: object, email: str, accept: str) -> httpx.Response:
    """A wrong password, over JSON or by the form."""
    async with client(app, elsewhere(), {"accept": accept}) as stranger:  # pyright: ignore[reportArgumentType]
        if accept != "text/html":
            return await stranger.post("/api/v1/session", json={"email": email, "password": "x"})
        page = await stranger.get("/sign-in")
        csrf = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
        (cookie,) = re.findall(r"(__Host-pre[a-z]*=[^;]+);", str(page.headers.get_list("set-cookie")))
        form = {"email": email, "password": "x", "next": "/", "csrf": csrf}
        return await stranger.post("/sign-in", data=form, headers={"cookie": cookie, "origin": BASE})


async def distance(world: World, repetitions: int) -> float:
    """How far the durations of wrong guesses at a known and an unknown account lie apart, in standard deviations."""
    known, unknown = list[float](), list[float]()
    both = ((known, AGENT), (unknown, NOBODY))
    for number in range(repetitions):
        await sql(world, "delete from sec.counter")
        for times, email in both if number % 2 else reversed(both):
            began = time.perf_counter()
            assert await guess(world, "x", email=email) == 401
            times.append(time.perf_counter() - began)
    return mann_whitney_z(known, unknown)


async def test_nor_does_the_time_it_takes(world: World) -> None:
    """ASVS V6.3.8: the hash is computed for nobody too."""
    assert await distance(world, count(24, 500)) < SURE


async def test_a_guess_costs_what_owasp_asks_for(world: World) -> None:
    """19 MiB and two passes for every stored hash, and for what is computed for nobody; what that takes is measured by B11."""
    connection = await world.superuser()
    rows = await connection.fetch("select password_hash from sec.person")
    await connection.close()
    await passwords.verify("x", None)
    (decoy,) = passwords._work.decoys.values()
    assert len(rows) == 10
    for encoded in (*(row["password_hash"] for row in rows), decoy):
        found = extract_parameters(encoded)
        assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (Type.ID, 19_456, 2, 1)
        assert (found.salt_len, found.hash_len) == (16, 32)


async def test_a_flood_of_strangers_keeps_no_known_browser_out(world: World) -> None:
    """Where every place in line is taken, strangers are sent away and nothing is counted against the account."""
    known = await commands.sign_in(world.desk, AGENT, PASSWORD, None, VISIT)
    assert isinstance(known, Issued)
    with ExitStack() as crowd:
        for _ in range(passwords.MOST_WAITING):
            crowd.enter_context(passwords.place())
        for _ in range(guard.PER_ACCOUNT + 1):
            assert await guess(world, PASSWORD) == 503
        assert await guess(world, PASSWORD, replace(VISIT, device="A" * 43)) == 503
        assert await guess(world, PASSWORD, replace(VISIT, device=known.device)) == 200
    assert await guess(world, PASSWORD) == 200


async def let_in(*_: object) -> int:
    """What a count looks like that was taken out."""
    return 1


def remember_nothing(*_: object) -> None:
    """A memory of refusals that was taken out."""


async def run(world: World, app: object) -> int:
    """How many of thirty guesses from one address are answered, the last of which is right."""
    async with client(app, elsewhere()) as attacker:  # pyright: ignore[reportArgumentType]
        tries = [{"email": AGENT, "password": "x"} for _ in range(29)] + [{"email": AGENT, "password": PASSWORD}]
        statuses = [(await attacker.post("/api/v1/session", json=body)).status_code for body in tries]
    return statuses.index(200) if 200 in statuses else -1


async def test_sabotage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either count alone stops the run; without both the thirtieth guess is in, so the tests above can fail."""
    app = desk_of(world)
    assert await run(world, app) == -1
    with monkeypatch.context() as without:
        without.setattr(guard, "admit", let_in)
        without.setattr(guard, "refuse_known", remember_nothing)
        assert await run(world, app) == -1
        without.setattr(Limiter, "admit_early", let_in)
        without.setattr(Limiter, "admit_change", let_in)
        assert await run(world, app) == 29


async def test_sabotage_of_the_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the work for nobody, the clock tells who has an account."""
    real = passwords._verify

    def idle_for_nobody(password: str, encoded: str | None, *, hide: bool) -> bool:
        return encoded is not None and real(password, encoded, hide=hide)

    monkeypatch.setattr(passwords, "_verify", idle_for_nobody)
    assert await distance(world, 16) > SURE
