"""T04: another site acts in a member's name. Every mutating route of the live table refuses it before anything else."""

import re
from uuid import uuid4

import httpx
import pytest

from direct import Caller, seat, serve
from direct import stored as kept
from journey.storage import stored
from journey.test_all_routes import Ids, ids, owner, routes
from running import Client, Person, RunningDesk
from sealdesk.web.csrf import AntiCsrf
from sealdesk.web.origin import Origins
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route
from web.toy import ORIGIN, ToyDesk, make
from world import World

__all__ = ["ids", "owner", "routes"]

EVIL = "https://evil.example"
PROBLEM = {"accept": "application/problem+json"}


def senders(base: str) -> dict[str, list[tuple[str, str]]]:
    """What the pages of other sites, and whoever strips what they send, can put into the header fields."""
    return {
        "another site": [("origin", EVIL)],
        "no origin at all": [],
        "a sandboxed frame": [("origin", "null")],
        "a port of ours": [("origin", base.rsplit(":", 1)[0] + ":1")],
        "ours as a prefix": [("origin", base + ".evil.example")],
        "ours in capitals": [("origin", base.upper())],
        "cross-site, origin stripped": [("sec-fetch-site", "cross-site")],
        "a sibling, origin stripped": [("sec-fetch-site", "same-site")],
        "typed, says the browser": [("sec-fetch-site", "none")],
        "two origins": [("origin", base), ("origin", EVIL)],
        "a foreign origin that claims to be same": [("origin", EVIL), ("sec-fetch-site", "same-origin")],
    }


def mutating(routes: list[tuple[str, Route]]) -> list[tuple[str, Route]]:
    return [(method, route) for method, route in routes if route.mutates]


def test_every_mutating_route_refuses_other_senders(
    running_desk: RunningDesk, routes: list[tuple[str, Route]], ids: Ids, owner: Person
) -> None:
    client = running_desk.client(owner)
    before = stored(running_desk)
    for method, route in mutating(routes):
        for name, fields in senders(running_desk.base).items():
            headers = [*fields, ("x-csrf-token", client.csrf), ("idempotency-key", uuid4().hex), *PROBLEM.items()]
            answer = client.request(method, ids.fill(route.path), headers=headers)
            assert answer.status_code == 403, (method, route.path, name, answer.text)
            assert answer.json()["type"].endswith("bad-origin"), (method, route.path, name)
    assert client.get("/api/v1/session").status_code == 200
    assert stored(running_desk) == before


def test_a_bearer_token_from_a_foreign_origin_is_refused_too(
    running_desk: RunningDesk, routes: list[tuple[str, Route]], ids: Ids, owner: Person
) -> None:
    wanted = {"name": "t04", "permissions": ["thread.read"], "days": 1}
    token = running_desk.client(owner).act("POST", "/api/v1/account/tokens", json=wanted).json()["token"]
    with Client(running_desk.base) as program:
        for method, route in mutating(routes):
            headers = {**PROBLEM, "authorization": f"Bearer {token}", "origin": EVIL}
            answer = program.request(method, ids.fill(route.path), headers=headers)
            assert (answer.status_code, answer.json()["type"][-10:]) == (403, "bad-origin"), (method, route.path)


@pytest.mark.asyncio(loop_scope="module")
async def test_every_mutation_of_a_session_needs_its_own_token(stage: World) -> None:
    """None, garbage, another session's, and a browser's from before it signed in; with an Origin of ours and without one."""
    application = serve(stage, stage.folder)
    caller, other = await seat(application, stage.acme.agent), await seat(application, stage.acme.agent)
    before, filled = await kept(stage), re.compile(r"{[a-z_]+:str}")
    for method, route in mutating(application.routes):
        if find_public(PUBLIC, route.path, method) is not None:
            continue
        for sender in ({}, {"origin": "", "sec-fetch-site": "same-origin"}):
            for token in ("", "A" * 86, other.csrf, Caller(application).csrf):
                fields = {**sender, "x-csrf-token": token}
                answer = await caller.ask(method, filled.sub(str(uuid4()), route.path), fields=fields)
                assert (answer.status, answer.json()["type"][-9:]) == (403, "bad-token"), (method, route.path)
    assert (await caller.ask("GET", "/api/v1/session")).status == 200
    assert await kept(stage) == before


def test_login_cross_site_is_refused(running_desk: RunningDesk, owner: Person) -> None:
    """A page of another site can't sign its own account in to a victim's browser (login CSRF)."""
    form = {"email": owner.email, "password": owner.password, "next": "/"}
    with Client(running_desk.base) as victim:
        page = victim.get("/sign-in", headers={"accept": "text/html"})
        victim.take(page)
        for headers in ({"origin": EVIL}, {"sec-fetch-site": "cross-site"}, {"origin": running_desk.base}):
            answer = victim.post("/sign-in", data=form, headers={**PROBLEM, **headers})
            assert answer.status_code == 403, headers
            assert "__Host-sid" not in str(answer.headers.get_list("set-cookie"))
        answer = victim.post("/api/v1/session", json=form, headers={**PROBLEM, "origin": EVIL})
        assert answer.status_code == 403
        text = victim.post("/api/v1/session", content=b"{}", headers={**PROBLEM, "content-type": "text/plain"})
        assert text.status_code in (403, 415)


async def attack(desk: ToyDesk, token: str) -> int:
    """A page of another site posts with the victim's cookie."""
    transport = httpx.ASGITransport(app=make(desk))  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        answer = await client.post(
            "/api/v1/notes",
            json={"title": "planted"},
            headers={"origin": EVIL, "cookie": f"__Host-sid={token}", "idempotency-key": "k" * 20},
        )
    return answer.status_code


def allow(*_: object) -> None:
    """What a check looks like that was taken out."""


async def test_sabotage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the two defences holds alone; without both the attack succeeds, so the tests above can fail."""
    desk = ToyDesk()
    token = desk.sign_in()
    assert await attack(desk, token) == 403
    with monkeypatch.context() as without_origin:
        without_origin.setattr(Origins, "check", allow)
        assert await attack(desk, token) == 403
        without_origin.setattr(AntiCsrf, "check_session", allow)
        assert await attack(desk, token) == 201
    assert list(desk.notes.values()) == ["planted"]
