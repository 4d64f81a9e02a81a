"""Redaction, holds and erasure in the pages: done by staff in forms, followed by open pages without a reload, in light and dark."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Stage
from browser.test_states import opened, say
from sealdesk.access.permissions import Role

pytestmark = pytest.mark.browser
MASK = "My card is [removed]."


def redact(page: Page, text: str, note: str) -> None:
    """From the message's link through the form, back to the conversation."""
    page.locator("#items article", has_text=text).get_by_text("Redact").click()
    page.check("[name=mode][value=mask]")
    page.fill("[name=text]", MASK)
    page.select_option("[name=code]", "pii")
    page.fill("[name=note]", note)
    page.click("text=Redact the message")
    page.wait_for_url("**/c/*")


def test_a_stub_stands_in_the_messages_place(stage: Stage) -> None:
    """Whoever has the page open sees it replaced; an auditor reads the original, said to be one; and back again."""
    theirs, ours, hers = stage.open(stage.requester, scheme="dark"), stage.open(stage.agent), stage.open(stage.auditor)
    requester, agent, auditor = theirs.page(), ours.page(), hers.page()
    address, secret = opened(stage, requester), f"My card is 4111 {uuid4().hex[:8]}"
    say(requester, secret)
    expect(requester.locator("#items article", has_text=secret)).to_be_visible()
    agent.goto(address)
    auditor.goto(address)
    expect(auditor.locator("#items article", has_text=secret)).to_be_visible()
    inbox = ours.page()
    inbox.goto("/")
    row = inbox.locator(f"#row-{address.rpartition('/')[2]}")
    expect(row).to_contain_text(secret)
    redact(agent, secret, "as the customer asked")
    for page in (requester, agent):
        stub = page.locator("#items .stub")
        expect(stub).to_contain_text(MASK)
        expect(stub).to_contain_text("Masked by Ada Lindqvist: personal data (as the customer asked)")
        expect(page.locator("#items")).not_to_contain_text(secret)
        assert secret not in page.content()
        expect(page.locator("#items article")).to_have_count(2)
    expect(row).to_contain_text(MASK, timeout=8_000)  # a bell, no turn of twenty seconds
    expect(row).not_to_contain_text(secret)
    ours.look(agent, "redaction-stub")
    theirs.look(requester, "redaction-stub-portal-dark")
    original = auditor.locator("#items article", has_text=secret)
    expect(original).to_contain_text("Original, for auditors alone.")
    expect(original).to_contain_text(MASK)
    hers.look(auditor, "redaction-original")
    agent.locator("#items .stub .manage").click()
    ours.look(agent, "redaction-page")
    agent.click("text=Take it back")
    expect(requester.locator("#items article", has_text=secret)).to_be_visible()
    expect(requester.locator("#items .stub")).to_have_count(0)


def test_a_hold_and_an_erasure(stage: Stage) -> None:
    """Two people turn it on and two erase; a hold stops it meanwhile; everybody sees what is left."""
    theirs, ours, hers = stage.open(stage.requester), stage.open(stage.admin, scheme="dark"), stage.open(stage.auditor)
    ours.expected |= {409}
    requester, admin, auditor = theirs.page(), ours.page(), hers.page()
    address, secret = opened(stage, requester), f"Gone soon {uuid4().hex[:8]}"
    say(requester, secret)
    admin.goto("/holds")
    admin.fill("[name=reason]", "our policy of November")
    admin.click("text=Ask to turn it on")
    expect(admin.locator("#switch-title")).to_contain_text("somebody asked")
    auditor.goto("/holds")
    auditor.click("button:text-is('Turn it on')")
    expect(auditor.locator("#switch-title")).to_have_text("Erasure is on")
    auditor.goto(f"{address}/holds")
    auditor.fill("[name=note]", "matter 7")
    auditor.click("button:text-is('Place the hold')")
    expect(auditor.locator("body")).to_contain_text("Stands: litigation")
    hers.look(auditor, "legal-holds")
    ask(admin, address, secret)
    expect(admin.locator("[role=alert]")).to_contain_text("A legal hold stands")
    ours.look(admin, "erasure-held-dark")
    auditor.click("summary")
    auditor.click("button:text-is('Release the hold')")
    expect(auditor.locator("body")).to_contain_text("Released")
    ask(admin, address, secret)
    expect(admin.locator("#waiting-title")).to_be_visible()
    second = approver(stage)
    second.goto("/holds")
    second.click("text=A message, on the basis of")
    second.click("button:text-is('Erase the message')")
    second.wait_for_url("**/c/*")
    for page in (requester, second):
        expect(page.locator("#items .stub")).to_contain_text("Erased: asked for by Mateo Ruiz, approved by")
        assert secret not in page.content()
    stage.eyes[-1].look(second, "erased-stub")
    auditor.goto("/holds")
    auditor.click("button:text-is('Turn it off')")


def ask(page: Page, address: str, text: str) -> None:
    """Ask a second person to erase the message."""
    page.goto(address)
    page.locator("#items article", has_text=text).locator(".manage").click()
    page.click("summary")
    page.select_option("[name=basis]", "gdpr-17-1")
    page.fill("[name=reason]", "they asked for it")
    page.click("text=Ask a second person")


def approver(stage: Stage) -> Page:
    """An auditor who had nothing to do with the hold."""
    (person,) = stage.desk.populate("harbour", ("Noor Haddad", Role.AUDITOR))
    return stage.open(person).page()
