"""A session that ends while a page is open takes nothing away, and every place is within reach of a small window."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Stage
from browser.test_walk import sign_in
from running import PASSWORD, Person

pytestmark = pytest.mark.browser


def end_sessions(stage: Stage, person: Person) -> None:
    stage.desk.sql("update sec.session set ended_at = now() where member_id = $1", person.member)


@pytest.mark.parametrize("width", [320, 1440])
def test_a_session_ends_with_a_conversation_open(stage: Stage, width: int) -> None:
    """The page stays and says so; signing in leads back to it, with what was written."""
    person = stage.requester if width == 320 else stage.agent
    eyes = stage.open(person, width=width, scheme="light" if width == 320 else "dark")
    eyes.expected.add(401)
    page = eyes.page()
    page.goto(f"/c/{stage.threads[3]}")
    typed = f"Still on its way? {uuid4().hex[:8]}"
    page.fill("#composer-body", typed)
    end_sessions(stage, person)
    page.evaluate("document.querySelector('#news').dispatchEvent(new CustomEvent('poll'))")
    toast = page.locator(".toast", has_text="Your session has ended")
    expect(toast).to_be_visible()
    assert page.url.endswith(f"/c/{stage.threads[3]}")
    expect(page.locator("#composer-body")).to_have_value(typed)
    eyes.look(page, f"ended-while-open-{width}")
    toast.locator("a").click()
    expect(page.locator("text=Your session has ended")).to_be_visible()
    back_to_the_conversation(page, person, stage.threads[3], typed)


def test_a_message_that_the_end_of_a_session_kept(stage: Stage) -> None:
    """Not sent, it stays, and has a way to sign in beside it; after that it is sent by itself."""
    eyes = stage.open(stage.requester, width=320)
    eyes.expected.add(401)
    page = eyes.page()
    page.goto(f"/c/{stage.threads[3]}")
    end_sessions(stage, stage.requester)
    typed = f"Please call me. {uuid4().hex[:8]}"
    page.fill("#composer-body", typed)
    page.click("#composer button")
    letter = page.locator("#outbox article", has_text=typed)
    expect(letter.locator("[data-retry]")).to_be_visible()
    eyes.look(page, "ended-not-sent-320")
    letter.get_by_role("link", name="Sign in").click()
    back_to_the_conversation(page, stage.requester, stage.threads[3], "")
    expect(page.locator("#outbox article")).to_have_count(0)
    expect(page.locator("#items article", has_text=typed)).to_have_count(1)


def back_to_the_conversation(page: Page, person: Person, thread: str, typed: str) -> None:
    sign_in(page, person.email, PASSWORD)
    page.wait_for_url(f"**/c/{thread}")
    expect(page.locator("#conversation")).to_be_visible()
    expect(page.locator("#composer-body")).to_have_value(typed)


def test_every_place_is_within_reach_of_a_small_window(stage: Stage) -> None:
    """Customers have their navigation on a phone too."""
    eyes = stage.open(stage.requester, width=320)
    page = eyes.page()
    page.goto("/")
    for place, path in (("Account", "/account"), ("Evidence", "/exports"), ("My requests", "/")):
        page.locator("nav").get_by_role("link", name=place).click()
        page.wait_for_url(stage.desk.base + path)
        expect(page.locator("nav").get_by_role("link", name=place)).to_be_visible()
    eyes.look(page, "portal-places-320")
