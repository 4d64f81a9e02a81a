"""The widget in real Chromium with the cookies of third parties blocked, on the site that the demonstration has for an example."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.policy import default
from typing import Literal
from uuid import UUID

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    FrameLocator,
    Page,
    Route,
    expect,
    sync_playwright,
)

import needs
from browser.conftest import FLAGS, PICTURES, Eyes, axe
from browser.test_waiting import LISTEN, QUIET, counted, full, told_once
from running import Person, RunningDesk, apart, free_port
from sealdesk.access.permissions import Role
from sealdesk.members.rules import set_allowed_origins
from sealdesk.people import commands as people
from sealdesk.people.sessions import Issued, Visit
from sealdesk.unit import Desk
from sealdesk.widget import queries, switching
from sealdesk.widget.example import Shop, serve
from sealdesk.widget.identity import audience

pytestmark = pytest.mark.browser

LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((320, "light"), (900, "dark"))
COOKIE = "document.cookie = 'third=1; Secure; SameSite=None', document.cookie"
FORGET_WHOSE = """() => {
  const name = Object.keys(sessionStorage).find(each => each.startsWith("visit:"));
  sessionStorage[name] = JSON.stringify({...JSON.parse(sessionStorage[name]), member: undefined});
}"""


@dataclass
class Street:
    """The desk, the site that is allowed, one that is not, and who works at the desk."""

    desk: RunningDesk
    browser: Browser
    shop: Shop
    stranger: str
    admin: Person
    agent: Person
    other: Person


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as a person sets it who wants no cookies of third parties."""
    with sync_playwright() as playwright:
        flags = [*FLAGS, "--test-third-party-cookie-phaseout"]
        made = playwright.chromium.launch(executable_path=str(needs.chromium(whole=True)), args=flags)
        yield made
        made.close()


@pytest.fixture(scope="module")
def street(running_desk: RunningDesk, browser: Browser) -> Iterator[Street]:
    admin, agent, robin, sam = running_desk.populate(
        "lane",
        ("Mateo Ruiz", Role.ADMIN),
        ("Ada Lindqvist", Role.AGENT),
        ("Robin Vale", Role.REQUESTER),
        ("Sam Okafor", Role.REQUESTER),
    )
    ports = free_port(), free_port()
    blank = Shop(f"http://localhost:{ports[0]}", running_desk.base, "", "", "", robin.email, "Robin Vale")
    shop = apart(opened(running_desk, admin, blank))
    servers = [serve(shop, port) for port in ports]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Street(running_desk, browser, shop, f"http://localhost:{ports[1]}", admin, agent, sam)
    for server in servers:
        server.shutdown()
        server.server_close()


async def opened(running: RunningDesk, admin: Person, shop: Shop) -> Shop:
    """The widget switched on for that site, by the organisation's admin."""
    async with Desk.opened(running.settings) as desk:
        issued = await people.sign_in(
            desk, admin.email, admin.password, None, Visit({"address": "", "agent": "", "session": ""})
        )
        assert isinstance(issued, Issued)
        await set_allowed_origins(desk, issued.actor, (shop.origin,), lambda _: None)
        await switching.switch(desk, issued.actor, on=True, require=lambda _: None)
        key = await switching.turn_key(desk, issued.actor, lambda _: None)
        async with desk.read(issued.actor) as work:
            held, _ = await queries.arrangement(work)
        return replace(shop, widget=held.id, key=key, audience=audience(desk.ledger_name, held.id))


def context_of(
    street: Street, width: int = 900, scheme: Literal["light", "dark"] = "light"
) -> tuple[BrowserContext, Eyes]:
    """Somebody's browser, watched."""
    size = {"width": width, "height": 700}
    context = street.browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")  # pyright: ignore[reportArgumentType]
    return context, Eyes(context, street.desk.base)


def visited(eyes: Eyes, address: str) -> tuple[Page, FrameLocator]:
    """A page of a site with its window open, and that window."""
    page = eyes.page()
    page.goto(address)
    page.get_by_role("button", name="Write to us").click()
    return page, page.frame_locator("iframe")


def problems(street: Street, eyes: Eyes) -> list[str]:
    """What was complained of, but for requests of the site itself."""
    own = f"a request left the desk: {street.shop.origin}"
    return [each for each in eyes.found if not each.startswith(own)]


def code_for(desk: RunningDesk, email: str) -> str:
    """The code in the newest mail to somebody."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for path in sorted(desk.settings.mail.glob("*.eml"), reverse=True):
            mail = message_from_bytes(path.read_bytes(), policy=default)
            if mail["to"] == email and (body := mail.get_body(("plain",))) is not None:
                return str(body.get_content()).partition("Code:")[2].split()[0]
        time.sleep(0.2)
    raise AssertionError(f"no mail to {email}")


def say(window: FrameLocator, text: str) -> None:
    """Write and send."""
    window.get_by_label("Your message").fill(text)
    window.get_by_role("button", name="Send").click()


def newest(desk: RunningDesk) -> str:
    """The conversation that was begun last in a widget."""
    rows = desk.sql("select thread_id from app.thread where channel = 'widget' order by created_at desc limit 1")
    return str(rows[0]["thread_id"])


def look(eyes: Eyes, page: Page, name: str) -> None:
    """A picture, and what axe and the width of the window say."""
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")
    violations = axe(eyes.context, page)
    assert violations == "[]", f"{name}: {violations}"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


def test_a_visitor_writes_and_is_answered(street: Street) -> None:
    """By a mailed code, on a site of another origin; what is said arrives by itself, is sealed, and leaves nothing behind."""
    context, eyes = context_of(street)
    page, window = visited(eyes, street.shop.origin)
    window.get_by_label("Your e-mail address").fill("vera@visitor.test")
    window.get_by_label("Your name, if you like").fill("Vera Visitor")
    window.get_by_role("button", name="Mail me a code").click()
    eyes.expected = {401}
    window.get_by_label("The code").fill("AAAA-AAAA")
    window.get_by_role("button", name="Go on").click()
    expect(window.get_by_role("alert")).to_contain_text("not right")
    window.get_by_label("The code").fill(code_for(street.desk, "vera@visitor.test"))
    window.get_by_role("button", name="Go on").click()
    say(window, "Where is my kettle? <b>Order 7</b>")
    log = window.get_by_role("log")
    expect(log.locator(".words")).to_have_text(["Where is my kettle? <b>Order 7</b>"])
    expect(log.locator(".state")).to_have_text(["sealed"])
    staff = street.desk.client(street.agent)
    thread = newest(street.desk)
    assert staff.say(thread, "It left the harbour this morning.").status_code == 201
    staff.say(thread, "A note that no visitor sees", "internal")
    assert ">visitor</span>" in staff.get(f"/c/{thread}", headers={"accept": "text/html"}).text
    expect(log.locator(".words").nth(1)).to_have_text("It left the harbour this morning.")
    look(eyes, page, "widget-conversation")
    first = staff.get(f"/api/v1/threads/{thread}/messages").json()["messages"][0]["id"]
    redacted = staff.act(
        "POST", f"/api/v1/threads/{thread}/messages/{first}/redaction", json={"mode": "withhold", "code": "other"}
    )
    assert redacted.status_code < 300, redacted.text
    staff.say(thread, "One of them is withheld now.")
    expect(log.locator(".words").first).to_have_text("This message was withheld.")
    assert "no visitor sees" not in window.locator("body").inner_text()
    assert context.cookies() == []
    # Blocked they are, and not merely unused: what a frame of another site sets is not there.
    frame = next(each for each in page.frames if each.url.startswith(street.desk.base))
    assert frame.evaluate(COOKIE) == ""
    window.get_by_role("button", name="Leave").click()
    expect(window.get_by_label("Your e-mail address")).to_be_visible()
    expect(log.locator(".words")).to_have_count(0)
    live = (
        "select count(*) as n from sec.session s join app.member m using (org_id, member_id)"
        " where m.name = 'Vera Visitor' and s.ended_at is null"
    )
    assert street.desk.sql(live)[0]["n"] == 0
    assert problems(street, eyes) == []
    context.close()


def test_a_site_says_who_is_there(street: Street) -> None:
    """Nobody is asked anything; keys alone do everything; in the dark, on a phone."""
    context, eyes = context_of(street, 320, "dark")
    page, window = visited(eyes, street.shop.origin + "/account")
    field = window.get_by_label("Your message")
    expect(field).to_be_focused()
    page.keyboard.type("By keys alone")
    page.keyboard.press("Enter")
    expect(window.get_by_role("log").locator(".state")).to_have_text(["sealed"])
    look(eyes, page, "widget-phone-dark")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Write to us")).to_be_focused()
    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    # Where a frame may keep nothing, the site says again who is there.
    page.reload()
    page.get_by_role("button", name="Write to us").click()
    expect(page.frame_locator("iframe").get_by_role("log").locator(".words").last).to_have_text("By keys alone")
    assert problems(street, eyes) == []
    context.close()


def test_what_could_not_be_sent_says_so_and_is_there_once(street: Street) -> None:
    """The answer to a message is lost after the desk took it; tried again, it is in the conversation one time."""
    context, eyes = context_of(street)
    page, window = visited(eyes, street.shop.origin + "/account")
    say(window, "The first")
    log = window.get_by_role("log")
    expect(log.locator(".state").last).to_have_text("sealed")
    lost: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(str(route.fetch().status))
        route.abort()

    page.route("**/api/v1/threads/*/messages*", lose)
    eyes.found.clear()
    say(window, "The second")
    expect(log.locator(".words").last).to_have_text("The second")
    _hurry(window, "Try again")
    expect(log.locator(".state").last).to_have_text("sealed")
    assert lost == ["201"]
    assert log.locator(".words").all_inner_texts().count("The second") == 1
    read = street.desk.client(street.agent).get(f"/api/v1/threads/{newest(street.desk)}/messages").json()["messages"]
    assert [each["body"] for each in read].count("The second") == 1
    context.close()


def test_the_words_of_another_customer_are_theirs(street: Street) -> None:
    """Also where they are the same as what waits to be sent, which stays unsent until it can be sent."""
    context, eyes = context_of(street, 320)
    page, window = visited(eyes, street.shop.origin + "/account")
    say(window, "Good morning")
    messages = window.get_by_role("log").locator(".message")
    expect(messages.locator(".state").last).to_have_text("sealed")
    staff, thread = street.desk.client(street.agent), newest(street.desk)
    joined = {"member": str(street.other.member), "present": True, "reason": "travels along"}
    assert staff.act("POST", f"/api/v1/threads/{thread}/participants", json=joined).status_code < 300
    pattern, expected = "**/api/v1/threads/*/messages", "net::ERR_FAILED"
    page.route(pattern, lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    say(window, "ok thanks")
    expect(messages.last).to_contain_text("can't be reached")
    street.desk.client(street.other).say(thread, "ok thanks")
    theirs = messages.filter(has_text="Sam Okafor")
    expect(theirs.locator(".words")).to_have_text(["ok thanks"])
    expect(theirs.locator(".state")).to_have_text("sealed")
    expect(messages.last.locator(".who")).to_have_text("You")
    expect(messages.last.locator(".state")).to_have_text(re.compile("waiting|sending"))
    look(eyes, page, "widget-same-words")
    page.unroute(pattern)
    _hurry(window, "Try now")
    expect(messages.filter(has_text="ok thanks").locator(".state")).to_have_text(["sealed", "sealed"], timeout=20_000)
    read = staff.get(f"/api/v1/threads/{thread}/messages").json()["messages"]
    said = [each["author"]["name"] for each in read if each["body"] == "ok thanks"]
    assert said == ["Sam Okafor", "Robin Vale"]
    assert [what for what in problems(street, eyes) if expected not in what] == []
    context.close()


def _hurry(window: FrameLocator, what: str) -> None:
    """Press the button, unless the message has gone by itself by then."""
    with suppress(Error):
        window.get_by_role("button", name=what).click(timeout=1_000)


def _pass(context: BrowserContext, page: Page) -> None:
    """Ten seconds of the window's clock, less than it waits for an answer, and time of the street for the answer to come."""
    context.clock.run_for(10_000)
    page.wait_for_timeout(150)


def test_a_seal_that_takes_long_is_shown_all_the_same(street: Street) -> None:
    """The signer is away for minutes, by the clock of the window, and then seals what it has."""
    context, eyes = context_of(street)
    context.clock.install()
    page, window = visited(eyes, street.shop.origin + "/account")
    (signer,) = street.desk.pids("signer")
    states = window.get_by_role("log").locator(".state")
    os.kill(signer, signal.SIGSTOP)
    try:
        say(window, "Is this on record?")
        expect(states.last).to_have_text("sent")
        for _ in range(25):
            _pass(context, page)
        expect(states.last).to_have_text("sent")
    finally:
        os.kill(signer, signal.SIGCONT)
    street.desk.settled()
    for _ in range(25):
        if states.last.inner_text() == "sealed":
            break
        _pass(context, page)
    expect(states.last).to_have_text("sealed")
    # Asked to wait, it waits, whatever else goes through meanwhile.
    asked, before = list[str](), states.count()

    def wait(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=429, headers={"retry-after": "60"})

    page.route(re.compile(r"/messages\?after="), wait)
    for number in range(4):
        say(window, f"One more {number}")
        expect(states).to_have_count(before + number + 1)
        expect(states.last).to_have_text("sent")
        page.wait_for_timeout(300)
    assert sorted(url.rpartition("=")[2] for url in asked) == ["0", "25"], "once for news, once for seals"
    context.close()


def test_by_itself_it_outlasts_a_reload(street: Street) -> None:
    """In a window of its own, where the tab's storage is its own, and one that is over says so and keeps what was written."""
    context, eyes = context_of(street, 320)
    page = eyes.page()
    page.goto(f"{street.desk.base}/widget/{street.shop.widget}")
    assert page.evaluate(COOKIE) == "third=1"
    page.get_by_label("Your e-mail address").fill("otto@visitor.test")
    page.get_by_role("button", name="Mail me a code").click()
    page.get_by_label("The code").fill(code_for(street.desk, "otto@visitor.test"))
    look(eyes, page, "widget-code")
    page.get_by_role("button", name="Go on").click()
    _two_windows_have_one_conversation(context, page)
    log, pattern, taken = page.get_by_role("log"), "**/api/v1/threads/*/messages", list[int]()
    # The desk has it, and no answer comes.
    page.route(pattern, lambda route: route.continue_() if taken else taken.append(route.fetch().status))
    page.get_by_label("Your message").fill("On its way")
    page.get_by_role("button", name="Send").click()
    page.get_by_label("Your message").fill("Half a sentence")
    while not taken:
        page.wait_for_timeout(50)
    expect(log.locator(".state").last).to_have_text("sending…")
    asked, news = list[Route](), re.compile(r"/messages\?after=0&")
    page.route(news, lambda route: route.continue_() if asked else asked.append(route))
    page.reload()
    expect(page.get_by_label("Your message")).to_have_value("Half a sentence")
    # The desk says that it has the one before it says what stands before it.
    expect(log.locator(".state")).to_have_text(["sent"])
    asked[0].continue_()
    expect(log.locator(".state")).to_have_text(["sealed"] * 3)
    expect(log.locator(".words")).to_have_text(["Kept in this tab", "From another", "On its way"])
    assert taken == [201]
    page.unroute(pattern)
    _nobody_waits_for_the_desk(page)
    everything = ["Kept in this tab", "From another", "On its way", "Kept waiting", "A thought!", "Straight away"]
    expect(log.locator(".words")).to_have_text(everything)
    on_record = street.desk.client(street.agent).get(f"/api/v1/threads/{newest(street.desk)}/messages").json()
    assert [each["body"] for each in on_record["messages"]] == everything
    eyes.expected = {401}
    page.get_by_label("Your message").fill("Too late")
    street.desk.sql("update sec.session set ended_at = now() where kind = 'visitor' returning 1")
    # The window waits for news, and is told that it waits in vain.
    expect(page.get_by_label("Your e-mail address")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Your visit has ended.")).to_be_visible()
    look(eyes, page, "widget-ask")
    _what_waits_outlasts_the_visit(street, page)
    eyes.expected.add(404)
    _who_takes_part_no_longer_begins_anew(street, page)
    assert [what for what in problems(street, eyes) if "net::ERR_FAILED" not in what] == []
    context.close()


def _two_windows_have_one_conversation(context: BrowserContext, page: Page) -> None:
    """Though both were there before its first message, and the second is about to begin one when the first has begun it."""
    other, stale = context.new_page(), list[str]()
    other.goto(page.url)
    other.evaluate("kept => Object.assign(sessionStorage, kept)", page.evaluate("({...sessionStorage})"))
    other.reload(wait_until="networkidle")
    page.get_by_label("Your message").fill("Kept in this tab")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log").locator(".state")).to_have_text(["sealed"])

    def before(route: Route) -> None:
        stale.append(route.request.method)
        if route.request.method == "GET" and len(stale) == 1:
            answer = route.fetch()
            route.fulfill(response=answer, json={**answer.json(), "thread": None})
        else:
            route.continue_()

    other.route("**/api/v1/widget/conversation", before)
    other.get_by_label("Your message").fill("From another")
    other.get_by_role("button", name="Send").click()
    for each in (page, other):
        expect(each.get_by_role("log").locator(".words")).to_have_text(["Kept in this tab", "From another"])
        expect(each.get_by_role("log").locator(".who")).to_have_text(["You", "You"])
    assert stale == ["GET", "POST", "GET"]
    other.close()


def _what_waits_outlasts_the_visit(street: Street, page: Page) -> None:
    """For the same visitor, also where the page comes anew and only then hears that the visit has ended."""
    assert page.locator("#words").input_value() == "Too late"
    messages = re.compile(r"/api/v1/threads/.*/messages")
    page.route(messages, lambda route: route.abort())
    _come_back(street, page)
    expect(page.get_by_label("Your message")).to_have_value("Too late")
    page.get_by_label("Your message").press("Enter")
    expect(page.get_by_role("log").locator(".message").last).to_contain_text("can't be reached")
    street.desk.sql("update sec.session set ended_at = now() where kind = 'visitor' returning 1")
    page.reload()
    page.unroute(messages)
    _come_back(street, page)
    expect(page.get_by_role("log").locator(".words").last).to_have_text("Too late")
    expect(page.get_by_role("log").locator(".state").last).to_have_text("sealed")


def _who_takes_part_no_longer_begins_anew(street: Street, page: Page) -> None:
    """With what they write next, in the open window."""
    former, agent = _taken_out(street), street.desk.client(street.agent)
    expect(page.get_by_text("This conversation is no longer here.")).to_be_visible()
    for text in ("Somebody there?", "Hello?"):
        page.get_by_label("Your message").fill(text)
        page.get_by_role("button", name="Send").click()
    log = page.get_by_role("log")
    expect(log.locator(".state").last).to_have_text("sealed")
    expect(page.get_by_text("This conversation is no longer here.")).to_be_hidden()
    assert newest(street.desk) != former
    read = agent.get(f"/api/v1/threads/{newest(street.desk)}/messages").json()["messages"]
    assert (
        [each["body"] for each in read] == log.locator(".words").all_inner_texts()[-2:] == ["Somebody there?", "Hello?"]
    )
    _what_may_have_arrived_is_sent_nowhere_else(street, page)


def _taken_out(street: Street) -> str:
    """The newest conversation, of which its visitor is taken out."""
    thread = newest(street.desk)
    (visitor,) = street.desk.sql("select opener_id from app.thread where thread_id = $1", UUID(thread))
    gone = {"member": str(visitor["opener_id"]), "present": False, "reason": "their wish"}
    place = f"/api/v1/threads/{thread}/participants"
    assert street.desk.client(street.agent).act("POST", place, json=gone).status_code in (200, 204)
    return thread


def _what_may_have_arrived_is_sent_nowhere_else(street: Street, page: Page) -> None:
    """The desk took it, no answer came, and the conversation is theirs no longer: only they have it sent once more."""
    log, pattern, taken = page.get_by_role("log"), "**/api/v1/threads/*/messages", list[int]()

    def lose(route: Route) -> None:
        taken.append(route.fetch().status)
        route.abort()

    page.route(pattern, lose)
    page.get_by_label("Your message").fill("Did this arrive?")
    page.get_by_role("button", name="Send").click()
    while not taken:
        page.wait_for_timeout(50)
    former = _taken_out(street)
    page.unroute(pattern)
    expect(log.locator(".message").last).to_contain_text("This may have arrived")
    assert (taken[0], newest(street.desk)) == (201, former)
    page.get_by_role("button", name="Try again").click()
    expect(log.locator(".state").last).to_have_text("sealed")
    assert newest(street.desk) != former


def _come_back(street: Street, page: Page) -> None:
    """Enter once more by a code, which is not the former one."""
    former = code_for(street.desk, "otto@visitor.test")
    page.get_by_label("Your e-mail address").fill("otto@visitor.test")
    page.get_by_role("button", name="Mail me a code").click()
    expect(page.get_by_label("The code")).to_be_visible()
    while (code := code_for(street.desk, "otto@visitor.test")) == former:
        page.wait_for_timeout(50)
    page.get_by_label("The code").fill(code)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_label("Your message")).to_be_visible()


def _nobody_waits_for_the_desk(page: Page) -> None:
    """The page comes anew while a letter waits, and the desk does not say yet who is there: nothing is lost, and all goes in its order."""
    log, field, asked = page.get_by_role("log"), page.get_by_label("Your message"), list[Route]()
    messages, conversation = "**/api/v1/threads/*/messages", "**/api/v1/widget/conversation"
    page.route(messages, lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.route(conversation, lambda route: asked.append(route) if len(asked) < 2 else route.continue_())
    field.fill("Kept waiting")
    field.press("Enter")
    expect(log.locator(".message").last).to_contain_text("can't be reached")
    field.fill("A thought")
    page.reload()
    expect(field).to_have_value("A thought")
    field.press("End")
    field.press_sequentially("!")
    field.press("Enter")
    expect(log.locator(".words")).to_have_text(["Kept waiting", "A thought!"])
    expect(log.locator(".state")).to_have_text(["waiting", "waiting"])
    field.fill("Half a")
    # Where an older page of this tab began the visit, not even whose it is is known.
    page.evaluate(FORGET_WHOSE)
    page.reload()
    field.fill("Straight away")
    field.press("Enter")
    field.fill("sentence")
    while len(asked) < 2:
        page.wait_for_timeout(50)
    asked[1].abort()
    expect(page.get_by_text("Trying again")).to_be_visible()
    expect(log.locator(".who")).to_have_text(["You"])
    page.unroute(messages)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(log.locator(".state")).to_have_text(["sealed"] * 6)
    expect(log.locator(".who")).to_have_text(["You"] * 6)
    expect(field).to_have_value("Half a\n\nsentence")


def test_a_site_that_is_not_allowed_shows_nothing(street: Street) -> None:
    """Chromium refuses the frame for its policy, and what another page says to an open window is not heard."""
    context, eyes = context_of(street)
    page, window = visited(eyes, street.stranger)
    page.wait_for_timeout(1_000)
    assert window.locator("#ask").count() == 0
    assert any("frame-ancestors" in each for each in eyes.found), eyes.found
    # Who opened a window in which nothing comes can close it: the site is theirs again.
    page.get_by_role("button", name="Close").click()
    expect(page.locator("iframe")).to_have_count(0)
    expect(page.get_by_role("button", name="Write to us")).to_be_focused()
    # By itself, in a window of its own, it is a page like any other; a stranger that opened it is not listened to.
    with context.expect_page() as opened:
        page.evaluate(f"window.child = open('{street.desk.base}/widget/{street.shop.widget}#{street.shop.origin}')")
    opened.value.wait_for_load_state()
    page.evaluate("child.postMessage({sealdesk: 1, kind: 'identity', token: 'a.b.c'}, '*')")
    expect(opened.value.get_by_label("Your e-mail address")).to_be_visible()
    context.close()


def test_it_counts_down_to_the_end_of_a_limit_and_sends(street: Street) -> None:
    """What was written meanwhile waits behind it; a screen reader is told once (`test_waiting.py` has the pages)."""
    context, eyes = context_of(street, 320, "dark")
    page, window = visited(eyes, street.shop.origin + "/account")
    say(window, "The first")
    expect(window.get_by_role("log").locator(".state").last).to_have_text("sealed")
    newest_of_all = (
        "select author_id from app.message m join app.thread t using (org_id, thread_id)"
        " where t.channel = 'widget' order by m.at desc limit 1"
    )
    full(street.desk, street.desk.sql(newest_of_all)[0]["author_id"])
    frame = next(each for each in page.frames if each.url.startswith(street.desk.base))
    frame.evaluate(LISTEN)
    texts = ["Straight after it", "And one more"]
    for text in texts:
        say(window, text)
    expect(frame.locator(".message", has_text=texts[0])).to_contain_text("Too many at once. This is sent by itself in")
    assert frame.eval_on_selector("[role=timer]", QUIET) == "off"
    look(eyes, page, "widget-waiting")
    assert len(counted(frame)) >= 2
    for text in texts:
        expect(frame.locator(".message", has_text=text).locator(".state")).to_have_text("sealed")
    assert frame.locator(".words").all_inner_texts()[-2:] == texts
    told_once(frame)
    assert [what for what in problems(street, eyes) if "status of 429" not in what] == []
    context.close()


def test_an_admin_sets_it(street: Street) -> None:
    """The page with the tag and the key, made after a confirmation; on record. Last: the site's key ends with it."""
    context, eyes = context_of(street)
    page = eyes.page()
    page.goto(street.desk.base + "/sign-in")
    page.get_by_label("E-mail").fill(street.admin.email)
    page.get_by_label("Password").fill(street.admin.password)
    page.get_by_role("button", name="Sign in").click()
    page.goto(street.desk.base + "/rules/widget")
    expect(page.locator(".snippet")).to_contain_text(f'data-widget="{street.shop.widget}"')
    eyes.look(page, "widget-settings")
    page.get_by_text("Make a new key", exact=True).click()
    page.get_by_role("button", name="Yes, make a new key").click()
    expect(page.locator("#made")).to_have_text(re.compile(r"^[A-Za-z0-9_-]{43}$"))
    eyes.look(page, "widget-key")
    expect(page.get_by_text("The old key is good until")).to_be_visible()
    _look_everywhere(eyes, page, "widget-old-key")
    page.get_by_text("End the old key now", exact=True).click()
    page.get_by_role("button", name="Yes, end the old key").click()
    expect(page.locator(".flash.good")).to_contain_text("The old key has ended")
    expect(page.get_by_text("The old key is good until")).to_have_count(0)
    page.get_by_text("Switch it off", exact=True).click()
    page.get_by_role("button", name="Yes, switch it off").click()
    expect(page.get_by_text("The keys of your site have ended")).to_be_visible()
    _look_everywhere(eyes, page, "widget-off")
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_text("Your site has no key")).to_be_visible()
    _look_everywhere(eyes, page, "widget-no-key")
    assert eyes.found == []
    context.close()


def _look_everywhere(eyes: Eyes, page: Page, name: str) -> None:
    """Every detail open: wide, narrow, dark."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 700})
        page.emulate_media(color_scheme=scheme)
        page.locator("form").last.scroll_into_view_if_needed()
        eyes.look(page, f"{name}-{width}-{scheme}")
    page.set_viewport_size({"width": 900, "height": 700})
    page.emulate_media(color_scheme="light")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false })")
