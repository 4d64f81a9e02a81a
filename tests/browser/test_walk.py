"""The pages of the real desk, walked as people walk them."""

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import PICTURES, Stage
from counts import FULL
from running import PASSWORD
from sealproof.policy import parse
from sealproof.report import Verdict
from sealproof.verify import verify

pytestmark = pytest.mark.browser


def sign_in(page: Page, email: str, password: str) -> None:
    page.fill("[name=email]", email)
    page.fill("[name=password]", password)
    page.click("text=Sign in >> nth=-1")


def test_signing_in_and_out(stage: Stage) -> None:
    eyes = stage.open()
    eyes.expected.add(401)
    page = eyes.page()
    page.goto(f"/c/{stage.threads[0]}")
    assert "/sign-in?next=" in page.url
    eyes.look(page, "sign-in")
    sign_in(page, stage.agent.email, "wrong wrong wrong")
    expect(page.locator("#sign-in-error")).to_be_visible()
    wrong = page.locator("#sign-in-error").inner_text()
    eyes.look(page, "sign-in-wrong")
    sign_in(page, "nobody@nowhere.test", "wrong wrong wrong")
    expect(page.locator("#sign-in-error")).to_have_text(wrong)  # not even the wording tells who exists
    sign_in(page, stage.agent.email, PASSWORD)
    page.wait_for_url(f"**/c/{stage.threads[0]}")
    page.click("text=Sign out")
    page.wait_for_url("**/sign-in")
    page.goto("/")
    assert "/sign-in" in page.url
    page.go_back(wait_until="load")
    assert "Refund" not in page.content()


def test_a_reply_turns_from_recorded_to_sealed_without_a_reload(stage: Stage) -> None:
    eyes = stage.open(stage.agent)
    page = eyes.page()
    page.goto("/")
    eyes.look(page, "inbox")
    page.click(f"#row-{stage.threads[0]}")
    page.wait_for_url(f"**/c/{stage.threads[0]}*")
    page.evaluate("window.here = true")
    text = f"The refund is on its way. {uuid4().hex[:8]}"
    page.fill("#composer-body", text)
    page.keyboard.press("Control+Enter")
    message = page.locator("#items article", has_text=text)
    expect(message).to_be_visible()
    expect(message.locator(".seal.sealed, .sealed").first).to_be_visible(timeout=15_000)
    expect(page.locator("#outbox .msg")).to_have_count(0)
    assert page.evaluate("window.here") is True
    assert page.locator("#items article", has_text=text).count() == 1
    eyes.look(page, "conversation")


def test_a_note_is_not_for_the_requester(stage: Stage) -> None:
    desk, home = stage.open(stage.agent), stage.open(stage.requester)
    agent, requester = desk.page(), home.page()
    requests = home.page()
    requests.goto("/")
    requester.goto(f"/c/{stage.threads[1]}")
    agent.goto(f"/c/{stage.threads[1]}")
    note = f"They have called twice. {uuid4().hex[:8]}"
    agent.check("[name=visibility][value=internal]", force=True)
    agent.fill("#composer-body", note)
    desk.look(agent, "note")
    agent.keyboard.press("Control+Enter")
    expect(agent.locator("#items .note", has_text=note)).to_be_visible()
    agent.check("[name=visibility][value=public]", force=True)
    agent.fill("#composer-body", "We have sent a new link.")
    agent.keyboard.press("Control+Enter")
    expect(requester.locator("#items", has_text="We have sent a new link.")).to_be_visible(timeout=15_000)
    assert note not in requester.content()
    # Their list follows too, every twenty seconds.
    requests.evaluate("document.querySelector('#requests').dispatchEvent(new CustomEvent('poll'))")
    expect(requests.locator(".request").first).to_contain_text("We have sent a new link.")
    assert note not in requests.content()
    home.look(requests, "requests-followed")
    requester.reload()
    assert note not in requester.content()
    home.look(requester, "request")


def test_a_new_request(stage: Stage) -> None:
    eyes = stage.open(stage.other)
    page = eyes.page()
    page.goto("/")
    eyes.look(page, "requests-none")
    page.click("text=New request >> nth=0")
    page.fill("[name=subject]", "Two cups are broken")
    page.fill("[name=body]", "Both have a crack at the handle.\n\nBest, Sam")
    eyes.look(page, "new-request")
    page.click("text=Send request")
    page.wait_for_url("**/c/*")
    expect(page.locator("h1")).to_have_text("Two cups are broken")
    page.goto("/")
    expect(page.locator(".request")).to_have_count(1)
    assert "Refund" not in page.content()
    eyes.look(page, "requests")


def test_ticket_work(stage: Stage) -> None:
    eyes = stage.open(stage.agent)
    page = eyes.page()
    page.goto(f"/c/{stage.threads[2]}")
    page.select_option("#pick-status", "pending")
    expect(page.locator("#items", has_text="pending")).to_be_visible(timeout=15_000)
    page.wait_for_selector("#ticket fieldset:enabled")
    page.select_option("#pick-priority", "urgent")
    expect(page.locator("#items", has_text="urgent")).to_be_visible(timeout=15_000)
    page.wait_for_selector("#ticket fieldset:enabled")
    page.select_option("#pick-assignee", str(stage.agent.member))
    expect(page.locator("#items", has_text="Assigned to")).to_be_visible(timeout=15_000)
    expect(page.locator("#conversation-head")).to_contain_text("pending")
    page.reload()
    assert page.input_value("#pick-status") == "pending"
    assert page.input_value("#pick-priority") == "urgent"
    assert page.input_value("#pick-assignee") == str(stage.agent.member)
    eyes.look(page, "ticket")


def test_the_proof_of_a_message(stage: Stage) -> None:
    eyes = stage.open(stage.requester)
    page = eyes.page()
    page.goto(f"/c/{stage.threads[0]}")
    page.locator("#items article").first.locator("[id^=seal-]").first.click()
    card = page.locator(".proof").first
    expect(card).to_be_visible()
    eyes.look(page, "proof")
    with page.expect_download() as download:
        card.locator("text=Download proof").click()
    proof = download.value.path().read_bytes()
    assert proof.startswith(b"c2sp.org/tlog-proof@v1\n")
    page.click("[data-close-proof]")
    expect(page.locator(".proof")).to_have_count(0)


def test_an_export_with_progress_and_download(stage: Stage) -> None:
    eyes = stage.open(stage.agent)
    page = eyes.page()
    page.goto(f"/c/{stage.threads[0]}")
    page.click("text=Export as evidence")
    page.fill("[name=purpose]", "Request of the consumer board, case 2026-118")
    page.click("text=See what it will hold")
    expect(page.locator("#holds .holds")).to_be_visible()
    eyes.look(page, "export-new")
    page.click("text=Build the bundle")
    page.wait_for_url("**/exports/*")
    page.evaluate("window.here = true")
    button = page.locator("text=Download bundle")
    expect(button).to_be_visible(timeout=30_000)
    eyes.look(page, "export-ready")
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename.endswith(".zip")
    bundle = download.value.path()
    policy = stage.desk.command("ledger", "policy").stdout
    report = verify(Path(bundle), parse(policy))
    assert (report.verdict, report.exit_code) == (Verdict.SIGNED, 0)
    assert page.evaluate("window.here") is True
    page.goto("/exports")
    eyes.look(page, "exports")


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(320, "dark"), *([(1440, "light"), (320, "light"), (1440, "dark"), (768, "light")] if FULL else [])],
)
def test_every_page_at_every_width_in_both_schemes(stage: Stage, width: int, scheme: str) -> None:
    for person, name, paths in (
        (stage.agent, "agent", ("/", f"/c/{stage.threads[5]}", "/new", "/exports", "/exports/new", "/nowhere")),
        (stage.requester, "requester", ("/", f"/c/{stage.threads[4]}", "/new", "/exports/new")),
        (None, "nobody", ("/sign-in",)),
    ):
        eyes = stage.open(person, width=width, scheme="dark" if scheme == "dark" else "light")
        eyes.expected.add(404)
        for number, path in enumerate(paths):
            page = eyes.page()
            page.goto(path)
            eyes.look(page, f"{name}-{number}-{width}-{scheme}")
            page.close()


def test_without_scripts_forms_work(stage: Stage) -> None:
    eyes = stage.open(scripts=False)
    page = eyes.page()
    page.goto("/sign-in")
    sign_in(page, stage.other.email, PASSWORD)
    page.goto("/new")
    page.fill("[name=subject]", "Without scripts")
    page.fill("[name=body]", "Plain forms.")
    page.click("text=Send request")
    page.wait_for_url("**/c/*")
    text = f"One more thing. {uuid4().hex[:8]}"
    page.fill("#composer-body", text)
    page.click("#composer button")
    expect(page.locator("#items article", has_text=text)).to_have_count(1)
    page.locator("#items article").first.locator("[id^=seal-] a, a[id^=seal-]").first.click()
    expect(page.locator(".proof")).to_be_visible()
    page.screenshot(path=PICTURES / "no-script-proof.png")
    page.goto("/")
    page.click("text=Sign out")
    page.wait_for_url("**/sign-in")
    desk = stage.open(stage.agent, scripts=False)
    work = desk.page()
    work.goto(f"/c/{stage.threads[3]}")
    work.select_option("#pick-status", "solved")
    work.click("text=Save")
    assert work.input_value("#pick-status") == "solved"
    work.screenshot(path=PICTURES / "no-script-desk.png")
