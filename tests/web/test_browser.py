"""What a real browser does with the kit: forms, other sites, and scripts that the policy forbids."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error, Page, sync_playwright

import needs
from web.conftest import Served
from web.serve_toy import TOKEN

pytestmark = pytest.mark.browser


@pytest.fixture
def page(served: Served) -> Iterator[Page]:
    """A signed-in browser at the toy."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(needs.chromium()), args=["--no-sandbox"])
        context = browser.new_context()
        cookie = {
            "name": "__Host-sid",
            "value": TOKEN,
            "url": f"https://127.0.0.1:{served.port}",
            "httpOnly": True,
            "secure": True,
        }
        context.add_cookies([{**cookie, "sameSite": "Lax"}])  # pyright: ignore[reportArgumentType]
        yield context.new_page()
        browser.close()


@pytest.fixture
def elsewhere(served: Served) -> Iterator[str]:
    """Another site, whose page sends a form to the toy."""
    text = f'<form method="post" action="http://127.0.0.1:{served.port}/notes"><input name="title" value="evil"><button>go</button></form>'

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_form_of_ours_is_taken(page: Page, served: Served) -> None:
    page.goto(f"http://127.0.0.1:{served.port}/notes")
    page.fill("input[name=title]", "from a browser")
    with page.expect_navigation() as navigation:
        page.press("input[name=title]", "Enter")
    assert navigation.value.status == 200
    assert "from a browser" in page.content()


def test_a_form_of_another_site_is_refused(page: Page, served: Served, elsewhere: str) -> None:
    page.goto(elsewhere)
    with page.expect_navigation() as navigation:
        page.click("button")
    assert navigation.value.status == 403
    page.goto(f"http://127.0.0.1:{served.port}/notes")
    assert "evil" not in page.content()


def test_scripts_that_the_page_did_not_name_do_not_run(page: Page, served: Served) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"http://127.0.0.1:{served.port}/inline")
    assert page.evaluate("window.pwned") is None
    assert sum("Content Security Policy" in text for text in said) >= 2
    for attempt in ("document.body.innerHTML = '<b>'", "document.createElement('script').text = 'x'"):
        with pytest.raises(Error, match="Trusted"):
            page.evaluate(attempt)
    assert page.evaluate("window.pwned") is None
