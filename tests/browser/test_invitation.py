"""Members as admins see them, and an invitation from the mail to the signed-in page, in a real browser."""

import re
import time
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Stage
from running import PASSWORD

pytestmark = pytest.mark.browser
CHOSEN = "kettle and two cups"


def mailed(stage: Stage, to: str, subject: str) -> str:
    """The path of the link in the newest such mail of the folder, as its plain part has it."""
    folder: Path = stage.desk.settings.mail
    for _ in range(200):
        found = [
            message
            for path in sorted(folder.glob("*.eml"))
            if (message := message_from_bytes(path.read_bytes(), policy=default))["To"] == to
            and subject in message["Subject"]
        ]
        if found:
            body = found[-1].get_body(("plain",))
            assert body is not None
            link = re.search(re.escape(stage.desk.settings.origins[0]) + r"(/\S+)", body.get_content())
            assert link is not None
            return link[1]
        time.sleep(0.1)
    raise AssertionError(f"no mail to {to} about {subject}")


def invite(page: Page, email: str, name: str, role: str = "agent") -> None:
    page.goto("/members")
    page.click("text=Invite somebody")
    page.fill("[name=name]", name)
    page.fill("[name=email]", email)
    page.check(f"[name=role][value={role}]")


def test_an_invitation_from_the_mail_to_the_signed_in_page(stage: Stage) -> None:
    """ASVS V6.2.6, V6.2.7: fields are masked, take a paste and say to password managers what they are."""
    admin = stage.open(stage.admin)
    page, email = admin.page(), f"nia-{uuid4().hex[:6]}@harbour.test"
    page.goto("/members")
    admin.look(page, "members")
    invite(page, email, "Nia Newcomer")
    admin.look(page, "invite")
    page.click("text=Send the invitation")
    page.wait_for_url("**/members?done=invited")
    expect(page.locator(".member-row", has_text="Nia Newcomer")).to_contain_text("invited")
    path = mailed(stage, email, "invites you")
    new = stage.open()
    new.expected.add(400)
    guest = new.page()
    guest.goto(path)
    expect(guest.locator("h1")).to_contain_text("Harbour")
    field = guest.locator("[name=password]")
    assert (field.get_attribute("type"), field.get_attribute("autocomplete")) == ("password", "new-password")
    new.look(guest, "invitation")
    field.fill("newcomer")
    guest.evaluate("document.querySelector('form').noValidate = true")
    guest.click("text=Join >> nth=-1")
    expect(guest.locator("#invitation-error")).to_be_visible()
    new.look(guest, "invitation-refused")
    guest.evaluate(
        "text => { const data = new DataTransfer(); data.setData('text/plain', text);"
        " const field = document.querySelector('[name=password]'); field.focus();"
        " if (field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })))"
        " document.execCommand('insertText', false, text); }",
        CHOSEN,
    )
    assert guest.input_value("[name=password]") == CHOSEN
    guest.keyboard.press("Enter")
    guest.wait_for_url(stage.desk.base + "/")
    expect(guest.locator(".whoami")).to_contain_text("Nia Newcomer")
    page.goto("/members")
    row = page.locator(".member-row", has_text="Nia Newcomer")
    expect(row).to_contain_text("active")
    row.click()
    admin.look(page, "member")
    page.check("[name=role][value=auditor]")
    page.click("text=Change the role")
    page.wait_for_url("**?done=changed")
    guest.goto("/")
    assert "/sign-in" in guest.url
    new.expected.add(404)
    guest.goto(path)
    expect(guest.locator("body")).to_contain_text("This invitation is over")
    new.look(guest, "invitation-over")


def test_a_confirmation_in_between_costs_nothing(stage: Stage) -> None:
    """With scripts the form goes on by itself once it is confirmed."""
    (chief,) = stage.desk.populate("anchorage", ("Connie Chief", stage.admin.role))
    eyes = stage.open(chief, width=320, scheme="dark")
    eyes.expected.add(403)
    page, email = eyes.page(), f"ned-{uuid4().hex[:6]}@anchorage.test"
    invite(page, email, "Ned Next", "auditor")
    long_ago = "update sec.session set confirmed_at = now() - interval '11 minutes' where member_id = $1"
    stage.desk.sql(long_ago, chief.member)
    page.click("text=Send the invitation")
    page.click("text=What you typed is kept")
    expect(page.locator(".typed-fields")).to_contain_text(email)
    eyes.look(page, "confirm-320-dark")
    page.fill("[name=password]", PASSWORD)
    page.click("text=Confirm >> nth=-1")
    page.wait_for_url("**/members?done=invited")
    expect(page.locator(".member-row", has_text="Ned Next")).to_contain_text("auditor")


def test_nobody_removes_themselves_by_accident(stage: Stage) -> None:
    eyes = stage.open(stage.admin)
    eyes.expected.add(409)
    page = eyes.page()
    page.goto(f"/members/{stage.admin.member}")
    eyes.look(page, "member-myself")
    page.click("text=End my access")
    page.click("text=Yes, end it")
    expect(page.locator("#member-error")).to_be_visible()
    page.locator("form", has_text="End my access").locator("[name=confirm]").fill("Mateo Ruiz")
    page.click("text=Yes, end it")
    expect(page.locator("#member-error")).to_contain_text("at least one admin")
    eyes.look(page, "member-last-admin")


def test_rules(stage: Stage) -> None:
    eyes = stage.open(stage.admin)
    eyes.expected.add(400)
    page = eyes.page()
    page.goto("/rules")
    eyes.look(page, "rules")
    page.fill("[name=idle_minutes]", "240")
    page.click("text=Set these rules")
    page.wait_for_url("**/rules?done=rules")
    assert page.input_value("[name=idle_minutes]") == "240"
    page.fill("[name=origins]", "http://shop.example/")
    page.click("text=Set these sites")
    expect(page.locator("#origins-error")).to_be_visible()
    eyes.look(page, "rules-refused")
    page.fill("[name=origins]", "https://shop.example")
    page.click("text=Set these sites")
    page.wait_for_url("**/rules?done=rules")


def test_forgotten_and_changed(stage: Stage) -> None:
    """ASVS V6.4.3 in a browser: from the sign-in page over the mail to a new password, without scripts; then changed in the account."""
    (person,) = stage.desk.populate("harbour", ("Fay Forgetful", stage.other.role))
    eyes = stage.open(scripts=False)
    page = eyes.page()
    page.goto("/sign-in")
    page.click("text=Forgotten your password?")
    eyes_look = stage.open()
    seen = eyes_look.page()
    seen.goto("/forgotten")
    eyes_look.look(seen, "forgotten")
    page.fill("[name=email]", person.email)
    page.click("text=Mail me a link")
    expect(page.locator("h1")).to_have_text("Look into your mail")
    path = mailed(stage, person.email, "Choose a new password")
    seen.goto(path)
    eyes_look.look(seen, "reset")
    page.goto(path)
    page.fill("[name=password]", CHOSEN)
    page.click("text=Change my password")
    expect(page.locator("h1")).to_have_text("Your password is changed")
    page.click("text=Sign in")
    page.fill("[name=email]", person.email)
    page.fill("[name=password]", CHOSEN)
    page.click("text=Sign in >> nth=-1")
    page.wait_for_url(stage.desk.base + "/")
    page.goto("/account/password")
    page.fill("[name=current]", CHOSEN)
    page.fill("[name=new]", PASSWORD)
    page.click("text=Change my password")
    expect(page.locator(".flash.good")).to_contain_text("Your password is changed")
    mailed_notice(stage, person.email)


def mailed_notice(stage: Stage, to: str) -> None:
    for _ in range(100):
        texts = [path.read_text() for path in stage.desk.settings.mail.glob("*.eml")]
        if any(to in text and "Your password was changed" in text for text in texts):
            return
        time.sleep(0.1)
    raise AssertionError("no notice came")


@pytest.mark.full
@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1440, "dark")])
def test_every_new_page_at_every_width(stage: Stage, width: int, scheme: str) -> None:
    eyes = stage.open(stage.admin, width=width, scheme="dark" if scheme == "dark" else "light")
    own = f"/members/{stage.agent.member}"
    for number, path in enumerate(("/members", "/members/new", own, "/rules", "/account/password", "/account/email")):
        page = eyes.page()
        page.goto(path)
        eyes.look(page, f"people-{number}-{width}-{scheme}")
        page.close()
