"""What was flagged, and what is looked for: reviewed by keyboard, changed by an admin; narrow and wide, light and dark."""

import time

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Stage
from browser.test_admin_pages import look_everywhere
from running import Person
from sealdesk.access.permissions import Role

pytestmark = pytest.mark.browser

LINES = """links => links.map(link => {
  const range = document.createRange();
  range.selectNodeContents(link);
  return new Set([...range.getClientRects()].map(box => box.top)).size;
})"""
"""On how many lines each stands."""


@pytest.fixture(scope="module")
def watched(furnished: Stage) -> dict[Role, Person]:
    """An organisation with a flagged message, and nothing else."""
    desk = furnished.desk
    roles = (Role.REQUESTER, Role.AGENT, Role.ADMIN, Role.AUDITOR)
    people = {person.role: person for person in desk.populate("sentry", *((f"Rev {role}", role) for role in roles))}
    client = desk.client(people[Role.REQUESTER])
    client.say(client.open(), "I will k1ll  уоu " + "w" * 300)
    agent, until = desk.client(people[Role.AGENT]), time.monotonic() + 30
    while not agent.get("/api/v1/flags").json()["flags"]:
        assert time.monotonic() < until
        time.sleep(0.2)
    desk.settled()
    return people


def test_review(stage: Stage, watched: dict[Role, Person]) -> None:
    """From the inbox to a decision, with the keyboard alone; an auditor sees the same without forms, a requester nothing."""
    eyes = stage.open(watched[Role.AUDITOR])
    page = eyes.page()
    page.goto("/review")
    expect(page.locator("main article")).to_have_count(1)
    expect(page.locator("main form")).to_have_count(0)
    ours = stage.open(watched[Role.AGENT])
    agent = ours.page()
    agent.goto("/")
    expect(agent.locator(".places a[href='/review'] b")).to_have_text("1")
    agent.click(".places >> text=Review")
    agent.wait_for_url("**/review")
    card = agent.locator("main article")
    expect(card).to_contain_text("Threat")
    expect(card).to_contain_text("Message by Rev requester")
    look_everywhere(ours, agent, "review")
    _tabs_are_whole_at_320(agent)
    agent.goto("/review")
    card.locator("summary").focus()
    agent.keyboard.press("Enter")
    expect(card.locator("details")).to_contain_text("Threats, line 1: kill {you")
    card.locator("[name=reason]").focus()
    agent.keyboard.type("They said so twice")
    agent.keyboard.press("Tab")
    agent.keyboard.press("Enter")
    agent.wait_for_url("**/review?done=confirmed")
    expect(agent.locator(".flash")).to_contain_text("on record")
    expect(agent.locator(".places a[href='/review'] b")).to_have_text("0")
    expect(agent.locator(".empty")).to_contain_text("Nothing waits")
    ours.look(agent, "review-nothing")
    agent.click("nav.segments >> text=Confirmed")
    agent.click("main article >> text=The conversation")
    agent.wait_for_url("**/c/*")
    for sentence in (
        "Flagged for review: message (threat)",
        "Escalated",
        "Flag confirmed by Rev agent: They said so twice",
    ):
        expect(agent.locator("#items")).to_contain_text(sentence)
    theirs = stage.open(watched[Role.REQUESTER])
    theirs.expected.add(403)
    requester = theirs.page()
    requester.goto(agent.url)
    expect(requester.locator("#items")).to_contain_text("k1ll")
    expect(requester.locator("body")).not_to_contain_text("Flagged")
    expect(requester.locator("body")).not_to_contain_text("Review")
    answer = requester.goto("/review")
    assert answer is not None
    assert answer.status == 403
    assert eyes.found + ours.found + theirs.found == []


def _tabs_are_whole_at_320(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    assert set(page.eval_on_selector_all(".segments a", LINES)) == {1}
    page.set_viewport_size({"width": 1440, "height": 900})


def test_lexicons(stage: Stage, watched: dict[Role, Person]) -> None:
    """An admin imports terms, removes one, and switches a lexicon off and on; a line that can't be looked for comes back."""
    eyes = stage.open(watched[Role.ADMIN])
    eyes.expected.add(400)
    page = eyes.page()
    page.goto("/lexicons")
    own = page.locator("section#custom")
    own.locator("textarea").fill("Project Nightjar\nacme leak*\n")
    own.locator("button", has_text="Add").click()
    page.wait_for_url("**/lexicons?done=lexicon#custom")
    expect(own).to_contain_text("2 lines")
    look_everywhere(eyes, page, "lexicons")
    page.goto("/lexicons")
    own.locator("summary").click()
    own.locator("li", has_text="acme").locator("button").click()
    expect(own).to_contain_text("1 line")
    own.locator("textarea").fill("...")
    own.locator("button", has_text="Add").click()
    expect(own.locator("[role=alert]")).to_contain_text("Line 1 has a term with fewer than 2 letters.")
    expect(own.locator("textarea")).to_have_value("...")
    eyes.look(page, "lexicons-refused")
    abuse = page.locator("section#abuse")
    abuse.locator("button", has_text="Switch off").click()
    expect(abuse).to_contain_text("Off, version 1")
    abuse.locator("button", has_text="Switch on").click()
    expect(abuse).to_contain_text("On, version 2")
    ours = stage.open(watched[Role.AGENT])
    agent = ours.page()
    agent.goto("/lexicons")
    expect(agent.locator("main form")).to_have_count(0)
    assert eyes.found + ours.found == []
