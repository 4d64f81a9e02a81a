"""A real browser at the real desk, and eyes that miss nothing a page complains of."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, cast

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    expect,
    sync_playwright,
)

import needs
from counts import FULL
from needs import ROOT
from running import Person, RunningDesk
from sealdesk.access.permissions import Role

PICTURES = ROOT / "screenshots"  # git-ignored
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# How long a page may take on a busy machine. What must be quick says its own limit.
expect.set_options(timeout=15_000)
REQUESTS = (
    (
        "Refund for order 88214 never arrived",
        "I returned the kettle on the 3rd and the money is still missing.\nOrder 88214.",
    ),
    (
        "Can't sign in after changing my e-mail",
        "The reset link says it has expired, every time: https://example.org/reset?x=1",
    ),
    ("Invoice shows the wrong VAT number", "Our number is DE 811 234 567. Please correct the invoice of October."),
    ("Ma commande n’est pas arrivée", "Bonjour, le suivi n’a pas bougé depuis une semaine. Merci de vérifier."),
    ("طلب استرداد المبلغ", "مرحبا، لم يصل المبلغ بعد."),
    (
        "Parcel was opened and taped again",
        "Photos follow. " + "The tape was cut along the long side and two cups were missing. " * 12,
    ),
)


@dataclass
class Eyes:
    """What was seen wrong in the pages of one context."""

    context: BrowserContext
    base: str
    found: list[str] = field(default_factory=list[str])
    expected: set[int] = field(default_factory=set[int])

    def page(self) -> Page:
        """A page that is watched."""
        page = self.context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.found.append(f"{page.url}: {error}"))
        page.on("request", self._requested)
        page.on("dialog", self._asked)
        return page

    def _asked(self, dialog: Dialog) -> None:
        self.found.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _heard(self, said: ConsoleMessage) -> None:
        asked_for = any(f"status of {status}" in said.text for status in self.expected)
        # A socket that was being opened when its session ended; of the handshake's 401 the browser says no more.
        asked_for |= 401 in self.expected and "HTTP Authentication failed" in said.text
        if said.type in ("error", "warning") and not asked_for:
            self.found.append(f"console {said.type}: {said.text} ({said.location})")

    def _requested(self, request: Request) -> None:
        if request.url.endswith("/report"):
            self.found.append(f"a policy was breached: {request.post_data}")
        elif request.redirected_from is None and not request.url.startswith((self.base, "data:", "blob:")):
            # A redirect that a script gets is never followed (decision 0005), yet it is told of here.
            self.found.append(f"a request left the desk: {request.url}")

    def look(self, page: Page, name: str) -> None:
        """Ask axe, and see that nothing is wider than the window, nor the desk taller; with a picture, at full counts or where wanted."""
        page.wait_for_load_state()  # a click waits for the answer's first byte, which is no page yet
        if FULL or os.environ.get("SEALDESK_PICTURES"):
            PICTURES.mkdir(exist_ok=True)
            page.screenshot(path=PICTURES / f"{name}.png", caret="initial")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            self.found.append(f"{name}: {wide} px too wide")
        tall = page.evaluate(
            "document.querySelector('.desk') ? document.documentElement.scrollHeight - innerHeight : 0"
        )
        if tall > 0:
            self.found.append(f"{name}: a desk page {tall} px taller than the window")
        violations = axe(self.context, page)
        if violations != "[]":
            self.found.append(f"{name}: axe {violations}")


def axe(context: BrowserContext, page: Page) -> str:
    """The violations that axe finds, as JSON. Asked through the debugger, which the page's policy does not bind."""
    script = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        pytest.skip(needs.MISSING + "axe-core (scripts/assets.py installs it)")
    session: CDPSession = context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": script.read_text()})
    asked = (
        "axe.run({resultTypes:['violations']}).then(r => JSON.stringify(r.violations.map("
        "v => [v.id, v.nodes.slice(0,3).map(n => n.html.slice(0,160) + ' ' + (n.any[0]?.message ?? ''))])))"
    )
    answer = session.send("Runtime.evaluate", {"expression": asked, "awaitPromise": True})
    session.detach()
    return cast("str", answer["result"].get("value", str(answer)))


@dataclass
class Stage:
    """The browser, the desk, and an organisation with some conversations."""

    desk: RunningDesk
    browser: Browser
    requester: Person
    other: Person
    agent: Person
    admin: Person
    auditor: Person
    threads: list[str]
    eyes: list[Eyes] = field(default_factory=list[Eyes])

    def open(
        self,
        person: Person | None = None,
        *,
        width: int = 1440,
        scheme: Literal["light", "dark"] = "light",
        scripts: bool = True,
        proxy: str = "",
    ) -> Eyes:
        """A context of its own; with `person`, signed in by cookie; with `proxy`, on that network."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900 if width > 500 else 640},
            color_scheme=scheme,
            reduced_motion="reduce",
            java_script_enabled=scripts,
            base_url=self.desk.base,
            accept_downloads=True,
            proxy={"server": proxy} if proxy else None,
        )
        if person:
            client = self.desk.client()
            client.headers["user-agent"] = f"Chrome/{self.browser.version} Linux"  # a session belongs to its browser
            token = client.sign_in(person).token
            assert token
            cookie = {
                "name": "__Host-sid",
                "value": token,
                "url": self.desk.base.replace("http:", "https:"),
                "secure": True,
            }
            context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Lax"}])  # pyright: ignore[reportArgumentType]
        made = Eyes(context, self.desk.base)
        self.eyes.append(made)
        return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one file only: its driver keeps a loop running, beside which no asynchronous test can run."""
    path = needs.chromium()
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(path), args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="session")
def harbour(running_desk: RunningDesk) -> tuple[list[Person], list[str]]:
    """People and conversations for the walks."""
    people = running_desk.populate(
        "harbour",
        ("Robin Vale", Role.REQUESTER),
        ("Sam Okafor", Role.REQUESTER),
        ("Ada Lindqvist", Role.AGENT),
        ("Mateo Ruiz", Role.ADMIN),
        ("Ines Moreau", Role.AUDITOR),
    )
    client, staff = running_desk.client(people[0]), running_desk.client(people[2])
    threads = [client.open(subject, body) for subject, body in REQUESTS]
    staff.say(threads[0], "Thank you, I am looking into it.")
    staff.say(threads[0], "Carrier says delivered; asking the warehouse.", "internal")
    running_desk.settled()
    return people, threads


@pytest.fixture(scope="module")
def furnished(running_desk: RunningDesk, harbour: tuple[list[Person], list[str]], browser: Browser) -> Stage:
    """The browser at the furnished desk."""
    (requester, other, agent, admin, auditor), threads = harbour
    return Stage(running_desk, browser, requester, other, agent, admin, auditor, threads)


@pytest.fixture
def stage(furnished: Stage) -> Iterator[Stage]:
    """The stage; at the end of the test no page may have complained."""
    yield furnished
    found = [what for eyes in furnished.eyes for what in eyes.found]
    for eyes in furnished.eyes:
        eyes.context.close()
    furnished.eyes.clear()
    assert not found, "\n".join(found)
