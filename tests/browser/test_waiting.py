"""A limit in the way of a message: a sentence with a countdown, told to screen readers once, and then it is sent by itself."""

from typing import Literal
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Frame, Page, expect

from browser.conftest import Stage
from browser.test_states import opened, say
from counts import FULL
from running import RunningDesk
from sealdesk.core.counters import key_of

pytestmark = pytest.mark.browser

SECONDS = 8
LISTEN = """() => {
  window.told = [];
  new MutationObserver(() => window.told.push(document.querySelector("#said").textContent))
    .observe(document.querySelector("#said"), {childList: true, characterData: true, subtree: true});
  window.shown = [];
  new MutationObserver(() => {
    const clock = document.querySelector("[role=timer]")?.textContent;
    if (clock && clock !== window.shown.at(-1)) window.shown.push(clock);
  }).observe(document.body, {childList: true, characterData: true, subtree: true});
}"""
"""Keeps what the status line tells a screen reader from now on, and what the clock shows."""
QUIET = "face => face.ariaLive"
"""Whatever is around the clock, its ticking is no news."""


def full(desk: RunningDesk, member: UUID) -> None:
    """Let this person have written as often as the limit allows, for some seconds more."""
    desk.sql(
        "insert into sec.counter (key, count, until) values ($1, 120, clock_timestamp() + make_interval(secs => $2))"
        " on conflict (key) do update set count = excluded.count, until = excluded.until",
        key_of(f"message-post/person/{member}"),
        SECONDS,
    )


def counted(page: Page | Frame) -> list[str]:
    """What the clock has shown, once it is gone."""
    expect(page.locator("[role=timer]")).to_have_count(0)
    shown: list[str] = page.evaluate("window.shown")
    return shown


def told_once(page: Page | Frame) -> None:
    """One sentence for each letter that was held up, and that it was sent; nothing in between."""
    told = page.evaluate("window.told")
    assert len([each for each in told if each != "Sent"]) <= 2
    assert list(dict.fromkeys(each.partition(" in ")[0] for each in told)) == [
        "Too many at once. Your message is sent by itself",
        "Sent",
    ]


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), *([(1440, "dark"), (320, "dark")] if FULL else [])])
def test_the_composer_counts_down_and_sends(stage: Stage, width: int, scheme: Literal["light", "dark"]) -> None:
    """What is written meanwhile waits behind it; until then it can be taken back to be written anew."""
    person = stage.requester
    eyes = stage.open(person, width=width, scheme=scheme)
    eyes.expected.add(429)
    page = eyes.page()
    opened(stage, page)
    full(stage.desk, person.member)
    page.evaluate(LISTEN)
    texts = [f"{word} {uuid4().hex[:6]}" for word in ("first", "second", "third")]
    for text in texts:
        say(page, text)
    letters = page.locator("#outbox article")
    expect(letters.locator(".state")).to_have_text(["waiting"] * 3)
    expect(letters.first).to_contain_text("Too many at once. This is sent by itself in")
    assert page.eval_on_selector("[role=timer]", QUIET) == "off"
    eyes.look(page, f"waiting-{width}-{scheme}")
    letters.first.get_by_role("button", name="Edit").click()
    expect(page.locator("#composer-body")).to_have_value(texts[0])
    expect(letters.first).to_contain_text(texts[1])
    expect(page.locator("[role=timer]")).to_have_count(1)
    assert len(counted(page)) >= 2
    expect(letters).to_have_count(0)
    expect(page.locator("#items article .body")).to_contain_text(["It does not start.", *texts[1:]])
    told_once(page)
