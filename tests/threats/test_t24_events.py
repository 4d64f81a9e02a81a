"""T24: each refusal is a structured record with the seed's name and OWASP's: who, where, which request (ASVS V16.3.1, V16.3.2)."""

import json
import secrets
import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from running import Client, RunningDesk
from sealdesk.access.permissions import Role

PROBLEM = {"accept": "application/problem+json"}


def events(desk: RunningDesk) -> list[dict[str, Any]]:
    """The security records so far."""
    records = (json.loads(line) for line in desk.log.read_text().splitlines() if line.startswith("{"))
    return [record for record in records if "owasp" in record]


def event_of(desk: RunningDesk, request_id: str) -> dict[str, Any]:
    """The one record of a request; it is written after the answer went out."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = [each for each in events(desk) if each.get("request_id") == request_id]
        if found:
            (only,) = found
            return only
        time.sleep(0.1)
    raise AssertionError(f"no record of {request_id}")


def test_each_refusal_has_its_name(running_desk: RunningDesk) -> None:
    agent, requester = running_desk.populate("events", ("Ann", Role.AGENT), ("Rob", Role.REQUESTER))
    client, other = running_desk.client(agent), running_desk.client(requester)
    thread = client.open()
    origin = {"origin": "https://evil.example"}
    dead = running_desk.client(agent)
    assert dead.act("DELETE", "/api/v1/session").status_code == 204
    with Client(running_desk.base) as nobody:
        wrong = nobody.post("/api/v1/session", json={"email": agent.email, "password": "wrong"}, headers=PROBLEM)
        unknown = nobody.post(
            "/api/v1/session", json={"email": "nobody@events.test", "password": "wrong"}, headers=PROBLEM
        )
        garbage = nobody.get("/api/v1/session", headers={"authorization": f"Bearer {secrets.token_urlsafe(32)}"})
    ticket = f"/api/v1/threads/{thread}/ticket"
    note = {"body": "x", "visibility": "internal"}
    own = other.open()
    answers = {
        ("failed_login", "authn_login_fail", str(agent.member)): wrong,
        ("failed_login", "authn_login_fail", None): unknown,
        ("failed_login", "authn_login_fail", ""): garbage,
        ("dead_session", "session_use_after_expire", str(agent.member)): dead.get("/api/v1/session"),
        ("bad_origin", "malicious_csrf", str(agent.member)): client.act("POST", "/api/v1/tickets", headers=origin),
        ("bad_token", "malicious_csrf", str(agent.member)): client.act("PATCH", ticket, headers={"x-csrf-token": "x"}),
        ("authorization_failure", "authz_fail", str(requester.member)): other.act(
            "POST", f"/api/v1/threads/{own}/messages", json=note
        ),
        ("bad_input", "malicious_extraneous", str(agent.member)): client.act(
            "POST", "/api/v1/tickets", json={"subject": "x", "body": "x", "role": "admin"}
        ),
    }
    for (name, owasp, member), answer in answers.items():
        record = event_of(running_desk, answer.headers["x-request-id"])
        assert (record["event"], record["owasp"], record["status"]) == (name, owasp, answer.status_code)
        assert record["member"] == (member or None), name
        assert record["org"] == (str(running_desk.orgs["events"]) if member else None)
        assert record["route"] != "unknown", name
        if answer in (wrong, unknown):
            UUID(record["account"])
            UUID(record["address"])
            assert agent.email not in json.dumps(record)
        assert "evil.example" not in json.dumps(record)


def test_a_foreign_id_is_told_by_the_worker(running_desk: RunningDesk) -> None:
    prober, victim = (running_desk.populate(org, ("P", Role.AGENT))[0] for org in ("events", "probed"))
    thread = running_desk.client(victim).open()
    answer = running_desk.client(prober).get(f"/api/v1/threads/{thread}/messages")
    assert answer.status_code == 404
    record = event_of(running_desk, answer.headers["x-request-id"])
    assert (record["event"], record["owasp"]) == ("suspicious_activity", "malicious_direct_reference")
    assert record["member"] == str(prober.member)
    assert thread not in json.dumps(record)


def test_a_visit_is_no_event(running_desk: RunningDesk) -> None:
    with Client(running_desk.base) as nobody:
        answer = nobody.get("/", headers={"accept": "text/html"})
    assert answer.status_code == 303
    time.sleep(1)
    assert not [each for each in events(running_desk) if each.get("request_id") == answer.headers["x-request-id"]]


@pytest.mark.parametrize("odd", ["a\r\nb", "x\u2028y", '","event":"forged', "%0a%0d{"])
def test_a_forged_line_stays_in_one_record(running_desk: RunningDesk, odd: str) -> None:
    """Whatever a request says, a record is one line of JSON (ASVS V16.4.1)."""
    mark = uuid4().hex
    before = len(running_desk.log.read_text().splitlines())
    with Client(running_desk.base) as nobody:
        nobody.post("/api/v1/session", json={"email": f"{mark}{odd}@b.test", "password": odd}, headers=PROBLEM)
        nobody.get(f"/api/v1/threads/{mark}", headers={"x-request-id": odd.encode("unicode_escape").decode()})
    time.sleep(0.5)
    added = running_desk.log.read_text().splitlines()[before:]
    assert all(json.loads(line) for line in added)
    assert not any("forged" in line or mark in line for line in added)


def test_no_record_holds_a_secret(running_desk: RunningDesk) -> None:
    """Cookies, tokens and passwords of all that this run did (ASVS V16.2.5)."""
    (person,) = running_desk.populate("events", ("Sec", Role.AGENT))
    client = running_desk.client(person)
    wanted = {"name": "canary", "permissions": ["thread.read"], "days": 1}
    token = client.act("POST", "/api/v1/account/tokens", json=wanted).json()["token"]
    client.act("DELETE", "/api/v1/session")
    client.get("/api/v1/session")
    time.sleep(0.5)
    text = running_desk.log.read_text()
    for secret in (token, str(client.token), client.csrf, person.password, person.email):
        assert secret not in text
