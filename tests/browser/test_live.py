"""Live sockets in the pages: who writes, who is there, who has read; nobody waits at the desk, and without a socket all goes on."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, WebSocket, WebSocketRoute, expect

from browser.conftest import Stage
from browser.test_states import opened, say
from sealdesk.core.counters import key_of

pytestmark = pytest.mark.browser

SEEN = """state => {
  Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""Shows or hides the tab, as far as the page can tell."""
IDS = "rows => rows.map(row => row.id)"


def heard(page: Page) -> list[dict[str, object]]:
    """What comes over the page's sockets from now on."""
    told: list[dict[str, object]] = []

    def take(socket: WebSocket) -> None:
        assert socket.url.endswith("/api/v1/live")
        socket.on("framereceived", lambda payload: told.append(json.loads(payload)))

    page.on("websocket", take)
    return told


def spoken(page: Page) -> list[str]:
    """What the page says over its sockets from now on: types of frames, and `closed`."""
    told: list[str] = []

    def take(socket: WebSocket) -> None:
        socket.on("framesent", lambda payload: told.append(json.loads(payload)["type"]))
        socket.on("close", lambda _: told.append("closed"))

    page.on("websocket", take)
    return told


def quiet(said: list[str], began: float) -> None:
    """No more than a socket takes for however long, and it is still the same socket."""
    assert 0 < len(said) <= 4 + 2 * (time.monotonic() - began), said
    assert "closed" not in said


def tall(page: Page) -> float:
    """The height of the line that tells."""
    box = page.locator("#live").bounding_box()
    return box["height"] if box else 0.0


def test_it_works(stage: Stage) -> None:
    theirs, ours = stage.open(stage.requester), stage.open(stage.agent)
    requester, agent = theirs.page(), ours.page()
    told, said = heard(requester), spoken(requester)
    address = opened(stage, requester)
    agent.goto(address)
    expect(agent.locator("#live")).to_contain_text("Robin Vale is here")
    expect(requester.locator("#live")).to_have_text("")
    height = tall(requester)
    agent.fill("#composer-body", "I am")
    agent.locator("#composer-body").press_sequentially(" thinking")
    expect(requester.locator("#live")).to_have_text("Somebody of the desk is writing…")
    say(agent, "A considered answer")
    expect(requester.locator("#items article", has_text="A considered answer")).to_be_visible()
    expect(agent.locator("#live")).to_contain_text("Read by Robin Vale")
    _who_writes_on_is_seen_to(requester, agent)
    assert tall(requester) == height > 0, "nothing jumps"
    theirs.look(requester, "live-portal")
    ours.look(agent, "live-desk")
    agent.locator("#composer input[value=internal] + span").click()
    agent.locator("#composer-body").press_sequentially("between us")
    requester.wait_for_timeout(1000)
    expect(requester.locator("#live")).not_to_contain_text("writing")
    asked: list[str] = []
    agent.on("request", lambda request: asked.append(request.url))
    text = f"Once more {uuid4().hex[:6]}"
    say(requester, text)
    expect(agent.locator("#items article", has_text=text)).to_have_count(1)
    assert [url for url in asked if "/news?" in url]
    assert [url for url in asked if "wait=" in url] == []
    ours.expected.add(502)
    _a_read_that_fails_is_made_again(requester, agent)
    assert "considered" not in json.dumps(told)
    assert {each["type"] for each in told} >= {"ready", "watching", "bell", "typing"}
    # Whoever writes a burst of short answers says little of it: frames are counted.
    said.clear()
    began = time.monotonic()
    burst = [f"ok {number} {uuid4().hex[:6]}" for number in range(8)]
    for text in burst:
        say(requester, text)
        requester.wait_for_timeout(150)
    expect(agent.locator("#items article .body").last).to_have_text(burst[-1])
    expect(requester.locator("#live")).to_contain_text("Read by Ada Lindqvist")
    quiet(said, began)
    assert theirs.found + ours.found == []


def _who_writes_on_is_seen_to(requester: Page, agent: Page) -> None:
    """Straight after an answer, also by one letter and a pause; and no longer, once they empty it or turn to a note."""
    line = requester.locator("#live")
    for stop in (
        lambda: agent.fill("#composer-body", ""),
        lambda: agent.locator("#composer input[value=internal] + span").click(),
    ):
        expect(line).to_have_text("Ada Lindqvist is here")
        agent.locator("#composer-body").press_sequentially("A")
        expect(line).to_have_text("Ada Lindqvist is writing…")
        stop()
        expect(line).to_have_text("Ada Lindqvist is here", timeout=4_000)
    agent.locator("#composer input[value=public] + span").click()
    agent.fill("#composer-body", "")


def _a_read_that_fails_is_made_again(requester: Page, agent: Page) -> None:
    """Soon, though no bell rings twice: with a socket a page looks by itself every fifteen seconds only."""
    failed = list[Route]()

    def fail(route: Route) -> None:
        failed.append(route)
        if len(failed) < 3:
            route.fulfill(status=502)
        else:
            route.continue_()

    expect(agent.locator("#news:not([hx-get*=unsealed])")).to_have_count(1)  # while a seal is due it asks anyhow
    agent.route("**/news?*", fail)
    text = f"In spite of it {uuid4().hex[:6]}"
    say(requester, text)
    expect(agent.locator("#items article", has_text=text)).to_be_visible(timeout=8_000)
    assert len(failed) >= 3
    agent.unroute("**/news?*")


def _no_bell_hurries_a_page_that_is_to_wait(agent: Page, ring: Callable[[], None]) -> None:
    """And what rang meanwhile is asked for as soon as the desk may be asked again."""
    asked = list[float]()

    def wait(route: Route) -> None:
        asked.append(time.monotonic())
        if len(asked) == 1:
            route.fulfill(status=429, headers={"retry-after": "3"})
        else:
            route.continue_()

    agent.route("**/news?*", wait)
    while len(asked) < 2:
        ring()
        agent.wait_for_timeout(200)
    assert 2.9 < asked[1] - asked[0] < 6
    agent.unroute("**/news?*")


def test_without_a_socket_the_page_asks_by_itself(stage: Stage) -> None:
    """Also where there was one, and it breaks: nothing is lost, and nothing comes twice."""
    theirs, ours = stage.open(stage.requester), stage.open(stage.agent)
    requester, agent = theirs.page(), ours.page()
    address = opened(stage, requester)
    routes: list[WebSocketRoute] = []

    def route(socket: WebSocketRoute) -> None:
        if routes:
            socket.close(code=1013)
        else:
            socket.connect_to_server()
        routes.append(socket)

    agent.route_web_socket("**/api/v1/live", route)
    agent.goto(address)
    expect(agent.locator("#live")).to_contain_text("Robin Vale is here")
    ours.expected.add(429)
    bell = {"type": "bell", "thread": address.rpartition("/")[2], "stream": "thread", "seq": 1}
    _no_bell_hurries_a_page_that_is_to_wait(agent, lambda: routes[0].send(json.dumps(bell)))
    routes[0].close(code=1012)
    expect(agent.locator("#live")).to_have_text("")
    for number in range(3):
        text = f"Still there {number} {uuid4().hex[:6]}"
        say(requester, text)
        expect(agent.locator("#items article", has_text=text)).to_have_count(1)
    # Asked to wait, it waits.
    asked = list[str]()

    def wait(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=429, headers={"retry-after": "20"})

    agent.route("**/news?*", wait)
    while not asked:
        agent.wait_for_timeout(50)
    agent.wait_for_timeout(2_000)
    assert len(asked) == 1
    assert theirs.found + ours.found == []


def test_the_list_follows(stage: Stage) -> None:
    """Whoever only has the list open sees a new conversation within a few seconds, and what was typed into the filter stays."""
    asking = stage.desk.client(stage.requester)
    stage = replace(stage, threads=[asking.open(f"One of the rows, {number}") for number in range(len(stage.threads))])
    theirs, ours = stage.open(stage.requester), stage.open(stage.agent)
    requester, agent = theirs.page(), ours.page()
    told, said = heard(agent), spoken(agent)
    with agent.expect_websocket() as opening:
        agent.goto("/?view=open")
    while not told:
        opening.value.wait_for_event("framereceived")
    agent.fill("#filter", "Stuck")
    address = opened(stage, requester)
    row = agent.locator(f"#row-{address.rpartition('/')[2]}")
    expect(row).to_be_visible(timeout=8000)
    text = f"And another thing {uuid4().hex[:6]}"
    say(requester, text)
    expect(row).to_contain_text(text, timeout=8000)
    assert {each["type"] for each in told} == {"ready", "list"}
    expect(agent.locator("#filter")).to_have_value("Stuck")
    # Whoever steps through the list looks at where they stay, and is no flood on the way.
    agent.fill("#filter", "")
    said.clear()
    began = time.monotonic()
    steps = [f"/c/{each}" for each in stage.threads] * 2 + [address]
    for path in steps:
        agent.locator(f"#row-{path.rpartition('/')[2]}").click()
        agent.wait_for_timeout(300)
    agent.wait_for_timeout(700)
    quiet(said, began)
    _the_list_stays_under_the_pointer(stage, agent)
    assert theirs.found + ours.found == []
    ours.expected.add(503)
    _of_two_rows_opened_at_once_it_is_the_second(stage, agent)
    ours.found[:] = [each for each in ours.found if "ERR_FAILED" not in each and "Failed to fetch" not in each]
    assert theirs.found + ours.found == []


def _the_list_stays_under_the_pointer(stage: Stage, agent: Page) -> None:
    """A row that is pressed while the list goes on is what the click is for, and the news come after it."""
    rows = agent.locator("#rows .row")
    thread, moves = stage.threads[0], stage.threads[-1]
    row = agent.locator(f"#row-{thread}")
    before = rows.evaluate_all(IDS)
    row.hover()
    agent.mouse.down()
    with agent.expect_response(lambda answer: answer.url.endswith("/?view=open") and "Are you there?" in answer.text()):
        stage.desk.client(stage.requester).say(moves, "Are you there?")
    agent.wait_for_timeout(300)
    assert rows.evaluate_all(IDS) == before
    agent.mouse.up()
    expect(agent.locator(f"#conversation[data-thread='{thread}']")).to_be_visible()
    expect(rows.first).to_have_id(f"row-{moves}")


def _of_two_rows_opened_at_once_it_is_the_second(stage: Stage, agent: Page) -> None:
    """Whichever answer comes first; and one that can't be had says so."""
    held = list[Route]()
    agent.route("**/c/*?view=open", lambda route: held.append(route))  # noqa: PLW0108 - a method can not be marked
    for number, which in enumerate((1, 2, 3, 3), 1):
        agent.locator(f"#row-{stage.threads[which]}").click()
        while len(held) < number:
            agent.wait_for_timeout(50)
        if number == 2:
            for route in held:
                route.continue_()
                agent.wait_for_timeout(400)
            expect(agent.locator(f"#conversation[data-thread='{stage.threads[2]}']")).to_be_visible()
        if number == 3:
            held[2].fulfill(status=503, headers={"retry-after": "7"})
            expect(agent.locator("#toasts")).to_contain_text("The desk is busy. You can go on in")
    held[3].abort()
    expect(agent.locator("#toasts")).to_contain_text("can't be reached")
    expect(agent.locator("#rows [aria-current]")).to_have_id(f"row-{stage.threads[2]}")
    expect(agent.locator("#said")).not_to_contain_text(agent.locator(f"#row-{stage.threads[3]} strong").inner_text())
    assert agent.url.partition("/c/")[2].startswith(stage.threads[2])


def test_a_bell_that_nobody_saw_is_answered_when_the_tab_is_seen(stage: Stage) -> None:
    """And where others have used the limit of a conversation up, its page comes back to the socket when that is over."""
    theirs, ours = stage.open(stage.requester), stage.open(stage.agent)
    requester, agent = theirs.page(), ours.page()
    told, said = heard(agent), spoken(agent)
    thread = opened(stage, requester).rpartition("/")[2]
    stage.desk.sql(
        "insert into sec.counter (key, count, until) values ($1, 1200, clock_timestamp() + interval '3 s') on conflict (key)"
        " do update set count = excluded.count, until = excluded.until",
        key_of(f"live/target/{thread}/{stage.desk.orgs[stage.agent.org]}"),
    )
    agent.goto(f"/c/{thread}")
    while "refused" not in [each["type"] for each in told]:
        agent.wait_for_timeout(50)
    said.clear()
    agent.locator("#composer-body").press_sequentially("On")
    while "watching" not in (kinds := [each["type"] for each in told]):
        agent.wait_for_timeout(50)
    assert "refused" in kinds[: kinds.index("watching")]
    assert {*said}.isdisjoint(("typing", "read"))
    agent.fill("#composer-body", "")
    agent.evaluate(SEEN, "hidden")
    del told[:]
    text = f"While you were away {uuid4().hex[:6]}"
    say(requester, text)
    while "list" not in [each["type"] for each in told]:
        agent.wait_for_timeout(50)
    row = agent.locator(f"#row-{thread}")
    agent.wait_for_timeout(300)
    expect(row).not_to_contain_text(text)
    agent.evaluate(SEEN, "visible")
    expect(row).to_contain_text(text, timeout=8_000)
    assert theirs.found + ours.found == []


def test_a_desk_that_is_away_is_asked_ever_more_seldom(stage: Stage) -> None:
    """And at once when the network is back; an answer makes the page as quick as before."""
    eyes = stage.open(stage.requester)
    page = eyes.page()
    opened(stage, page)
    eyes.context.set_offline(True)
    page.wait_for_timeout(1_500)
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.wait_for_timeout(3_000)
    assert 1 <= len([url for url in failed if "/news?" in url]) <= 3
    eyes.context.set_offline(False)
    text = f"Back again {uuid4().hex[:6]}"
    say(page, text)
    expect(page.locator("#items article", has_text=text)).to_have_count(1)
    loud = "net::ERR_", "htmx:error", "WebSocket is closed before"  # what a browser says of a network that is gone
    eyes.found[:] = [what for what in eyes.found if not any(each in what for each in loud)]
