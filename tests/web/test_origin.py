"""The Origin matrix: methods x origins x Sec-Fetch-Site x credentials, against a rule written down a second time."""

import itertools

import httpx
import pytest

from sealdesk.core.errors import BadOrigin
from sealdesk.web.origin import BadSetting, Origins, serialised_origin
from web.conftest import Session
from web.toy import ORIGIN

ORIGINS = [
    None,
    ORIGIN,
    "null",
    "",
    "https://desk.test:8000",
    "http://desk.test",
    "http://desk.test:80",
    "http://desk.test:8001",
    "http://desk.test:8000/",
    "http://desk.test:8000 ",
    "http://DESK.test:8000",
    "HTTP://desk.test:8000",
    "http://desk.test.:8000",
    "http://sub.desk.test:8000",
    "http://desk.test:8000.evil.test",
    "http://evil.test/http://desk.test:8000",
    "http://evildesk.test:8000",
    "http://user@desk.test:8000",
    "http://desk.test:8000@evil.test",
    "http://xn--dsk-bma.test:8000",
    "http://127.0.0.1:8000",
    "http://[::1]:8000",
    "file://",
    "chrome-extension://abcdefghijklmnop",
    f"{ORIGIN}, {ORIGIN}",
]
SITES = [None, "same-origin", "same-site", "cross-site", "none", "nonsense"]
METHODS = ["POST", "PUT", "PATCH", "DELETE"]


def passes(origin: str | None, site: str | None, credential: str) -> bool:
    """The rule, as the threat model words it."""
    if origin is not None:
        # An HTTP field's value has no blanks around it: the one with a trailing blank is the exact origin.
        return origin.strip() == ORIGIN and site in (None, "same-origin", "none")
    if credential == "cookie":
        return site == "same-origin"
    return True


@pytest.mark.parametrize("credential", ["cookie", "bearer"])
@pytest.mark.parametrize("method", METHODS)
async def test_only_the_exact_origin_passes(
    client: httpx.AsyncClient, session: Session, method: str, credential: str
) -> None:
    path = f"/api/v1/notes/{'0' * 8}-0000-7000-8000-{'0' * 12}" if method in {"PATCH", "DELETE"} else "/api/v1/notes"
    wrong: list[tuple[str | None, str | None, int]] = []
    cells = list(itertools.product(ORIGINS, SITES))
    assert len(cells) == 150
    for origin, site in cells:
        headers = session.cookie if credential == "cookie" else session.bearer
        if origin is not None:
            headers["origin"] = origin.strip()
        if site is not None:
            headers["sec-fetch-site"] = site
        answer = await client.request(method, path, headers=headers)
        refused = answer.status_code == 403 and answer.json()["type"].endswith("/bad-origin")
        if refused == passes(origin, site, credential):
            wrong.append((origin, site, answer.status_code))
    assert wrong == []


async def test_of_two_origins_neither_acts_under_the_other() -> None:
    """Both are the desk's own, and to a browser they are two sites."""
    origins = Origins(["http://127.0.0.1:8000", "http://localhost:8000"])
    origins.check({b"origin": b"http://localhost:8000", b"host": b"localhost:8000", b"cookie": b"a=b"})
    with pytest.raises(BadOrigin):
        origins.check({b"origin": b"http://localhost:8000", b"host": b"127.0.0.1:8000", b"cookie": b"a=b"})


async def test_reading_needs_no_origin(client: httpx.AsyncClient, session: Session) -> None:
    for origin in ("null", "http://evil.test"):
        answer = await client.get(
            "/api/v1/notes", headers={**session.cookie, "origin": origin, "sec-fetch-site": "cross-site"}
        )
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("field", ["origin", "sec-fetch-site"])
async def test_a_doubled_field_is_refused(client: httpx.AsyncClient, session: Session, field: str) -> None:
    value = ORIGIN if field == "origin" else "same-origin"
    headers = [*session.cookie.items(), (field, value), (field, value)]
    answer = await client.post("/api/v1/notes", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (403, "Request from another site")


async def test_sign_in_from_another_site_is_refused(client: httpx.AsyncClient) -> None:
    for headers in ({"origin": "http://evil.test"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        answer = await client.post("/sign-in", data={"email": "a"}, headers=headers)
        assert (answer.status_code, answer.json()["title"]) == (403, "Request from another site")


@pytest.mark.parametrize(
    "text",
    [
        "desk.test",
        "http://desk.test/",
        "http://desk.test:80",
        "https://desk.test:443",
        "http://Desk.test",
        "ftp://a",
        "http://a b",
    ],
)
def test_settings_that_no_browser_sends(text: str) -> None:
    with pytest.raises(BadSetting):
        serialised_origin(text)


def test_settings_that_browsers_send() -> None:
    allowed = ["http://127.0.0.1:8000", "https://desk.example", "http://[::1]:8000"]
    assert Origins(allowed).hosts == {b"127.0.0.1:8000", b"desk.example", b"[::1]:8000"}
    with pytest.raises(BadSetting):
        Origins([])
