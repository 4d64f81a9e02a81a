"""What the pages of account and members show a person: moments to come, words, focus after an error, and names of every length."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Stage
from sealdesk.access.permissions import Role

pytestmark = pytest.mark.browser


def test_tokens_are_found_and_say_when_they_expire(stage: Stage) -> None:
    """A day to come is a date with its year, never the time of a day that looks as if it had passed."""
    eyes = stage.open(stage.agent, width=320, scheme="dark")
    page = eyes.page()
    page.goto("/account")
    page.click("text=API tokens")
    expect(page.locator("h1")).to_have_text("API tokens")
    expect(page.locator("#place-links [aria-current]")).to_have_text("Account")
    eyes.look(page, "tokens")
    page.fill("[name=name]", "Nightly report")
    page.check("[name=thread_read]")
    page.select_option("[name=days]", "30")
    page.click("text=Make the token")
    row = page.locator(".own-rows li", has_text="Nightly report")
    expect(row).to_contain_text(f"expires {dated(datetime.now(UTC) + timedelta(days=30))}")
    eyes.look(page, "tokens-made")
    page.evaluate("document.querySelectorAll('time').forEach(time => { time.dataset.form = 'short'; })")
    page.evaluate("document.dispatchEvent(new Event('htmx:after:settle'))")
    assert not re.search(r"expires \d\d:\d\d", row.inner_text())


def dated(at: datetime) -> str:
    """As the pages write a date."""
    return f"{at.day} {at:%b} {at.year}"


def test_what_is_refused_takes_the_focus(stage: Stage) -> None:
    """WCAG 3.3.1: the field that the sentence is about has the focus and says that it is wrong; so does the page's title."""
    eyes = stage.open(stage.admin)
    eyes.expected |= {400, 409}
    page = eyes.page()
    page.goto("/account/password")
    page.fill("[name=current]", "not it at all")
    page.fill("[name=new]", "kettle and three cups")
    refused(page, "Change my password", "[name=current]")
    page.goto("/account/tokens")
    page.fill("[name=name]", "Without")
    refused(page, "Make the token", "[name=thread_open]")
    page.goto("/rules")
    page.fill("[name=origins]", "shop.example")
    refused(page, "Set these sites", "[name=origins]")
    page.goto("/account/email")
    page.evaluate("document.querySelector('[action=\"/account/email\"]').noValidate = true")
    page.fill("[name=email]", "nobody")
    refused(page, "Change my address >> nth=-1", "[name=email]")
    page.goto(f"/members/{stage.admin.member}")
    page.check("[name=role][value=agent]")
    refused(page, "Change the role", "[action$=role] [name=confirm]")
    eyes.look(page, "member-refused")


def refused(page: Page, button: str, field: str) -> None:
    page.click(f"text={button}")
    expect(page).to_have_title(re.compile(r"^Error: "))
    expect(page.locator(field)).to_be_focused()


def test_members_are_filtered_and_long_names_stay_in_their_sentence(stage: Stage) -> None:
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamter"
    arabic, admin = stage.desk.populate("longships", ("محمد عبد الرحمن", Role.AGENT), (long, Role.ADMIN))
    for width in (320, 1440):
        page = stage.open(admin, width=width).page()
        page.goto("/members")
        row = page.locator(".member-row", has_text="محمد")
        name, address = (row.locator(".member-who bdi").nth(n).bounding_box() for n in (0, 1))
        assert name
        assert address
        assert abs(name["x"] - address["x"]) < 1
        assert page.locator(".member-who bdi").nth(1).evaluate("it => it.scrollWidth <= it.clientWidth + 1")
        page.fill("#filter", "agent")
        expect(page.locator(".members li:visible")).to_have_count(1)
        page.fill("#filter", "nobody at all")
        page.click("text=Clear the filter")
        expect(page.locator(".members li:visible")).to_have_count(2)
    page.goto("/members?q=nobody+at+all")
    expect(page.locator(".no-match")).to_contain_text("Nobody matches")
    # The dot stands behind the last word, not in a line of its own.
    page.goto("/account")
    assert page.locator("h1 + .soft bdi").first.evaluate("it => getComputedStyle(it).display") == "inline"
    expect(page.locator(".whoami")).to_contain_text("admin")
    assert arabic.member


def test_who_belongs_to_two_organisations_sees_where_to_switch(stage: Stage) -> None:
    (person,) = stage.desk.populate("first-pier", ("Noor Haddad", Role.AGENT))
    page = stage.open(person).page()
    page.goto("/account")
    expect(page.locator("text=switch organisation")).to_have_count(0)
    stage.desk.populate("second-pier", ("Somebody", Role.ADMIN))
    stage.desk.add(person, "second-pier", Role.AGENT)
    page.goto("/")
    page.click("text=switch organisation")
    page.click("#organisations .choice")
    expect(page.locator(".whoami")).to_contain_text("Second-Pier")


def test_an_account_that_is_locked_says_for_how_long(stage: Stage) -> None:
    """In minutes, counting, and with the address still there."""
    (person,) = stage.desk.populate("harbour", ("Locked Out", Role.AGENT))
    eyes = stage.open()
    eyes.expected |= {401, 429}
    stranger = stage.desk.client()
    for _ in range(11):
        stranger.post("/api/v1/session", json={"email": person.email, "password": "wrong"})
    page = eyes.page()
    page.goto("/sign-in")
    page.fill("[name=email]", person.email)
    page.fill("[name=password]", "wrong")
    page.click("button:text-is('Sign in')")
    expect(page.locator("[data-countdown] b")).to_have_text("15 minutes")
    assert page.input_value("[name=email]") == person.email
    assert "seconds" not in page.locator("#sign-in-error").inner_text()
    eyes.look(page, "sign-in-locked")


def test_an_admin_who_asks_for_what_they_lack_is_told_that_the_rule_holds(stage: Stage) -> None:
    (admin,) = stage.desk.populate("keel", ("Kit Marlow", Role.ADMIN))
    page = stage.open(admin).page()
    page.goto("/rules")
    expect(page.locator(".option", has_text="Admins")).to_contain_text("0 of 1 have one")
    page.check("[name=admin]")
    page.click("text=Set these rules")
    page.wait_for_url("**/account?done=rules")
    expect(page.locator(".flash.good")).to_contain_text("The rules hold from now on, for you too")
