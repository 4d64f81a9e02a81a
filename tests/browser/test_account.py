"""Passkeys in a real browser, with Chromium's virtual authenticator, and the pages of one's own account."""

import re

import pytest
from playwright.sync_api import Page, expect
from pyotp.totp import TOTP

from browser.conftest import Eyes, Stage
from browser.test_walk import sign_in
from running import PASSWORD, Person
from sealdesk.access.permissions import Role

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def somebody(furnished: Stage) -> Person:
    return furnished.desk.populate("quay", ("Kay Lindqvist", Role.AGENT))[0]


def at_a_name(stage: Stage, eyes: Eyes) -> str:
    """Passkeys belong to a host name: the desk as localhost."""
    eyes.base = stage.desk.base.replace("127.0.0.1", "localhost")
    return eyes.base


def plug_in(page: Page, *, verifies: bool = True) -> None:
    """A virtual authenticator that keeps passkeys; `verifies`: it says that it asked for a finger."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {**options, "isUserVerified": verifies, "automaticPresenceSimulation": True}},
    )


def test_a_passkey_from_beginning_to_end(stage: Stage, somebody: Person) -> None:
    """V6.7.2, V6.5.6: made, then a second factor, then all by itself, then to confirm, then removed."""
    eyes = stage.open()
    base = at_a_name(stage, eyes)
    eyes.expected |= {401, 403}
    page = eyes.page()
    page.goto(base + "/sign-in?next=/account")
    sign_in_here(page, somebody)
    page.wait_for_url("**/account")
    plug_in(page)
    page.click("text=Add a passkey")
    expect(page.locator("[data-passkey-none]")).to_be_hidden()
    page.fill("[name=name]", "This laptop")
    page.click("[data-passkey-go]")
    expect(page.locator("h1")).to_have_text("Recovery codes")
    expect(page.locator(".codes code")).to_have_count(10)
    page.click("text=I have kept them")
    expect(page.locator(".own", has_text="Second factors")).to_contain_text("This laptop")
    after_the_password(page, base, somebody)
    instead_of_the_password(page, base)
    to_confirm(stage, page, somebody)
    look_at_all(stage, eyes, page, somebody)
    page.goto(base + "/account")
    page.click("text=Remove")
    page.click("text=Yes, remove it")
    page.wait_for_url("**/account?done=removed")
    expect(page.locator(".own", has_text="Second factors")).to_contain_text("None yet")


def after_the_password(page: Page, base: str, person: Person) -> None:
    page.click("[action='/sign-out'] button")
    page.goto(base + "/sign-in?next=/account")
    sign_in_here(page, person)
    expect(page.locator("h1")).to_have_text("Second step")
    page.click("text=Use a passkey")
    page.wait_for_url("**/account")


def instead_of_the_password(page: Page, base: str) -> None:
    page.click("[action='/sign-out'] button")
    page.goto(base + "/sign-in?next=/account")
    page.click("text=Use a passkey instead")
    page.wait_for_url("**/account")
    expect(page.locator(".own", has_text="My devices")).to_contain_text("with passkey")


def to_confirm(stage: Stage, page: Page, person: Person) -> None:
    """An hour later, what matters asks again; the passkey alone will do."""
    stage.desk.sql(
        "update sec.session set confirmed_at = now() - interval '1 hour' where member_id = $1", person.member
    )
    page.click("text=Set up an authenticator app")
    expect(page.locator("h1")).to_have_text("Confirm that it is you")
    page.fill("[name=password]", "not it")
    page.fill("[name=code]", "neither this")
    page.click("button:text-is('Confirm')")
    expect(page.locator("#confirm-error")).to_be_visible()
    page.click("text=Use a passkey")
    page.wait_for_url("**/account/totp")


def look_at_all(stage: Stage, eyes: Eyes, page: Page, person: Person) -> None:
    """Last, as looking closes a session of the debugger, and Chromium then forgets the virtual authenticator."""
    for path in ("/account", "/account/passkey", "/confirm"):
        page.goto(eyes.base + path)
        eyes.look(page, "with-passkey" + path.replace("/", "-"))
    for width, scheme in ((320, "light"), (1440, "dark")):
        other = stage.open(width=width, scheme="dark" if scheme == "dark" else "light")
        base = at_a_name(stage, other)
        second = other.page()
        second.goto(base + "/sign-in")
        other.look(second, f"sign-in-passkey-{width}-{scheme}")
        sign_in_here(second, person)
        expect(second.locator("h1")).to_have_text("Second step")
        other.look(second, f"second-passkey-{width}-{scheme}")


def test_who_cancels_is_told_so(stage: Stage, somebody: Person) -> None:
    """A passkey that does not come leaves the page as it was, with a sentence."""
    eyes = stage.open()
    base = at_a_name(stage, eyes)
    page = eyes.page()
    page.goto(base + "/sign-in")
    plug_in(page, verifies=False)
    page.click("text=Use a passkey instead")
    expect(page.locator("[data-passkey-problem]").first).to_be_visible()
    expect(page.locator("[data-passkey-go]")).to_be_enabled()
    eyes.look(page, "sign-in-no-passkey")


def test_an_app_with_the_keyboard_alone(stage: Stage, somebody: Person) -> None:
    """V6.5.1: set up by typing, and asked for at the next sign-in."""
    eyes = stage.open(somebody)
    page = eyes.page()
    page.goto("/account/totp")
    seed = page.locator("#seed").inner_text().replace(" ", "")
    size = page.locator(".qr svg").bounding_box()
    assert size
    assert size["width"] == size["height"] > 150
    eyes.look(page, "totp")
    page.locator("[name=code]").focus()
    page.keyboard.type(TOTP(seed).now())
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Recovery codes")
    eyes.look(page, "recovery-codes")
    code = page.locator(".codes code").nth(4).inner_text()
    again = stage.open()
    second = again.page()
    second.goto("/sign-in?next=/account")
    expect(second.locator("text=Use a passkey instead")).to_be_hidden()  # an IP address has no passkeys
    sign_in_here(second, somebody)
    expect(second.locator("[name=code]")).to_be_focused()
    again.look(second, "second-app")
    second.keyboard.type(code.upper())
    second.keyboard.press("Enter")
    second.wait_for_url("**/account")
    expect(second.locator(".own", has_text="My devices")).to_contain_text("password and recovery code")
    second.locator(".own", has_text="My devices").locator("text=Sign out everywhere but here").click()
    second.wait_for_url(re.compile("done=others"))
    page.goto("/account")
    assert "/sign-in" in page.url


@pytest.mark.full
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (320, "light"), (1440, "dark"), (320, "dark")])
def test_every_page_at_every_width_in_both_schemes(stage: Stage, width: int, scheme: str) -> None:
    portal = stage.desk.populate("quay", ("A requester with a rather long name", Role.REQUESTER))[0]
    for person, name in ((stage.agent, "agent"), (portal, "portal")):
        eyes = stage.open(person, width=width, scheme="dark" if scheme == "dark" else "light")
        for path in ("/account", "/account/totp", "/account/passkey", "/confirm?next=/account"):
            page = eyes.page()
            page.goto(path)
            eyes.look(page, f"{name}{re.sub('[^a-z]+', '-', path)}-{width}-{scheme}")
            page.close()


def sign_in_here(page: Page, person: Person) -> None:
    page.fill("[name=email]", person.email)
    page.fill("[name=password]", PASSWORD)
    page.click("button:text-is('Sign in')")


def test_the_walk_signs_in_as_before(stage: Stage) -> None:
    """The second form of the sign-in page takes nothing from the first."""
    page = stage.open().page()
    page.goto("/sign-in")
    sign_in(page, stage.agent.email, PASSWORD)
    page.wait_for_url(stage.desk.base + "/")
