"""States of a conversation in the pages: changed with a reason by staff, seen by the other side at once, and a chat of two browsers."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Stage

pytestmark = pytest.mark.browser


def opened(stage: Stage, requester: Page) -> str:
    """A new request; gives its address."""
    requester.goto("/new")
    requester.fill("[name=subject]", f"Stuck {uuid4().hex[:6]}")
    requester.fill("[name=body]", "It does not start.")
    requester.click("form.stack button.primary")
    requester.wait_for_url("**/c/*")
    return requester.url.partition("?")[0]


def change(page: Page, act: str, reason: str) -> None:
    form = page.locator("form[action$='/state']")
    form.locator("[name=act]").select_option(act)
    form.locator("[name=reason]").fill(reason)
    form.locator("button").click()


def say(page: Page, text: str) -> None:
    page.fill("#composer-body", text)
    page.keyboard.press("Control+Enter")


def test_a_chat_of_two_browsers(stage: Stage) -> None:
    """What one writes, the other sees without a reload, each once, in the same order; without a socket a page waits for it at the desk."""
    theirs, ours = stage.open(stage.requester), stage.open(stage.agent)
    requester, agent = theirs.page(), ours.page()
    address = opened(stage, requester)
    agent.route_web_socket(
        "**/api/v1/live", lambda socket: socket.close(code=1013)
    )  # one asks by itself, one has a socket
    agent.goto(address)
    asked: list[str] = []
    agent.on("request", lambda request: asked.append(request.url))
    for number in range(6):
        writer, reader = (requester, agent) if number % 2 else (agent, requester)
        text = f"Message {number} {uuid4().hex[:6]}"
        say(writer, text)
        expect(reader.locator("#items article", has_text=text)).to_be_visible()
    assert [url for url in asked if "/news?" in url and "&wait=20" in url]
    # A reload before the answer comes: it was sent, is no draft, and is there once.
    pattern, taken, text = "**/api/v1/threads/*/messages", list[int](), f"Message 6 {uuid4().hex[:6]}"
    requester.route(pattern, lambda route: taken.append(route.fetch().status))
    say(requester, text)
    expect(agent.locator("#items article", has_text=text)).to_be_visible()
    requester.unroute(pattern)
    requester.reload()
    expect(requester.locator("#items article", has_text=text)).to_have_count(1)
    expect(requester.locator("#outbox article")).to_have_count(0)
    expect(requester.locator("#composer-body")).to_have_value("")
    assert taken == [201]
    seen = [page.locator("#items article .body").all_inner_texts() for page in (requester, agent)]
    assert seen[0] == seen[1]
    assert len(seen[0]) == len(set(seen[0])) == 8
    assert theirs.found + ours.found == []


def test_lock_and_unlock_with_reasons(stage: Stage) -> None:
    theirs, ours = stage.open(stage.requester), stage.open(stage.agent)
    requester, agent = theirs.page(), ours.page()
    address = opened(stage, requester)
    agent.goto(address)
    form, reason = agent.locator("form[action$='/state']"), "form[action$='/state'] .hint"
    for act, told in (
        ("lock", "Customers read it"),
        ("escalate", "Customers never see it"),
        ("close", "Customers read"),
    ):
        form.locator("[name=act]").select_option(act)
        assert agent.locator(reason).inner_text().startswith(told)
    expect(form.locator("[name=reason]")).to_have_accessible_description("Customers read it in the timeline.")
    expect(agent.locator("#add-why")).to_contain_text("Customers read it")
    ours.look(agent, "states-details")
    agent.set_viewport_size({"width": 320, "height": 640})
    agent.emulate_media(color_scheme="dark")
    agent.locator("#details").evaluate("details => details.showPopover()")
    form.scroll_into_view_if_needed()
    ours.look(agent, "states-details-320-dark")
    agent.locator("#details").evaluate("details => details.hidePopover()")
    agent.set_viewport_size({"width": 1440, "height": 900})
    agent.emulate_media(color_scheme="light")
    change(agent, "lock", "under review by counsel")
    expect(agent.locator("#items")).to_contain_text("Locked by")
    expect(agent.locator(".composer.closed")).to_be_visible()
    ours.look(agent, "states-locked")
    expect(requester.locator("#items")).to_contain_text("under review by counsel")
    requester.reload()
    expect(requester.locator(".composer.closed")).to_be_visible()
    theirs.look(requester, "states-locked-portal")
    change(agent, "unlock", "review is over")
    change(agent, "escalate", "wants to speak to the press")
    expect(agent.locator("#conversation-head")).to_contain_text("escalated")
    expect(requester.locator("#items")).to_contain_text("review is over")
    assert "press" not in requester.content()
    change(agent, "close", "solved by telephone")
    requester.reload()
    expect(requester.locator(".composer")).to_contain_text("Write, and it is open again")
    theirs.look(requester, "states-closed-portal")
    say(requester, "One more thing")
    expect(agent.locator("#items")).to_contain_text("by writing")
    assert theirs.found + ours.found == []


def test_who_takes_part_no_longer_is_told_once(stage: Stage) -> None:
    """By the socket or without: the page says so, asks no more, and leaves what was typed to be copied."""
    theirs, ours, other = stage.open(stage.requester), stage.open(stage.other, width=320), stage.open(stage.other)
    requester, narrow, without = theirs.page(), ours.page(), other.page()
    address = opened(stage, requester)
    thread, staff = address.rpartition("/")[2], stage.desk.client(stage.agent)
    without.route_web_socket("**/api/v1/live", lambda socket: socket.close(code=1013))

    def take_part(*, present: bool) -> None:
        change = {"member": str(stage.other.member), "present": present, "reason": "moved on"}
        answer = staff.act("POST", f"/api/v1/threads/{thread}/participants", json=change)
        assert answer.status_code < 300, answer.text

    take_part(present=True)
    for page in (narrow, without):
        page.goto(address)
    expect(narrow.locator("#live")).to_contain_text("here")
    narrow.fill("#composer-body", "Anybody there?")
    for eyes in (ours, other):
        eyes.expected.add(404)
    asked: list[str] = []
    for page in (narrow, without):
        page.on("response", lambda response: asked.append(response.url) if response.status == 404 else None)
    take_part(present=False)
    for page in (narrow, without):
        expect(page.locator(".composer.closed")).to_contain_text("This conversation is not there for you any more.")
        expect(page.locator("#composer")).to_have_count(0)
    expect(narrow.get_by_label("What you wrote")).to_have_value("Anybody there?")
    expect(narrow.get_by_label("What you wrote")).not_to_be_editable()
    narrow.wait_for_timeout(1_500)
    assert len(asked) == 2, asked
    ours.look(narrow, "states-gone-320")
    other.look(without, "states-gone")
    for eyes in (ours, other):
        eyes.found[:] = [what for what in eyes.found if "htmx:error" not in what]
