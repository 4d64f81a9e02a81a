"""T10: unknown, duplicate, wrong-typed and malformed input is a clear 4xx on every JSON route, echoes nothing and stores nothing.

The kit's own refusals are tested where the kit is (`tests/web/test_body.py`), bounds of schemas in `tests/shape/test_app.py`; here the
whole application takes the torture suite, over a real database.
"""

import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar

import needs
from scene import Scene
from sealdesk.app import application
from sealdesk.core.settings import Settings
from sealdesk.people.commands import sign_in
from sealdesk.people.sessions import Issued, Visit
from sealdesk.web import body as bodies
from sealdesk.web.checks import routes_of
from sealdesk.web.limits import Limiter
from world import PASSWORD, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORIGIN = "http://127.0.0.1:8000"
SUITE = "payloads/json-test-suite.tar.gz"
CANARY = "canary-echo"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(stage: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """An agent's client of the whole application, without a socket."""
    settings = Settings.load({"SEALDESK_DATA": str(tmp_path_factory.mktemp("app")), "SEALDESK_ENV": "development"})
    issued = await sign_in(
        stage.desk, "agent@acme.test", PASSWORD, None, Visit({"address": "x", "agent": "x", "session": "x"})
    )
    assert isinstance(issued, Issued)
    app = application(settings, stage.desk, stage.signer, bytes(32))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    headers = {"authorization": f"Bearer {issued.token}", "origin": ORIGIN, "content-type": "application/json"}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers, timeout=30) as made:
        yield made


def targets(stage: World, scene: Scene) -> list[tuple[str, str, dict[str, object]]]:
    """The JSON routes that store something, each with a document that it takes."""
    return [
        ("POST", f"/api/v1/threads/{scene.threads[0]}/messages", {"body": "hello"}),
        ("POST", "/api/v1/tickets", {"subject": "a", "body": "b"}),
        ("PATCH", f"/api/v1/threads/{scene.threads[1]}/ticket", {"status": "open"}),
    ]


async def stored(world: World) -> dict[str, int]:
    connection = await world.superuser()
    tables = ("app.thread", "app.message", "app.ticket", "app.idempotency", "ledger.entry", "ledger.content")
    counts = {table: await connection.fetchval(f"select count(*) from {table}") for table in tables}
    await connection.close()
    return counts


async def send(client: httpx.AsyncClient, method: str, path: str, content: bytes) -> httpx.Response:
    return await client.request(method, path, content=content, headers={"idempotency-key": "t10", "if-match": '"1"'})


def read_suite(path: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        members = [m for m in archive if "test_parsing/n_" in m.name]
        return [(m.name.rpartition("/")[2], file.read()) for m in members if (file := archive.extractfile(m))]


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """No flood protection: it stands before the body is read, and would answer in its place."""
    for check in ("admit_address", "admit_person", "admit_early", "admit_change"):
        monkeypatch.setattr(Limiter, check, _pass)


async def _pass(*_: object, **__: object) -> None:
    return None


def composed(client: httpx.AsyncClient) -> Litestar:
    outer = client._transport.app  # type: ignore[attr-defined]
    assert isinstance(outer.inner, Litestar)
    return outer.inner


async def test_the_targets_are_routes(client: httpx.AsyncClient, stage: World, scene: Scene) -> None:
    known = {(method, route.path.count("/")) for route in routes_of(composed(client)) for method in route.methods}
    for method, path, _ in targets(stage, scene):
        assert (method, path.count("/")) in known


HOSTILE = (
    b'{"%s": 1, "%s": 2}',
    b'{"%s": "a", "unknown_member": "canary-echo"}',
    b'{"%s": ["canary-echo"]}',
    b'{"%s": {"a": "canary-echo"}}',
    b'{"%s": "\\ud800 canary-echo"}',
    b'{"%s": "\\u0000 canary-echo"}',
    b'{"%s": NaN}',
    b'{"%s": "canary-echo", "role": "admin"}',
    b'{"%s": "canary-echo", "org_id": "00000000-0000-0000-0000-000000000000"}',
    b'{"%s": "canary-echo", "author": "x", "seq": 1, "at": "2020-01-01T00:00:00Z"}',
)


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_documents_are_refused_and_stored_nowhere(
    client: httpx.AsyncClient, stage: World, scene: Scene, hostile: bytes
) -> None:
    before = await stored(stage)
    for method, path, document in targets(stage, scene):
        name = next(iter(document)).encode()
        answer = await send(client, method, path, hostile.replace(b"%s", name))
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.status_code != 429
        assert answer.headers["content-type"] == "application/problem+json"
        assert CANARY not in answer.text
    assert await stored(stage) == before


@pytest.mark.usefixtures("unlimited")
async def test_the_torture_suite_is_refused_on_every_target(
    client: httpx.AsyncClient, stage: World, scene: Scene
) -> None:
    suite = read_suite(needs.shared(SUITE))
    assert len(suite) == 188
    before, wrong = await stored(stage), list[tuple[str, str, int]]()
    for name, content in suite:
        for method, path, _ in targets(stage, scene):
            answer = await send(client, method, path, content)
            if answer.status_code not in (400, 413):
                wrong.append((name, path, answer.status_code))
    assert wrong == []
    assert await stored(stage) == before


@pytest.mark.usefixtures("unlimited")
async def test_with_a_lenient_decoder_a_doubled_name_gets_through(
    client: httpx.AsyncClient, stage: World, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mitigation taken away: the usual decoder takes the last of two names, and the attack succeeds."""
    method, path, document = targets(stage, scene)[0]
    doubled = json.dumps(document)[:-1].encode() + b', "body": "the other reading"}'
    assert (await send(client, method, path, doubled)).status_code == 400
    monkeypatch.setattr(bodies, "decode_json", msgspec.json.decode)
    assert (await send(client, method, path, doubled)).status_code == 201
