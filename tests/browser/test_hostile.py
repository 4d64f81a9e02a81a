"""Hostile text in every field, shown on every page: nothing breaks, nothing runs, every answer carries its header fields."""

import gzip
import json
from collections.abc import Iterator

import pytest

import needs
from browser.conftest import Stage
from counts import count
from running import Client, RunningDesk
from sealdesk.access.permissions import Role
from web.test_headers_matrix import lint

pytestmark = pytest.mark.browser

CRAFTED = (
    "<script>window.__pwn=1</script>",
    "<img src=x onerror=window.__pwn=1>",
    "<svg/onload=window.__pwn=1>",
    '"><script>window.__pwn=1</script>',
    "' autofocus onfocus=window.__pwn=1 x='",
    "</textarea><script>window.__pwn=1</script>",
    "</title><script>window.__pwn=1</script>",
    "</template><script>window.__pwn=1</script>",
    "{{ 7*7 }} {% raw %} ${7*7} #{7*7}",
    "javascript:window.__pwn=1",
    'https://example.org/" onmouseover="window.__pwn=1',
    "http://javascript:alert(1)@example.org/",
    "data:text/html,<script>window.__pwn=1</script>",
    '<div hx-get="/sign-out" hx-trigger="load">x</div>',
    '<button hx-post="/sign-out" data-hx-trigger="load">x</button>',
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<base href=//evil.example><form action=//evil.example>",
    "\u202eevil\u202c \u2066x\u2069 \u200b\u200d\ufeff",
    "line one\nSet-Cookie: a=b\r\nX-Evil: 1",
    "=cmd|' /C calc'!A0",
    "𝕳𝖊𝖑𝖑𝖔 \U0001f468\u200d\U0001f469\u200d\U0001f467 Z" + "̸̢͎" * 60,
)


def naughty() -> list[str]:
    """The shared strings that a field can take, every so many of them in a moderate run, and ours."""
    with gzip.open(needs.shared("payloads/naughty-strings.json.gz"), "rt") as file:
        strings: list[str] = json.load(file)
    assert len(strings) == 515
    return [*CRAFTED, *(text for text in strings[:: count(10, 1)] if text.strip() and "\0" not in text)]


@pytest.fixture(scope="module")
def hostile(furnished: Stage) -> Iterator[tuple[Client, list[str], list[str]]]:
    """An agent, the threads that hold hostile strings as subjects, and the strings."""
    desk: RunningDesk = furnished.desk
    strings = naughty()
    names = strings[:5]
    people = desk.populate("hostile", *((name, Role.AGENT) for name in names))
    clients = [desk.client(person) for person in people]
    threads: list[str] = []
    for number, group in enumerate(strings[start : start + 30] for start in range(0, len(strings), 30)):
        client = clients[number % len(clients)]
        threads.extend([client.open(text[:900], text) for text in group[:6]])
        for text in group:
            answer = client.say(threads[-1], text, "internal" if len(text) % 2 else "public")
            assert answer.status_code == 201, (text, answer.text)
            assert answer.json()["body"] == text
    furnished.agent, kept = people[0], furnished.agent
    yield clients[0], threads, strings
    furnished.agent = kept


def test_what_was_typed_is_what_is_stored_and_read(hostile: tuple[Client, list[str], list[str]]) -> None:
    client, threads, strings = hostile
    read = [
        message["body"]
        for thread in threads
        for message in client.get(f"/api/v1/threads/{thread}/messages").json()["messages"]
    ]
    assert set(strings) <= set(read)


def test_every_page_keeps_its_header_fields(hostile: tuple[Client, list[str], list[str]]) -> None:
    client, threads, _ = hostile
    for path in ("/", "/?view=all", "/new", *(f"/c/{thread}" for thread in threads)):
        answer = client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200, path
        lint(answer)
        assert answer.text.count("<script") == 1


def test_nothing_runs_and_nothing_breaks(stage: Stage, hostile: tuple[Client, list[str], list[str]]) -> None:
    _, threads, _ = hostile
    eyes = stage.open(stage.agent)
    page = eyes.page()
    # So many pages in a minute are more sockets than a person may open.
    page.route_web_socket("**/api/v1/live", lambda socket: socket.close(code=1013))
    for path in ("/", "/?view=all", "/new", *(f"/c/{thread}?view=all" for thread in threads[:: count(3, 1)])):
        page.goto(path)
        page.wait_for_timeout(30)
        assert page.evaluate("window.__pwn") is None, path
        assert page.url.endswith(path)
    page.goto(f"/c/{threads[0]}")
    eyes.look(page, "hostile")
    narrow = stage.open(stage.agent, width=320)
    small = narrow.page()
    for path in ("/?view=all", f"/c/{threads[0]}", f"/c/{threads[-1]}"):
        small.goto(path)
        narrow.look(small, f"hostile-320-{path.strip('/?=')[-4:]}")


def test_hostile_text_comes_back_in_a_refused_form(stage: Stage) -> None:
    eyes = stage.open(stage.agent, scripts=False)
    eyes.expected.add(400)
    page = eyes.page()
    page.goto("/new")
    page.evaluate("document.querySelectorAll('[maxlength]').forEach(e => e.removeAttribute('maxlength'))")
    text = "</textarea><script>window.__pwn=1</script>"
    page.fill("[name=subject]", '"><img src=x onerror=window.__pwn=1>' + "é" * 600)
    page.fill("[name=body]", text)
    page.click("#new-request button")
    assert page.locator("#new-error").is_visible()
    assert page.input_value("[name=body]") == text
    assert page.evaluate("window.__pwn") is None
