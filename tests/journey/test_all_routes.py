"""Every route of the running server, taken from the live route table, and what a request to each has to bring."""

import re
import time
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar
from pyotp.totp import TOTP

from journey.storage import stored
from running import Client, Person, RunningDesk, apart
from sealdesk.access.permissions import Role
from sealdesk.app import application
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.unit import Desk
from sealdesk.web.checks import routes_of
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route

# What a request to a route with ids has to bring, so that only the id can be what refuses it.
JSON_BODIES: dict[str, dict[str, object]] = {
    "/api/v1/threads/{thread:str}/messages": {"body": "x"},
    "/api/v1/threads/{thread:str}/ticket": {"status": "solved"},
    "/api/v1/threads/{thread:str}/handover": {"assignee": "01a2179c-e439-749a-b858-a1212138a8b4"},
    "/api/v1/threads/{thread:str}/read": {"seq": 1},
    "/api/v1/threads/{thread:str}/state": {"act": "escalate", "reason": "x"},
    "/api/v1/threads/{thread:str}/participants": {
        "member": "01a2179c-e439-749a-b858-a1212138a8b4",
        "present": False,
        "reason": "x",
    },
    "/api/v1/threads/{thread:str}/messages/{message:str}/redaction": {"mode": "withhold", "code": "other"},
    "/api/v1/threads/{thread:str}/messages/{message:str}/redaction/lift": {"code": "other"},
    "/api/v1/threads/{thread:str}/messages/{message:str}/erasure": {"basis": "retention", "reason": "x"},
    "/api/v1/threads/{thread:str}/messages/{message:str}/erasure/answer": {"answer": "refuse"},
    "/api/v1/threads/{thread:str}/holds": {"code": "other"},
    "/api/v1/threads/{thread:str}/holds/release": {"hold": "01a2179c-e439-749a-b858-a1212138a8b4", "code": "other"},
    "/api/v1/members/{member:str}": {"role": "auditor"},
    "/api/v1/flags/{flag:str}/decision": {"decision": "confirmed", "reason": "x"},
    "/api/v1/members/{member:str}/recovery": {"reason": "seen in person"},
    "/api/v1/widget/{widget:str}/code": {"email": "vera@visitor.test"},
    "/api/v1/widget/{widget:str}/visit": {"challenge": "A" * 43, "code": "AAAA-AAAA"},
    "/api/v1/widget/{widget:str}/identity": {"token": "a.b.c"},
}
FORMS: dict[str, dict[str, str]] = {
    "/c/{thread:str}/messages": {"body": "x", "visibility": "public"},
    "/c/{thread:str}/ticketing": {},
    "/c/{thread:str}/take": {},
    "/c/{thread:str}/handover": {"assignee": "01a2179c-e439-749a-b858-a1212138a8b4"},
    "/c/{thread:str}/state": {"act": "escalate", "reason": "x"},
    "/c/{thread:str}/participants": {
        "member": "01a2179c-e439-749a-b858-a1212138a8b4",
        "present": "no",
        "reason": "x",
    },
    "/c/{thread:str}/messages/{message:str}/redaction": {"mode": "withhold", "code": "other"},
    "/c/{thread:str}/messages/{message:str}/redaction/lift": {},
    "/c/{thread:str}/messages/{message:str}/erasure": {"basis": "retention", "reason": "x"},
    "/c/{thread:str}/messages/{message:str}/erasure/answer": {"answer": "refuse"},
    "/holds/erasure": {"act": "ask", "reason": "x"},
    "/c/{thread:str}/holds": {"code": "other"},
    "/c/{thread:str}/holds/release": {"hold": "01a2179c-e439-749a-b858-a1212138a8b4"},
    "/exports/{export:str}/bundle": {},
    "/review/{flag:str}": {"decision": "confirmed", "reason": "x"},
    "/rules/origins": {"origins": ""},
    "/rules/sign-in": {"idle_minutes": "60", "absolute_hours": "24"},
    "/rules/widget": {"on": "yes"},
    "/rules/widget/key": {},
    "/rules/widget/former-key": {},
    "/members/{member:str}/role": {"role": "auditor"},
    "/members/{member:str}/access": {"active": "no"},
    "/members/{member:str}/reset": {},
    "/members/{member:str}/sessions/end": {},
    "/members/{member:str}/recovery": {"reason": "seen in person"},
    "/members/{member:str}/recovery/answer": {"answer": "refuse"},
    "/reset/{token:str}": {"password": "kettle and two cups"},
    "/address/{token:str}": {},
    "/invitation/{token:str}": {"password": "kettle and two cups"},
    "/c/{thread:str}/ticket": {"status": "solved", "priority": "high", "assignee": ""},
    "/account/sessions/{session:str}/end": {},
    "/account/sessions/{session:str}/vouch": {},
    "/account/factors/{factor:str}/remove": {},
}
QUERIES = {"/c/{thread:str}/news": "?after=0"}
ID = re.compile(r"{([a-z_]+):str}")
PROBLEM = {"accept": "application/problem+json"}


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids of the first organisation, by the names that paths give them."""

    known: dict[str, str]

    def fill(self, path: str, **others: str) -> str:
        """The path with these ids in place."""
        return ID.sub(lambda match: others.get("any") or self.known[match[1]], path)


@pytest.fixture(scope="module")
def routes(running_desk: RunningDesk) -> list[tuple[str, Route]]:
    """Method and route, for all that the application serves."""

    async def read() -> list[Route]:
        async with Desk.opened(running_desk.settings) as desk:
            signer = SignerClient(socket_path(running_desk.settings.data))
            outer = application(running_desk.settings, desk, signer, b"s" * 32)
            return list(routes_of(cast("Litestar", outer.inner)))

    found = [(method, route) for route in apart(read()) for method in sorted(route.methods)]
    assert len(found) > 20
    return found


@pytest.fixture(scope="module")
def owner(running_desk: RunningDesk) -> Person:
    return running_desk.populate("routes", ("Olga", Role.REQUESTER))[0]


@pytest.fixture(scope="module")
def ids(running_desk: RunningDesk, owner: Person) -> Ids:
    client = running_desk.client(owner)
    thread = client.open()
    said = client.say(thread, "hello").json()
    asked = client.act("POST", "/api/v1/exports", json={"purpose": "mine", "scope": {"threads": [thread]}})
    assert asked.status_code == 202, asked.text
    export = asked.json()["id"]
    until = time.monotonic() + 60
    while client.get(f"/api/v1/exports/{export}").json()["state"] != "built" and time.monotonic() < until:
        time.sleep(0.2)
    own = {
        "session": client.get("/api/v1/account/sessions").json()["sessions"][0]["id"],
        "factor": with_app(running_desk),
    }
    own["flag"] = with_flag(running_desk, client, thread)
    wanted = {"name": "mine", "permissions": ["thread.read"], "days": 1}
    own["token"] = client.act("POST", "/api/v1/account/tokens", json=wanted).json()["about"]["id"]
    return Ids(
        {
            "thread": thread,
            "message": said["id"],
            "entry": said["receipt"]["entry_id"],
            "export": export,
            "name": "app.css",
            "member": str(owner.member),
            "widget": "no-widget-of-anybody",
            **own,
        }
    )


def with_app(desk: RunningDesk) -> str:
    """The id of somebody's second factor."""
    client = desk.client(desk.populate("routes", ("Two Factors", Role.REQUESTER))[0])
    begun = client.act("POST", "/api/v1/account/totp/options").json()
    code = TOTP(begun["secret"]).now()
    added = client.act("POST", "/api/v1/account/totp", json={"challenge": begun["challenge"], "code": code})
    assert added.status_code == 200, added.text
    return str(client.get("/api/v1/account/factors").json()["factors"][0]["id"])


def with_flag(desk: RunningDesk, owner: Client, thread: str) -> str:
    """The id of what the worker makes of a threat in this conversation."""
    owner.say(thread, "I will k1ll you")
    agent = desk.client(desk.populate("routes", ("Agnes", Role.AGENT))[0])
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := agent.get("/api/v1/flags").json()["flags"]:
            return str(found[0]["id"])
        time.sleep(0.2)
    raise AssertionError("the worker flagged nothing")


def closed(routes: list[tuple[str, Route]]) -> list[tuple[str, Route]]:
    """The routes that the table of public ones does not have."""
    return [(method, route) for method, route in routes if not find_public(PUBLIC, route.path, method)]


def test_a_token_without_scope_is_stopped_by_every_mutation(
    running_desk: RunningDesk, routes: list[tuple[str, Route]], ids: Ids, owner: Person
) -> None:
    """Its owner may do all of this; the token carries one permission that none of these asks for (ASVS V8.2.1)."""
    client = running_desk.client(owner)
    wanted = {"name": "narrow", "permissions": ["ledger.read"], "days": 1}
    token = client.act("POST", "/api/v1/account/tokens", json=wanted).json()["token"]
    before = stored(running_desk)
    with Client(running_desk.base) as program:
        program.headers["authorization"] = f"Bearer {token}"
        for method, route in closed(routes):
            if route.mutates:
                answer = ask(program, method, route, ids.fill(route.path))
                assert answer.status_code in (400, 403, 404, 409, 422), (method, route.path, answer.text)
        assert program.get("/api/v1/ledger/checkpoint").status_code in (200, 404)
    assert stored(running_desk) == before


def test_a_token_that_was_signed_out_is_dead(running_desk: RunningDesk, owner: Person) -> None:
    client = running_desk.client(owner)
    assert client.get("/api/v1/session").status_code == 200
    assert client.act("DELETE", "/api/v1/session").status_code == 204
    assert client.get("/api/v1/session").status_code == 401


def test_every_route_with_ids_has_a_sample(routes: list[tuple[str, Route]], ids: Ids) -> None:
    for _, route in routes:
        assert {match[1] for match in ID.finditer(route.path)} <= set(ids.known), f"give a sample id for {route.path}"
        if route.mutates and ID.search(route.path):
            assert (
                route.path in JSON_BODIES or route.path in FORMS or not route.signature.of("json", "form", "submitted")
            ), route.path


def test_the_owner_finds_what_strangers_do_not(
    running_desk: RunningDesk, routes: list[tuple[str, Route]], ids: Ids, owner: Person
) -> None:
    client = running_desk.client(owner)
    found = {
        route.path: ask(client, method, route, ids.fill(route.path)).status_code
        for method, route in closed(routes)
        if method == "GET" and ID.search(route.path)
    }
    assert {path for path, status in found.items() if status in (200, 202, 204)} >= {
        "/c/{thread:str}",
        "/c/{thread:str}/news",
        "/c/{thread:str}/proof/{entry:str}",
        "/api/v1/threads/{thread:str}/messages",
        "/api/v1/ledger/receipts/{entry:str}",
    }


def ask(client: Client, method: str, route: Route, path: str) -> httpx.Response:
    """A request that is well-formed for the route."""
    options: dict[str, Any] = {}
    headers = {**PROBLEM, "if-match": "*"}
    if route.path in JSON_BODIES and route.signature.of("json"):
        options["json"] = JSON_BODIES[route.path]
    if route.path in FORMS and route.mutates:
        kit = {"idempotency_key": uuid4().hex} if route.signature.of("key") else {}
        kit |= {"version": "*"} if route.signature.of("expected") else {}
        options["data"] = {"csrf": client.csrf, **kit, **FORMS[route.path]}
    return client.act(method, path + QUERIES.get(route.path, ""), headers=headers, **options)


def essence(answer: httpx.Response) -> tuple[int, str, list[tuple[str, str]]]:
    """All that a client can see of an answer, but for the request's id, the time and nonces."""
    volatile = {"x-request-id", "date"}
    text = answer.text.replace(answer.headers["x-request-id"], "ID")
    for nonce in re.findall(r"'nonce-([^']+)'", answer.headers["content-security-policy"]):
        text = text.replace(nonce, "NONCE")
    headers = [
        (name, re.sub(r"nonce-[^']+", "nonce", value)) for name, value in answer.headers.items() if name not in volatile
    ]
    return answer.status_code, text, headers
