"""T01: somebody without a session, or with a stranger's, reads a thread or does anything else.

The live route table is walked: every route that the reviewed table of public ones does not have wants a session or token that lives, and
what one may not reach answers like what nobody has.
"""

import secrets
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from direct import Application, Caller, seat, serve
from journey.storage import stored
from journey.test_all_routes import ID, PROBLEM, Ids, ask, closed, essence, ids, owner, routes
from running import Client, Person, RunningDesk
from scene import Scene
from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Role
from sealdesk.unit import Desk
from sealdesk.web import app as web
from sealdesk.web import gate
from sealdesk.web.binding import BadRoute
from sealdesk.web.exchange import Exchange
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route
from sealdesk.web.routes import get
from sealdesk.web.tokens import token_hash
from world import World

__all__ = ["ids", "owner", "routes"]


@pytest.fixture(scope="module")
def strangers(running_desk: RunningDesk, owner: Person) -> list[Client]:
    """One of each role in another organisation, and another requester of the same one."""
    roles = (Role.REQUESTER, Role.AGENT, Role.ADMIN, Role.AUDITOR)
    people = running_desk.populate("elsewhere", *((str(role), role) for role in roles))
    people += running_desk.populate("routes", ("Stranger", Role.REQUESTER))
    return [running_desk.client(person) for person in people]


def test_without_credentials_nothing_is_found(
    running_desk: RunningDesk, routes: list[tuple[str, Route]], ids: Ids
) -> None:
    before = stored(running_desk)
    for method, route in closed(routes):
        for path in (
            ids.fill(route.path),
            ids.fill(route.path, any=str(uuid4())),
            ids.fill(route.path, any="nonsense"),
        ):
            with Client(running_desk.base) as nobody:
                answer = nobody.act(method, path, headers=PROBLEM)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"]
                if route.page:
                    page = nobody.act(method, path, headers={"accept": "text/html"})
                    assert (page.status_code, page.headers["location"][:8]) == (303, "/sign-in"), (method, path)
    assert stored(running_desk) == before


def test_garbage_is_no_credential(running_desk: RunningDesk, routes: list[tuple[str, Route]], ids: Ids) -> None:
    token = secrets.token_urlsafe(32)
    garbage = [
        {"cookie": f"__Host-sid={token}"},
        {"cookie": "__Host-sid=" + "A" * 4000},
        {"cookie": f"__Host-sid={token}; __Host-sid={token}"},
        {"authorization": f"Bearer {token}"},
        {"authorization": "Bearer"},
        {"authorization": "Basic YWRtaW46YWRtaW4="},
        {"authorization": "Bearer \xff\xfe"},
    ]
    before = stored(running_desk)
    for method, route in closed(routes):
        with Client(running_desk.base) as nobody:
            for headers in garbage:
                raw = [(name.encode(), value.encode("latin-1")) for name, value in {**headers, **PROBLEM}.items()]
                answer = nobody.request(
                    method, ids.fill(route.path), headers=[*raw, (b"origin", running_desk.base.encode())]
                )
                assert answer.status_code == 401, (method, route.path, headers)
    assert stored(running_desk) == before


@pytest.fixture(scope="module")
def dead(running_desk: RunningDesk, owner: Person) -> dict[str, dict[str, str]]:
    """Header fields with credentials that were good once, by what ended them."""
    made: dict[str, dict[str, str]] = {}
    endings = {
        "revoked": "ended_at = now()",
        "idle for too long": "idle_for = interval '0'",
        "too old": "hard_until = now()",
    }
    for name, change in endings.items():
        client = running_desk.client(owner)
        wanted = {"name": name, "permissions": ["thread.read"], "days": 1}
        token = client.act("POST", "/api/v1/account/tokens", json=wanted).json()["token"]
        for kind, text in (("session", str(client.token)), ("token", token)):
            running_desk.sql(f"update sec.session set {change} where hash = $1", token_hash(text))
            field = {"cookie": f"__Host-sid={text}"} if kind == "session" else {"authorization": f"Bearer {text}"}
            made[f"{kind} {name}"] = field
    return made


def test_what_was_good_once_opens_nothing(
    running_desk: RunningDesk, routes: list[tuple[str, Route]], ids: Ids, dead: dict[str, dict[str, str]]
) -> None:
    """Expired and revoked sessions and tokens, on every route (ASVS V7.3.1, V7.3.2, V7.4.1)."""
    before = stored(running_desk)
    for name, headers in dead.items():
        with Client(running_desk.base) as holder:
            for method, route in closed(routes):
                answer = holder.act(method, ids.fill(route.path), headers={**PROBLEM, **headers})
                assert answer.status_code == 401, (name, method, route.path)
    assert stored(running_desk) == before


def test_a_stranger_finds_nothing_and_can_not_tell_foreign_from_absent(
    running_desk: RunningDesk, routes: list[tuple[str, Route]], ids: Ids, strangers: list[Client]
) -> None:
    before = stored(running_desk)
    walked = 0
    for method, route in closed(routes):
        if not ID.search(route.path):
            continue
        for stranger in strangers:
            wanted = [
                ask(stranger, method, route, path)
                for path in (
                    ids.fill(route.path),
                    ids.fill(route.path, any=str(uuid4())),
                    ids.fill(route.path, any=ids.known["thread"].upper()),
                    ids.fill(route.path, any="nonsense"),
                )
            ]
            foreign, absent, *malformed = (essence(answer) for answer in wanted)
            assert absent == foreign, (method, route.path)
            # A role without the permission may be told so at once, whatever the id is; but what is no id leads nowhere.
            assert foreign[0] in (404, 403), (method, route.path, foreign)
            for each in malformed:
                assert each == foreign or (foreign[0], each[0]) == (403, 404), (method, route.path)
            walked += 1
    assert walked >= 30
    assert stored(running_desk) == before


def test_every_public_route_has_its_limit_and_its_reason(routes: list[tuple[str, Route]]) -> None:
    """The reviewed table: what stands there is reached without a session, and by nobody more than so often."""
    public = {(method, route.path) for method, route in routes if find_public(PUBLIC, route.path, method)}
    assert len(public) < len(routes) / 2
    for method, path in public:
        row = find_public(PUBLIC, path, method)
        assert row is not None
        assert row.limit.per_address, path
        assert row.reason.endswith("."), path
    assert not [path for _, path in public if path.startswith("/c/") or "thread" in path or "export" in path]


@pytest_asyncio.fixture
async def application(drill: World) -> AsyncIterator[Application]:
    """The application over a desk that the test may ruin."""
    yield serve(drill, drill.folder)


async def read(caller: Caller, scene: Scene) -> tuple[int, bool]:
    """The status of reading the requester's conversation, and whether its words came back."""
    reply = await caller.ask("GET", f"/api/v1/threads/{scene.threads[0]}/messages")
    return reply.status, "message 1" in reply.text


async def test_sabotage(application: Application, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the gate nobody in particular reads a thread; without the policy of reach, a stranger does."""
    drill = application.world
    nobody, stranger = Caller(application), await seat(application, drill.acme.stranger)
    assert await read(nobody, scene) == (401, False)
    assert await read(stranger, scene) == (404, False)
    superuser = await drill.superuser()
    for table in ("app.thread", "ledger.entry", "ledger.content", "ledger.content_key"):
        await superuser.execute(
            f"create policy hole on {table} for select to desk_requester using (org_id = (select sec.org()))"
        )
    await superuser.close()
    assert await read(stranger, scene) == (200, True)

    async def somebody(exchange: Exchange, *_: object) -> Actor:
        exchange.actor = drill.acme.agent
        return drill.acme.agent

    monkeypatch.setattr(gate, "require_actor", somebody)
    assert await read(nobody, scene) == (200, True)


@get("/api/v1/every-subject")
async def every_subject(desk: Desk) -> list[str]:
    """A route that asks nobody who they are."""
    pool = await desk.database.pool("desk_verifier")
    return [row["origin"] for row in await pool.fetch("select origin from ledger.log")]


def unchecked(_: object) -> None:
    """What the check of the routes looks like that was taken out."""


async def test_sabotage_of_the_route_table(drill: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A route with neither an actor nor a row in the public table stops the start; without that check it would be served."""
    monkeypatch.setattr("sealdesk.app.SLICES", ((every_subject,),))
    with pytest.raises(BadRoute, match="no row in the public table"):
        serve(drill, drill.folder)
    monkeypatch.setattr(web, "check_routes", unchecked)
    monkeypatch.setattr(gate, "require_actor", gate.find_actor)
    reply = await Caller(serve(drill, drill.folder)).ask("GET", "/api/v1/every-subject")
    assert (reply.status, len(reply.json())) == (200, 3)
