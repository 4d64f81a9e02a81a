"""The pages of admins and auditors: what was refused, members, rules, tokens; looked at narrow and wide, light and dark."""

import time
from typing import Literal
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Eyes, Stage
from counts import FULL
from running import Client, Person
from sealdesk.access.permissions import Role

pytestmark = pytest.mark.browser

LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (320, "dark"),
    *(((1440, "light"), (1440, "dark"), (320, "light")) if FULL else ()),
)
TYPES = "('auth.failed', 'authz.denied', 'suspicious.activity')"


@pytest.fixture(scope="module")
def watch(furnished: Stage) -> dict[Role, Person]:
    """An organisation in which something was refused of each kind that a test can cause at once."""
    desk = furnished.desk
    roles = (Role.ADMIN, Role.AUDITOR, Role.AGENT)
    people: dict[Role, Person] = {}
    for person in desk.populate("watch", *((f"Wat {role}", role) for role in roles)):
        people[person.role] = person
    with Client(desk.base) as nobody:
        wrong = {"email": people[Role.AGENT].email, "password": "wrong wrong wrong"}
        assert nobody.post("/api/v1/session", json=wrong).status_code == 401
    agent = desk.client(people[Role.AGENT])
    assert agent.get("/api/v1/members").status_code == 403
    assert agent.get(f"/api/v1/threads/{furnished.threads[0]}/messages").status_code == 404
    until, found = time.monotonic() + 30, 0
    while found < 3 and time.monotonic() < until:
        query = f"select count(distinct type) as n from ledger.entry where org_id = $1 and type in {TYPES}"
        found = desk.sql(query, desk.orgs["watch"])[0]["n"]
        time.sleep(0.2)
    assert found == 3
    desk.settled()
    return people


def look_everywhere(eyes: Eyes, page: Page, name: str) -> None:
    """Narrow and wide, light and dark, without loading it anew; every detail open."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900 if width > 500 else 640})
        page.emulate_media(color_scheme=scheme)
        eyes.look(page, f"{name}-{width}-{scheme}")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")


def test_what_was_refused(stage: Stage, watch: dict[Role, Person]) -> None:
    """From the charts down to an entry and its proof, with the keyboard alone; chosen by kind and member."""
    eyes = stage.open(watch[Role.AUDITOR])
    page = eyes.page()
    page.goto("/")
    page.click(".places >> text=Security")
    page.wait_for_url("**/security")
    expect(page.locator(".chart")).to_have_count(4)
    expect(page.locator(".chart", has_text="Failed sign-ins").locator(".chart-head b")).to_have_text("1")
    expect(page.locator(".refusals li")).to_have_count(3)
    look_everywhere(eyes, page, "security")
    page.goto("/security")
    page.locator(".chart summary").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/security?period=day&kind=failed&at=*")
    expect(page.locator(".refusals li")).to_have_count(1)
    expect(page.locator(".refusals")).to_contain_text("Wrong password for this account")
    expect(page.locator(".refusals")).to_contain_text("Wat agent")
    expect(page.locator(".chart")).to_have_count(1)
    with page.expect_download() as download:
        page.locator(".refusals >> text=Proof").press("Enter")
    assert download.value.path().read_bytes().startswith(b"c2sp.org/tlog-proof@v1\n")
    page.locator("text=The whole period").press("Enter")
    page.wait_for_url("**/security?period=day&kind=failed#entries")
    page.select_option("[name=kind]", "denied")
    page.select_option("[name=member]", str(watch[Role.AGENT].member))
    page.locator(".chooser button").press("Enter")
    page.wait_for_url("**kind=denied**")
    expect(page.locator(".refusals li")).to_have_count(1)
    expect(page.locator(".refusals")).to_contain_text("Not within their role")
    for period in ("Week", "Month"):
        page.click(f".segments >> text={period}")
        expect(page.locator(".segments [aria-current]")).to_have_text(period)
        expect(page.locator(".refusals li")).to_have_count(1)


def test_nothing_refused_says_what_it_means(stage: Stage) -> None:
    (auditor,) = stage.desk.populate("calm", ("Cal", Role.AUDITOR))
    eyes = stage.open(auditor, scripts=False)
    page = eyes.page()
    page.goto("/security?period=month")
    expect(page.locator(".empty")).to_contain_text("nobody failed to sign in")
    expect(page.locator(".chart >> text=None in the last 30 days.")).to_have_count(4)
    page.goto("/security?kind=limited")
    expect(page.locator(".empty")).to_contain_text("Show everything")


def test_it_is_for_admins_and_auditors(stage: Stage, watch: dict[Role, Person]) -> None:
    eyes = stage.open(watch[Role.AGENT])
    eyes.expected.add(403)
    page = eyes.page()
    page.goto("/")
    expect(page.locator(".places >> text=Security")).to_have_count(0)
    answer = page.goto("/security")
    assert answer
    assert answer.status == 403


def test_every_page_of_admins_in_every_look(stage: Stage, watch: dict[Role, Person]) -> None:
    """V7.4.4: axe finds nothing, nothing is too wide, and the way out is in sight, on a phone behind one button."""
    eyes = stage.open(watch[Role.ADMIN])
    page = eyes.page()
    member = f"/members/{watch[Role.AGENT].member}"
    token = {"name": f"nightly {uuid4().hex[:6]}", "permissions": ["thread.read"], "days": 1}
    assert stage.desk.client(watch[Role.AGENT]).act("POST", "/api/v1/account/tokens", json=token).status_code == 201
    for path in ("/members", "/members/new", member, f"{member}/recovery", "/rules", "/account", "/account/tokens"):
        page.goto(path)
        expect(page.locator("[action='/sign-out'] button")).to_be_visible()
        look_everywhere(eyes, page, f"admin{path.replace('/', '-').replace(str(watch[Role.AGENT].member), 'one')}")
    page.set_viewport_size({"width": 320, "height": 640})
    page.click("[popovertarget=places]")
    expect(page.locator("[action='/sign-out'] button")).to_be_visible()


def test_two_people_let_somebody_back_in(stage: Stage, watch: dict[Role, Person]) -> None:
    """V6.4.4: asked on the member's page, found on the page of what was refused, approved with the keyboard, and the person enrols."""
    from account.test_http import set_up_app

    (lost,) = stage.desk.populate("watch", ("Lou Lost", Role.AGENT))
    set_up_app(stage.desk.client(lost))
    asking = stage.open(watch[Role.ADMIN])
    page = asking.page()
    page.goto(f"/members/{lost.member}")
    page.click("text=Let them back in")
    page.fill("[name=reason]", "Seen at the front desk, with her badge.")
    page.click("text=Ask a second person")
    page.wait_for_url("**/recovery?done=asked")
    expect(page.locator("button:text-is('Approve')")).to_have_count(0)
    look_everywhere(asking, page, "recovery-asked")
    second = stage.open(watch[Role.AUDITOR])
    other = second.page()
    other.goto("/security")
    other.locator("text=See the request").press("Enter")
    expect(other.locator(".facts")).to_contain_text("Seen at the front desk")
    look_everywhere(second, other, "recovery-answer")
    other.locator("button:text-is('Approve')").press("Enter")
    other.wait_for_url("**/recovery?done=approved")
    back = stage.open()
    third = back.page()
    third.goto("/sign-in?next=/account")
    third.fill("[name=email]", lost.email)
    third.fill("[name=password]", lost.password)
    third.keyboard.press("Enter")
    third.wait_for_url("**/account")
    expect(third.locator("[role=alert]")).to_contain_text("A second factor is asked for")
    back.expected.add(403)
    third.goto("/exports")
    assert "/account" in third.url
