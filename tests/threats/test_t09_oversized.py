"""T09: oversized input. Every route that takes a body refuses one that does not end, while it reads it; nothing is stored."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.types import Scope

from scene import Scene
from sealdesk.people import commands
from sealdesk.people.sessions import Issued, Visit
from sealdesk.threads.model import MAX_BODY
from sealdesk.web import caps
from sealdesk.web.checks import routes_of
from sealdesk.web.intake import Intake
from sealdesk.web.limits import Limiter
from sealdesk.web.outer import Outer
from sealdesk.web.route import Route
from threats.inside import BASE, desk_of
from threats.test_t08_floods import filled
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.9", "agent": "test", "session": ""})
PIECE = caps.RECEIVE_BYTES
ENOUGH = 8 * 1024 * 1024
"""No route takes so much: a body that is read so far would be read for ever."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def let_in(*_: object) -> None:
    """A flood is refused before its bodies are read; here bodies are what is looked at."""


@pytest_asyncio.fixture(name="app", loop_scope="module")
async def without_limits(stage: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Outer]:
    for check in ("admit_address", "admit_person", "admit_early", "admit_change"):
        monkeypatch.setattr(Limiter, check, let_in)
    yield desk_of(stage)


@pytest_asyncio.fixture(name="token", loop_scope="module")
async def of_an_admin(stage: World) -> str:
    issued = await commands.sign_in(stage.desk, "admin@acme.test", PASSWORD, None, VISIT)
    assert isinstance(issued, Issued)
    return issued.token


class Sender:
    """Somebody who sends one request, and of its body more and more for as long as it is read."""

    def __init__(self, app: Outer) -> None:
        self._app = app
        self.read = 0
        self.status = 0
        self.answer = b""

    async def send(self, method: str, path: str, fields: dict[str, str], ends_after: int | None = None) -> int:
        """The status of the answer. Without `ends_after` the body never ends."""
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "server": ("desk.test", 443),
            "client": ("192.0.2.9", 4000),
            "headers": [(name.encode(), value.encode()) for name, value in {"host": "desk.test", **fields}.items()],
        }

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0)
            if self.status or self.read >= ENOUGH:
                return {"type": "http.disconnect"}
            piece = PIECE if ends_after is None else min(PIECE, ends_after - self.read)
            self.read += piece
            more = ends_after is None or self.read < ends_after
            return {"type": "http.request", "body": b"a" * piece, "more_body": more}

        async def take(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            else:
                self.answer += message.get("body", b"")

        await self._app(cast("Scope", scope), cast("Any", receive), cast("Any", take))
        return self.status


def fields_for(route: Route, token: str, kind: str) -> dict[str, str]:
    """A request as a program sends it, with a session's token, so that no anti-CSRF token is asked for; or as a browser sends a form."""
    sent = {"origin": BASE, "content-type": kind, "idempotency-key": "t09", "if-match": '"1"'}
    public = {"authorization": f"Bearer {token}"} if not route.page else {"cookie": f"__Host-sid={token}"}
    return sent | public


def taking(app: Outer) -> list[tuple[str, Route]]:
    inner = app.inner
    while not isinstance(inner, Litestar):
        inner = cast("Any", inner).inner
    found = [(method, route) for route in routes_of(inner) for method in sorted(route.methods) if route.mutates]
    assert len(found) > 60
    return found


async def endless(app: Outer, token: str) -> dict[str, int]:
    """How much of a body without end each route read, in chunks and with a length that is a lie."""
    most: dict[str, int] = {}
    for method, route in taking(app):
        kind = "application/x-www-form-urlencoded" if route.page else "application/json"
        for extra in ({"transfer-encoding": "chunked"}, {"content-length": "999999999"}):
            sender = Sender(app)
            status = await sender.send(method, filled(route.path), fields_for(route, token, kind) | extra)
            assert 400 <= status < 500, (method, route.path, status, sender.answer)
            over = sender.read - (route.cap + caps.DRAIN_BYTES)
            most[f"{method} {route.path}"] = max(over, most.get(f"{method} {route.path}", over))
    return most


async def stored(world: World) -> int:
    connection = await world.superuser()
    found = await connection.fetchval("select count(*) from ledger.content")
    await connection.close()
    assert isinstance(found, int)
    return found


async def test_no_route_reads_a_body_without_end(stage: World, app: Outer, token: str) -> None:
    """Of each route in the live table: its cap, what lets the sender read the refusal, and one piece more at most."""
    before = await stored(stage)
    over = await endless(app, token)
    assert max(over.values()) <= PIECE, {route: amount for route, amount in over.items() if amount > PIECE}
    assert await stored(stage) == before


async def test_a_message_of_one_byte_less_and_more(stage: World, scene: Scene, app: Outer, token: str) -> None:

    transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
    headers = {"authorization": f"Bearer {token}", "origin": BASE}
    before = await stored(stage)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
        path = f"/api/v1/threads/{scene.threads[0]}/messages"
        statuses = [
            (await client.post(path, json={"body": "a" * size}, headers={"idempotency-key": f"t09-{size}"})).status_code
            for size in (MAX_BODY - 1, MAX_BODY, MAX_BODY + 1)
        ]
    assert statuses == [201, 201, 413]
    assert await stored(stage) == before + 6  # body, author and origin of each that was taken


async def test_sabotage(app: Outer, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the count of what was read, a body without end is read to the end."""

    async def trusting(self: Intake) -> Any:
        message = await self._next()
        self.finished = message["type"] == "http.request" and not message["more_body"]
        return message

    monkeypatch.setattr(Intake, "receive", trusting)
    sender = Sender(app)
    fields = fields_for(
        next(route for _, route in taking(app) if route.path == "/api/v1/threads"), token, "application/json"
    )
    await sender.send("POST", "/api/v1/threads", fields | {"transfer-encoding": "chunked"})
    assert sender.read >= ENOUGH
