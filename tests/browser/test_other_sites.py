"""T04 and T05 in real Chromium: pages of other origins, also of the same site, change nothing, and nobody's session is planted."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from browser.conftest import Stage
from journey.storage import stored
from running import Client, RunningDesk
from sealdesk.access.permissions import Role

pytestmark = pytest.mark.browser

ATTACKS = """async ([desk, thread]) => {
  const told = {};
  const image = new Image();
  image.src = desk + '/sign-out';
  const body = JSON.stringify({subject: 'planted', body: 'planted'});
  for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
    await fetch(desk + '/api/v1/tickets', {method: 'POST', mode: 'no-cors', credentials: 'include', headers: {'content-type': type}, body})
      .then((answer) => { told[type] = answer.type; }, (error) => { told[type] = String(error); });
  }
  await fetch(desk + '/api/v1/tickets', {method: 'POST', credentials: 'include', headers: {'content-type': 'application/json'}, body})
    .then(() => { told.json = 'read'; }, () => { told.json = 'refused'; });
  await fetch(desk + '/api/v1/session', {credentials: 'include'})
    .then(() => { told.read = 'read'; }, () => { told.read = 'refused'; });
  await fetch(desk + '/api/v1/session', {method: 'DELETE', credentials: 'include'})
    .then(() => { told.ended = 'read'; }, () => { told.ended = 'refused'; });
  told.beacon = navigator.sendBeacon(desk + '/sign-out', 'csrf=x');
  navigator.sendBeacon(desk + '/c/' + thread + '/messages', new Blob(['body=planted'], {type: 'application/x-www-form-urlencoded'}));
  told.socket = await new Promise((done) => {
    const socket = new WebSocket(desk.replace('http', 'ws') + '/api/v1/live');
    socket.onopen = () => done('open');
    socket.onerror = () => done('refused');
  });
  return told;
}"""
FORM = """([desk, path]) => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = desk + path;
  for (const [name, value] of [['body', 'planted'], ['subject', 'planted'], ['csrf', 'A'.repeat(86)]]) {
    const field = document.createElement('input');
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}"""


class Evil(BaseHTTPRequestHandler):
    """An empty page of another origin."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body></body>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture(scope="module")
def evil() -> Iterator[int]:
    """The port of another origin's server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def bad_origins(desk: RunningDesk, member: str) -> int:
    """How many requests of this member's browser were refused for their origin."""
    lines = [line for line in desk.log.read_text().splitlines() if line.startswith("{")]
    return sum(each.get("event") == "bad_origin" and each.get("member") == member for each in map(json.loads, lines))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_another_origin_changes_nothing(stage: Stage, evil: int, host: str) -> None:
    """`127.0.0.1` on another port is the same site, so that cookies travel and only our checks refuse; `localhost` is another site."""
    desk, thread = stage.desk, stage.threads[0]
    eyes = stage.open(stage.agent)
    page = eyes.context.new_page()
    before = stored(desk)
    page.goto(f"http://{host}:{evil}/")
    told = page.evaluate(ATTACKS, [desk.base, thread])
    # Sent and refused; Cross-Origin-Resource-Policy keeps even the refusal from the page.
    assert told["text/plain"] == told["application/x-www-form-urlencoded"] == "TypeError: Failed to fetch"
    assert (told["json"], told["read"], told["ended"], told["socket"]) == ("refused",) * 4
    for path in ("/new", f"/c/{thread}/messages", "/sign-out", "/account/tokens", "/exports/new", "/sign-in"):
        page.goto(f"http://{host}:{evil}/")
        with page.expect_navigation(wait_until="load") as moved:
            page.evaluate(FORM, [desk.base, path])
        assert moved.value.status == 403, path
    page.goto(desk.base + "/")
    assert "/sign-in" not in page.url, "still signed in"
    assert stored(desk) == before
    if host == "127.0.0.1":
        until = time.monotonic() + 10
        while not (found := bad_origins(desk, str(stage.agent.member))) and time.monotonic() < until:
            time.sleep(0.2)
        assert found >= 5, "the cookie came with the attacks: it was the check that refused them"
    eyes.context.close()


def test_a_planted_session_does_not_survive_signing_in(running_desk: RunningDesk) -> None:
    """Session fixation (ASVS V7.2.4): what the browser had before is neither kept nor alive afterwards."""
    attacker, victim = running_desk.populate("fixation", ("Eve", Role.AGENT), ("Vic", Role.AGENT))
    planted = str(running_desk.client(attacker).token)
    for token in (planted, "A" * 43):
        with Client(running_desk.base) as browser:
            browser.kept["__Host-sid"] = token
            browser.headers["cookie"] = f"__Host-sid={token}"
            browser.headers["origin"] = running_desk.base
            browser.sign_in(victim)
            assert browser.token not in (None, token)
            assert browser.get("/api/v1/session").json()["member"] == str(victim.member)
    with Client(running_desk.base) as eve:
        eve.headers["cookie"] = f"__Host-sid={planted}"
        assert eve.get("/api/v1/session").status_code == 401
