"""Pages, built files and links in plain text."""

import gzip
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from jinja2 import UndefinedError

import needs
from needs import ROOT
from sealdesk.core.errors import Refusal
from sealdesk.core.ids import new_id
from sealdesk.web.exchange import Exchange
from sealdesk.web.linkify import linkify
from sealdesk.web.pages import Page, Pages, safe_next
from sealdesk.web.static import StaticFiles
from web.conftest import Session
from web.toy import ORIGIN, ToyDesk, make

TEMPLATES = sorted(ROOT.glob("src/sealdesk/*/templates/*.html"))


async def test_it_works(client: httpx.AsyncClient, session: Session, desk: ToyDesk) -> None:
    desk.notes[new_id()] = "<script>alert(1)</script>\nhttps://a.test/?a=1&b=2"
    page = await client.get("/notes", headers=session.cookie)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>" in page.text
    assert (
        '<a href="https://a.test/?a=1&amp;b=2" rel="nofollow noopener noreferrer ugc">https://a.test/?a=1&amp;b=2</a>'
        in page.text
    )
    assert page.headers["cache-control"] == "no-store"


def test_a_missing_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("{{ nobody }}")
    with pytest.raises(UndefinedError):
        Pages([tmp_path], StaticFiles(None)).render("a.html", {})


async def test_error_pages_are_for_people(client: httpx.AsyncClient, session: Session) -> None:
    page = await client.get("/nowhere<b>", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["x-request-id"] in page.text
    assert "<b>" not in page.text
    assert (await client.get("/api/v1/nowhere", headers={"accept": "text/html"})).json()["status"] == 404


async def test_an_error_page_of_ones_own(desk: ToyDesk) -> None:
    async def word(page: Page, refusal: Refusal) -> str:
        return f"<p>{refusal.status} {page.path}"

    app = make(desk, problem_page=word)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ORIGIN) as client:  # pyright: ignore[reportArgumentType]
        assert (await client.get("/nowhere", headers={"accept": "text/html"})).text == "<p>404 /nowhere"


async def test_faults_after_the_fact_cost_no_answer(desk: ToyDesk, capsys: pytest.CaptureFixture[str]) -> None:
    async def word(page: Page, refusal: Refusal) -> str:
        raise RuntimeError("secret")

    async def note(exchange: Exchange, refusal: Refusal) -> None:
        raise RuntimeError("secret")

    app = make(desk, problem_page=word, note=note)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ORIGIN) as client:  # pyright: ignore[reportArgumentType]
        page = await client.get("/nowhere", headers={"accept": "text/html"})
    assert (page.status_code, "Not found" in page.text) == (404, True)
    log = "".join(capsys.readouterr())
    assert "problem_page_failed" in log
    assert "refusal_not_recorded" in log
    assert "secret" not in log


async def test_reports_of_policy_breaches(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    kind = {"content-type": "application/reports+json", "origin": ORIGIN}
    assert (await client.post("/report", headers=kind, content=b'[{"secret": 1}]')).status_code == 204
    assert (await client.post("/report", headers=kind, content=b"x" * 17_000)).status_code == 413
    assert (await client.post("/report", headers={"origin": ORIGIN}, content=b"{}")).status_code == 415
    log = "".join(capsys.readouterr())
    assert log.count("csp_report") == 1
    assert "malicious_csp_violation" in log
    assert "secret" not in log


async def test_built_files(client: httpx.AsyncClient) -> None:
    url = re.findall(r'href="(/static/built/app\.[0-9a-f]{16}\.css)"', (await client.get("/sign-in")).text)[0]
    content = (ROOT / "tests/web/static/app.css").read_bytes()
    plain = await client.get(url, headers={"accept-encoding": "identity"})
    assert plain.content == content
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["content-type"] == "text/css; charset=utf-8"
    packed = await client.get(url, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == content
    assert packed.headers["etag"] != plain.headers["etag"]
    assert (await client.get("/static/built/app.css")).headers["cache-control"] == "no-cache"
    assert "Accept-Encoding" in packed.headers.get_list("vary")


@pytest.mark.parametrize(
    "name", ["nothing.css", "..%2fapp.css", "%2e%2e/app.css", "app.0000000000000000.css", ".hidden"]
)
async def test_files_that_were_not_built(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/static/built/{name}")).status_code in (400, 404)


def test_a_file_that_was_not_built_still_has_an_address(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    files = StaticFiles(tmp_path)
    assert re.fullmatch(r"/static/built/a\.[0-9a-f]{16}\.js", files.url("a.js"))
    assert files.url("b.js") == "/static/built/b.js"
    assert gzip.decompress(files.find("a.js", packed=True).body) == b"1"


class Links(HTMLParser):
    """The tags and link targets of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert (tag, name) in {("a", "href"), ("a", "rel")}
            if name == "href":
                self.targets.append(value or "")


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("see https://a.test.", ["https://a.test"]),
        ("(https://a.test/b_(c))", ["https://a.test/b_(c)"]),
        ("HTTP://A.test!", ["HTTP://A.test"]),
        ("http://a.test/\"onmouseover='x'", ["http://a.test/"]),
        ("https://a.test/<script>", ["https://a.test/"]),
        ("javascript:alert(1)//http://a.test", ["http://a.test"]),
        ("javascript:https://a.test", ["https://a.test"]),
        ("data:text/html,x vbscript:x file:///etc/passwd", []),
        ("https://bank.test@evil.test/", []),
        ("https://", []),
        ("https://[bad", []),
        ("https://a.test:99999", []),
        ("xhttps://a.test", []),
        ("https://a.test/\u202egnp.exe", ["https://a.test/"]),
        ("https://a.test/\u00a0javascript:x", ["https://a.test/"]),
        ("https://a.test/\u2028x", ["https://a.test/"]),
        ("&#x6a;avascript:alert(1)", []),
        ("[a](javascript:x) ![b](https://c.test/d.png)", ["https://c.test/d.png"]),
    ],
)
def test_links(text: str, targets: list[str]) -> None:
    assert Links(str(linkify(text))).targets == targets


def test_naughty_strings_become_nothing_but_links_and_line_ends() -> None:
    strings: list[str] = json.loads(gzip.decompress(needs.shared("payloads/naughty-strings.json.gz").read_bytes()))
    assert len(strings) > 500
    for text in strings:
        found = Links(str(linkify(text)))
        assert set(found.tags) <= {"a", "br"}
        assert all(re.match(r"(?i)https?://", target) for target in found.targets)


def test_links_take_linear_time() -> None:
    begin = time.perf_counter()
    for text in ("http://a" + ")" * 65_000, "http://" * 9_000, "https://a.test/" + "." * 65_000, "h" * 65_000):
        linkify(text)
    assert time.perf_counter() - begin < 0.25


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("/a?b=c#d", "/a?b=c#d"),
        (None, "/"),
        ("", "/"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("/ä", "/"),
        ("javascript:x", "/"),
        ("/a\\b", "/"),
        ("/" + "a" * 3000, "/"),
    ],
)
def test_where_to_go_after_signing_in(target: str | None, wanted: str) -> None:
    assert safe_next(target) == wanted


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_templates_have_no_inline_code(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style\b|\sstyle\s*=|<[^>]*\son[a-z]+\s*=|javascript:", text, re.IGNORECASE)
    assert not re.search(r"\|\s*safe\b|autoescape", text)
    for script in re.findall(r"<script\b[^>]*>", text):
        assert "src=" in script
        assert "nonce=" in script
    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", text, re.IGNORECASE | re.DOTALL):
        assert "token(" in form
