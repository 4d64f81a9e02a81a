"""Two browsers chat while the network drops, tabs reload and the desk is killed: each message once, in one order, as in the ledger."""

import os
import random
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as BrowserError

from browser.conftest import Eyes, Stage
from counts import FULL, count
from running import RunningDesk, running
from sealdesk.access.permissions import Role
from wire import Wire

# Minutes even when it is short; every run has `test_a_chat_of_two_browsers`.
pytestmark = [pytest.mark.browser, pytest.mark.full]

MESSAGES = count(16, 1000)
EVERY = 3  # messages between two troubles
KINDS = ("offline", "cut", "hush", "sever", "reload", "reload while cut", "draft", "kill")
LIMITS = "message-post:person=60/5second,address=9000/minute,target=9000/minute,org=9000/minute read:person=9000/minute,address=9000/minute"
PATIENCE = 60_000  # milliseconds until all is well again after the last trouble
LOUD = re.compile(r"net::ERR_|WebSocket connection to|htmx:error|status of 503")
"""What a browser says of a network that is gone."""


@dataclass
class Side:
    """One of the two: a browser with a network of its own."""

    name: str
    eyes: Eyes
    wire: Wire
    page: Page
    written: list[str] = field(default_factory=list[str])

    def say(self, text: str) -> None:
        """Write and send, whatever the network does."""
        self.page.fill("#composer-body", text)
        self.page.keyboard.press("Control+Enter")
        self.written.append(text)

    def reload(self) -> None:
        """As a person does: until there is a page."""
        for _ in range(200):
            try:
                self.page.reload(wait_until="domcontentloaded")
                self.page.wait_for_selector("#composer-body", timeout=500)
                return
            except BrowserError:
                self.page.wait_for_timeout(100)
        raise AssertionError(f"no page for {self.name}")

    def seen(self) -> list[tuple[str, str]]:
        """The messages that the page shows: entry and text."""
        return [
            (str(entry).removeprefix("e-"), str(text))
            for entry, text in self.page.eval_on_selector_all(
                "#items article", "all => all.map(each => [each.id, each.querySelector('.body').textContent])"
            )
        ]

    def all_seen(self) -> list[tuple[str, str]]:
        """Every message of the conversation, stretch by stretch, as far back as the page leads."""
        self.reload()
        found = self.seen()
        while (earlier := self.page.get_by_role("link", name="Show earlier messages")).count():
            self.page.goto(str(earlier.get_attribute("href")))
            found = self.seen() + found
        return found


@pytest.fixture(scope="module")
def desk(request: pytest.FixtureRequest) -> Iterator[RunningDesk]:
    """The desk that all share bears it, as its parts start again; for a thousand messages one that limits less, and for seconds only."""
    if not FULL:
        yield request.getfixturevalue("running_desk")
        return
    with running(LIMITS=LIMITS) as made:
        yield made


@pytest.fixture
def two(desk: RunningDesk, browser: Browser) -> Iterator[tuple[Side, Side]]:
    """A requester in the portal and an agent at the desk, in one conversation."""
    requester, agent = desk.populate("two", ("Robin Vale", Role.REQUESTER), ("Ada Lindqvist", Role.AGENT))
    stage = Stage(desk, browser, requester, requester, agent, agent, agent, [])
    thread = desk.client(requester).open("A long talk", "the first")
    with Wire() as theirs, Wire() as ours:
        sides = list[Side]()
        for name, person, wire in (("requester", requester, theirs), ("agent", agent, ours)):
            eyes = stage.open(person, proxy=wire.address)
            page = eyes.page()
            page.goto(f"/c/{thread}")
            sides.append(Side(name, eyes, wire, page))
        yield sides[0], sides[1]
        for side in sides:
            side.eyes.context.close()


@dataclass
class Troubles:
    """What happens, in a seeded order: a whole round of all kinds before any comes again. Each lasts until the next."""

    desk: RunningDesk
    chance: random.Random
    kinds: list[str] = field(default_factory=list[str])
    lasting: list[Side] = field(default_factory=list[Side])
    happened: list[str] = field(default_factory=list[str])

    def next(self, side: Side, other: Side) -> None:
        """What lasted is over, and another trouble befalls `side`, who has just sent something."""
        self.end()
        if not self.kinds:
            self.kinds = [*KINDS * count(1, 3), "restart"]
            self.chance.shuffle(self.kinds)
        kind = self.kinds.pop()
        self.happened.append(kind)
        match kind:
            case "offline":
                side.eyes.context.set_offline(True)
                side.wire.cut()
            case "cut":
                side.wire.cut()
            case "hush":
                side.wire.hush()
            case "sever":
                side.wire.sever()
                other.wire.sever()
            case "reload":
                side.reload()
            case "reload while cut":
                side.wire.sever()
                side.reload()
            case "draft":
                draft(side, f"{side.name} thinks {len(side.written)}")
            case "kill":
                for pid in self.desk.pids("web server"):  # none, if it is not up again since the last time
                    os.kill(pid, signal.SIGKILL)
            case _:
                self.desk.restart()
        if kind in ("offline", "cut", "hush"):
            self.lasting.append(side)

    def end(self) -> None:
        """The network is there again."""
        for side in self.lasting:
            side.wire.mend()
            side.eyes.context.set_offline(False)
        self.lasting.clear()


def draft(side: Side, text: str) -> None:
    """What is typed and not sent outlasts a reload, and is sent then."""
    side.page.fill("#composer-body", text)
    side.reload()
    expect(side.page.locator("#composer-body")).to_have_value(text)
    side.page.press("#composer-body", "Control+Enter")
    side.written.append(text)


def recorded(desk: RunningDesk) -> list[str]:
    """The messages' entries in the order of the stream."""
    rows = desk.sql(
        "select e.entry_id from ledger.entry e join app.message m using (org_id, entry_id) join app.thread t using (org_id, thread_id)"
        " where e.org_id = $1 and e.stream_kind = 'thread' order by e.stream_seq",
        desk.orgs["two"],
    )
    return [str(row["entry_id"]) for row in rows]


def test_a_long_talk_over_a_bad_network(desk: RunningDesk, two: tuple[Side, Side]) -> None:
    """Each message is there once, on both sides, in the order of the ledger; each side's own are in the order in which they were sent."""
    chance = random.Random(4)
    troubles = Troubles(desk, chance)
    for number in range(MESSAGES):
        side, other = two if chance.random() < 0.5 else two[::-1]
        side.say(f"{side.name} says {number} {chance.randbytes(4).hex()}")
        if number % EVERY == EVERY - 1:
            troubles.next(side, other)
    troubles.end()
    for side in two:
        expect(side.page.locator("#outbox article")).to_have_count(0, timeout=PATIENCE)
    order = recorded(desk)
    for side in two:
        expect(side.page.locator(f"#e-{order[-1]}")).to_be_visible(timeout=PATIENCE)
        live = [entry for entry, _ in side.seen()]
        assert live == order[-len(live) :], side.name
    theirs, ours = (side.all_seen() for side in two)
    assert [entry for entry, _ in theirs] == order
    assert theirs == ours
    texts = [text for _, text in theirs]
    assert sorted(texts) == sorted(["the first", *two[0].written, *two[1].written])
    for side in two:
        assert [text for text in texts if text in set(side.written)] == side.written
        assert [what for what in side.eyes.found if not LOUD.search(what)] == []
    print(len(texts), "messages", troubles.happened)
