"""T18: polling changes something, or shows more than reading does.

Every GET of the live route table is asked by every role, and the whole database compared; a GET that waits asks the same question as one
that does not (`tests/threads/test_waiting.py`), and its answer is kept by its ETag.
"""

import random
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from canaries import ROLES, Tenant, ids_of
from direct import Application, Reply, seat, serve, stored
from drafting import Drafter
from sealdesk.threads import waiting
from sealdesk.unit import Desk
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route
from world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECORDED = {"/api/v1/exports/{export:str}/bundle", "/exports/{export:str}/bundle"}
"""Downloads: that evidence left the desk is an entry."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def acme(stage: World) -> AsyncIterator[Tenant]:
    """One of each role, with a conversation."""
    application, tenant = serve(stage, stage.folder), Tenant(stage.acme)
    for role in ROLES:
        tenant.callers[role] = await seat(application, getattr(stage.acme, role))
    opened = await tenant.callers["requester"].ask("POST", "/api/v1/tickets", document={"subject": "a", "body": "b"})
    tenant.thread = opened.json()["id"]
    tenant.ids = await ids_of(application, tenant)
    await stage.seal()
    yield tenant


def reading(application: Application) -> list[Route]:
    """Every route of the live table that is read by GET and not public."""
    return [
        route for method, route in application.routes if method == "GET" and not find_public(PUBLIC, route.path, "GET")
    ]


async def get(tenant: Tenant, role: str, route: Route, seed: int) -> Reply:
    def own(name: str) -> str:
        return tenant.thread if name.startswith("thread") else tenant.ids_for(name)[0]

    draft = Drafter(random.Random(seed), own, stray=0).draft("GET", route)
    return await tenant.callers[role].ask("GET", draft.target)


async def changed(tenant: Tenant, routes: list[Route]) -> list[str]:
    """The routes whose GET left another database behind."""
    world, found = tenant.callers["admin"].application.world, list[str]()
    before = await stored(world)
    for route in routes:
        for number, role in enumerate(ROLES):
            reply = await get(tenant, role, route, number)
            assert reply.status < 500, (role, route.path, reply.text)
        after = await stored(world)
        if after != before:
            found.append(route.path)
            before = after
    return found


async def test_no_get_changes_anything(acme: Tenant) -> None:
    """But for downloads, which are on record."""
    routes = reading(acme.callers["admin"].application)
    assert len(routes) > 30
    assert {route.path for route in routes} >= {"/api/v1/threads/{thread:str}/messages", "/c/{thread:str}/news"}
    assert set(await changed(acme, routes)) <= RECORDED


async def test_what_waits_is_the_same_question(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte, with the same ETag; 404 and 403 do not wait at all."""
    monkeypatch.setattr(waiting, "WITHOUT_BELLS", 0.01)
    path = f"/api/v1/threads/{acme.thread}/messages?after=0"
    for role in ROLES:
        plain, waited = [await acme.callers[role].ask("GET", path + more) for more in ("", "&wait=20")]
        assert plain.status == waited.status == (404 if role == "stranger" else 200)
        if role != "stranger":
            assert plain.body == waited.body
            assert plain.field("etag") == waited.field("etag") != ""
    nobodys = f"/api/v1/threads/{UUID(int=5)}/messages?after=0&wait=20"
    assert (await acme.callers["agent"].ask("GET", nobodys)).status == 404
    tagged = (await acme.callers["agent"].ask("GET", path)).field("etag")
    again = await acme.callers["agent"].ask("GET", path, fields={"if-none-match": tagged})
    assert again.status == 304


@pytest.mark.parametrize("wait", ["-1", "26", "x", "1.5", "1e3", ""])
async def test_a_wait_is_bounded(acme: Tenant, wait: str) -> None:
    reply = await acme.callers["agent"].ask("GET", f"/api/v1/threads/{acme.thread}/messages?after=0&wait={wait}")
    assert reply.status == 400


async def test_sabotage(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GET that marks what was read, in passing, is found."""
    world = acme.callers["admin"].application.world
    asked = Desk.peek

    async def marks(self: Desk, token_hash: bytes) -> object:
        superuser = await world.superuser()
        await superuser.execute("update app.thread_member set added_at = clock_timestamp()")
        await superuser.close()
        return await asked(self, token_hash)

    monkeypatch.setattr(Desk, "peek", marks)
    route = next(each for each in reading(acme.callers["admin"].application) if each.path == "/c/{thread:str}/news")
    assert await changed(acme, [route]) == [route.path]
