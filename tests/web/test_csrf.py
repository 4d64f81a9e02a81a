"""Anti-CSRF tokens, sessions and tokens: who may send what."""

import re

import httpx
import pytest

from sealdesk.core.errors import BadToken
from sealdesk.web.csrf import AntiCsrf
from sealdesk.web.tokens import clear_cookie, cookie_token, is_token, new_token, set_cookie, token_hash
from web.conftest import Session
from web.toy import ORIGIN, ToyDesk

SAME = {"origin": ORIGIN}
ANY = {"content-type": "application/json"}


async def change(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/api/v1/any", headers={**SAME, **ANY, **fields}, content=b"{}")


def encoded(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in headers.items()}


def slug(answer: httpx.Response) -> str:
    return answer.json()["type"].rpartition("/")[2]


async def test_it_works(client: httpx.AsyncClient, session: Session) -> None:
    assert (await change(client, **session.cookie, x_csrf_token=session.csrf)).status_code == 200
    assert (await change(client, **session.bearer)).status_code == 200


async def test_a_cookie_needs_the_token(client: httpx.AsyncClient, session: Session, desk: ToyDesk) -> None:
    other = Session(desk.sign_in())
    flipped = session.csrf[:-1] + ("A" if session.csrf[-1] != "A" else "B")
    foreign = AntiCsrf(b"t" * 32).for_session(token_hash(session.token))
    presession = AntiCsrf(b"s" * 32).for_presession(session.token)
    for token in ("", "x", other.csrf, flipped[:-2], foreign, presession, session.csrf + "A", "ü" * 86, session.token):
        answer = await client.post(
            "/api/v1/any",
            headers={**encoded({**SAME, **ANY, **session.cookie}), b"x-csrf-token": token.encode()},
            content=b"{}",
        )
        assert (answer.status_code, slug(answer)) == (403, "bad-token"), token


async def test_every_mutating_method_needs_it(client: httpx.AsyncClient, session: Session) -> None:
    for method, path in (
        ("POST", "/api/v1/notes"),
        ("PATCH", "/api/v1/notes/x"),
        ("DELETE", "/api/v1/notes/x"),
        ("POST", "/notes"),
    ):
        answer = await client.request(method, path, headers={**SAME, **session.cookie})
        assert (answer.status_code, slug(answer)) == (403, "bad-token")


def test_tokens_differ_each_time_and_hold_for_one_session() -> None:
    csrf = AntiCsrf(b"s" * 32)
    tokens = {csrf.for_session(b"a" * 32) for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        csrf.check_session(token, b"a" * 32)
        with pytest.raises(BadToken):
            csrf.check_session(token, b"b" * 32)
        with pytest.raises(BadToken):
            csrf.check_presession(token, "a" * 32)
    with pytest.raises(ValueError, match="32 bytes"):
        AntiCsrf(b"short")


def test_any_change_of_a_token_is_seen() -> None:
    csrf = AntiCsrf(b"s" * 32)
    token = csrf.for_session(b"a" * 32)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for position in range(len(token) - 1):  # the last character has spare bits
        changed = token[:position] + alphabet[(alphabet.index(token[position]) + 1) % 64] + token[position + 1 :]
        with pytest.raises(BadToken):
            csrf.check_session(changed, b"a" * 32)


async def test_no_credentials(client: httpx.AsyncClient, session: Session) -> None:
    dead = new_token()
    for headers in (
        {},
        {"cookie": f"__Host-sid={dead}"},
        {"authorization": f"Bearer {dead}"},
        {"authorization": "Basic YTpi"},
    ):
        answer = await client.get("/api/v1/notes", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "cookie",
    [
        "sid={0}",
        "__host-sid={0}",
        "__Host-sid={0}; __Host-sid={0}",
        "__Host-sid={0}A",
        '__Host-sid="{0}"',
        "x__Host-sid={0}",
        "__Host-sid=",
    ],
)
async def test_cookies_that_are_not_ours(client: httpx.AsyncClient, session: Session, cookie: str) -> None:
    assert (await client.get("/api/v1/notes", headers={"cookie": cookie.format(session.token)})).status_code == 401


async def test_claims_in_headers_are_nothing(client: httpx.AsyncClient) -> None:
    for name in ("x-user", "x-role", "x-org", "x-forwarded-user", "x-session"):
        assert (await client.get("/api/v1/notes", headers={name: "admin"})).status_code == 401


async def test_cookie_and_bearer_together(client: httpx.AsyncClient, session: Session) -> None:
    answer = await client.get("/api/v1/notes", headers={**session.cookie, **session.bearer})
    assert answer.status_code == 400


async def test_login_csrf(client: httpx.AsyncClient, desk: ToyDesk) -> None:
    page = await client.get("/sign-in")
    (cookie,) = page.headers.get_list("set-cookie")
    assert re.fullmatch(r"__Host-pre=[A-Za-z0-9_-]{43}; Path=/; Secure; HttpOnly; SameSite=Lax", cookie)
    token = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
    mine = {"cookie": cookie.partition(";")[0], **SAME}
    client.cookies.clear()

    async def sign_in(headers: dict[str, str], **data: str) -> int:
        return (await client.post("/sign-in", headers=headers, data={"email": "a@b", **data})).status_code

    assert await sign_in(mine, csrf=token) == 303
    assert await sign_in(mine) == 403
    assert await sign_in(SAME, csrf=token) == 403
    assert await sign_in({**SAME, "cookie": f"__Host-pre={new_token()}"}, csrf=token) == 403
    assert await sign_in({**mine, "authorization": f"Bearer {new_token()}"}) == 403


async def test_a_presession_is_kept(client: httpx.AsyncClient) -> None:
    first = await client.get("/sign-in")
    cookie = first.headers["set-cookie"].partition(";")[0]
    client.cookies.clear()
    assert "set-cookie" not in (await client.get("/sign-in", headers={"cookie": cookie})).headers


async def test_the_form_of_a_page(client: httpx.AsyncClient, session: Session, desk: ToyDesk) -> None:
    token = re.findall(r'name="csrf" value="([^"]+)"', (await client.get("/notes", headers=session.cookie)).text)[0]
    headers = {**SAME, **session.cookie}
    good = {"csrf": token, "idempotency_key": "k", "title": "a & b"}
    answer = await client.post("/notes", headers=headers, data=good)
    assert (answer.status_code, answer.headers["location"]) == (303, "/notes")
    assert list(desk.notes.values()) == ["a & b"]
    assert (await client.post("/notes", headers=headers, data={**good, "csrf": "x"})).status_code == 403
    wrong = await client.post("/notes", headers=headers, data={**good, "title": "<b>" + "x" * 20})
    assert wrong.status_code == 400
    assert "It is too long: at most 20 characters are taken." in wrong.text
    assert 'value="&lt;b&gt;xxxx' in wrong.text
    kept = await client.post("/notes", headers=headers, data={**good, "idempotency_key": ""})
    assert kept.status_code == 400
    unknown = await client.post("/notes", headers=headers, data={**good, "role": "admin"})
    assert unknown.status_code == 400
    assert len(desk.notes) == 1


async def test_pages_lead_to_sign_in(client: httpx.AsyncClient) -> None:
    html = {"accept": "text/html"}
    answer = await client.get("/notes?after=1", headers=html)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/notes%3Fafter%3D1")
    answer = await client.post("/notes", headers={**html, **SAME})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/notes")
    answer = await client.get("/notes", headers={**html, "hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in?next=/notes")
    part = {**html, "hx-request": "true", "hx-current-url": "https://desk.test/notes?after=7"}
    answer = await client.get("/notes?part=yes", headers=part)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in?next=/notes%3Fafter%3D7")
    for elsewhere in ("https://desk.test//evil.test/", "https://desk.test/\\evil.test", "https://desk.test/\u00e9"):
        answer = await client.get("/notes", headers=httpx.Headers({**part, "hx-current-url": elsewhere}, "latin-1"))
        assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in?next=/")
    answer = await client.get("/notes", headers={**part, "hx-current-url": "http://["})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in?next=/notes")
    answer = await client.get("/notes", headers={**part, "sd-poll": "1"})
    assert (answer.status_code, answer.headers.get("hx-redirect"), answer.text) == (401, None, "")
    assert (await client.get("/notes")).status_code == 401


def test_session_cookies() -> None:
    token = new_token()
    assert is_token(token)
    assert len(token_hash(token)) == 32
    name, value = set_cookie("__Host-sid", token)
    assert (name, value.decode()) == (b"set-cookie", f"__Host-sid={token}; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert clear_cookie("__Host-sid")[1].endswith(b"; Max-Age=0")
    assert cookie_token(f"a=b; __Host-sid={token}".encode(), "__Host-sid") == token
