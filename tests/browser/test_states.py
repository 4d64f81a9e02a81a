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
    seen = [page.locator("#items article .body").all_inner_texts() for page in (requester, agent)]
    assert seen[0] == seen[1]
    assert len(seen[0]) == len(set(seen[0])) == 7
    assert theirs.found + ours.found == []


def test_lock_and_unlock_with_reasons(stage: Stage) -> None:
    theirs, ours = stage.open(stage.requester), stage.open(stage.agent)
    requester, agent = theirs.page(), ours.page()
    address = opened(stage, requester)
    agent.goto(address)
    ours.look(agent, "states-details")
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
