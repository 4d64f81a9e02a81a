"""T11: replayed or duplicated mutations. One key is one effect and one answer, whoever repeats it and however often at once.

A kill between the commit and its answer, and the repeat after it: `tests/chaos/test_kills.py`.
"""

import asyncio
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from counts import count
from scene import Scene
from sealdesk.people import commands
from sealdesk.people.sessions import Issued, Visit
from sealdesk.web import dispatch
from sealdesk.web.limits import Limiter
from sealdesk.web.outer import Outer
from threats.inside import BASE, desk_of
from threats.test_t08_floods import filled
from threats.test_t09_oversized import let_in, taking
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.11", "agent": "test", "session": ""})
KEYS, TWINS = count(12, 1000), count(8, 20)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(name="app", loop_scope="module")
async def without_limits(stage: World, monkeypatch: pytest.MonkeyPatch) -> Outer:
    for check in ("admit_address", "admit_person", "admit_early", "admit_change"):
        monkeypatch.setattr(Limiter, check, let_in)
    return desk_of(stage)


@pytest_asyncio.fixture(name="client", loop_scope="module")
async def of_an_agent(stage: World, app: Outer) -> httpx.AsyncClient:
    issued = await commands.sign_in(stage.desk, "agent@acme.test", PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
    headers = {"authorization": f"Bearer {issued.token}", "origin": BASE}
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers, timeout=60)


async def rows(world: World) -> tuple[int, int, int]:
    """Messages, conversations and entries."""
    connection = await world.superuser()
    found = await connection.fetchrow(
        "select (select count(*) from app.message), (select count(*) from app.thread), (select count(*) from ledger.entry)"
    )
    await connection.close()
    assert found is not None
    return tuple(found.values())


def grown(before: tuple[int, int, int], after: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(new - old for old, new in zip(before, after, strict=True))


async def repeat(client: httpx.AsyncClient, path: str, body: dict[str, str], key: str) -> httpx.Response:
    return await client.post(path, json=body, headers={"idempotency-key": key})


async def run(world: World, client: httpx.AsyncClient, scene: Scene) -> tuple[int, ...]:
    """Many keys, each sent many times at once; how many messages, conversations and entries there are more."""
    before = await rows(world)
    path = f"/api/v1/threads/{scene.threads[0]}/messages"
    for number in range(KEYS):
        twins = (repeat(client, path, {"body": f"message {number}"}, f"key-{number}") for _ in range(TWINS))
        answers = await asyncio.gather(*twins)
        taken = {answer.json()["id"] for answer in answers if answer.status_code == 201}
        assert taken
        assert {answer.status_code for answer in answers} <= {201, 409, 503}
    return grown(before, await rows(world))


async def test_each_key_has_one_effect_and_one_answer(stage: World, client: httpx.AsyncClient, scene: Scene) -> None:
    assert await run(stage, client, scene) == (KEYS, 0, KEYS)


async def test_another_body_under_the_same_key_is_refused(
    stage: World, client: httpx.AsyncClient, scene: Scene
) -> None:
    path, key = f"/api/v1/threads/{scene.threads[0]}/messages", uuid4().hex
    first = await repeat(client, path, {"body": "one"}, key)
    before = await rows(stage)
    assert (await repeat(client, path, {"body": "two"}, key)).status_code == 422
    again = await repeat(client, path, {"body": "one"}, key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert await rows(stage) == before


async def test_a_ticket_opened_twice_is_one(stage: World, client: httpx.AsyncClient) -> None:
    before, key = await rows(stage), uuid4().hex
    body = {"subject": "Broken lamp", "body": "It is dark."}
    answers = await asyncio.gather(*(repeat(client, "/api/v1/tickets", body, key) for _ in range(TWINS)))
    assert len({answer.text for answer in answers if answer.status_code == 201}) == 1
    assert grown(before, await rows(stage))[:2] == (1, 1)


async def test_every_mutation_says_how_it_bears_a_repeat(app: Outer, client: httpx.AsyncClient) -> None:
    """What creates asks for a key and, without one, does nothing; the rest expects a version, or finds nothing left to do."""
    with_key = 0
    for method, route in taking(app):
        if route.page:
            continue
        assert route.signature.of("key", "expected") or route.repeats, (method, route.path)
        if route.signature.of("key") is None:
            continue
        with_key += 1
        answer = await client.request(method, filled(route.path), json={})
        # Reach and role may be answered first; a request that got past them is told that its key is missing.
        assert answer.status_code in (400, 403, 404), (method, route.path, answer.text)
    assert with_key >= 5


async def test_sabotage(stage: World, client: httpx.AsyncClient, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """If each request had a key of its own, each twin would be a message."""

    def another(_: str | bytes | None) -> str:
        return uuid4().hex

    monkeypatch.setattr(dispatch, "read_idempotency_key", another)
    assert (await run(stage, client, scene))[0] > KEYS
