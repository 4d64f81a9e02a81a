"""Every answer carries the header fields: each route, each way to be refused."""

import re
from typing import Any

import httpx
import pytest

from sealdesk.core.errors import Refusal
from sealdesk.web.answer_headers import AnswerHeaders
from sealdesk.web.exchange import Exchange
from web.conftest import Session
from web.toy import ORIGIN, ROUTES, ToyDesk, make

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'nonce-R' 'strict-dynamic'; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types sd; upgrade-insecure-requests; report-to csp"
)
DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def lint(answer: httpx.Response) -> None:
    headers = answer.headers
    for name, value in EVERYWHERE.items():
        assert headers.get_list(name) == [value], name
    html = headers.get("content-type", "").startswith("text/html")
    policy = re.sub(r"'nonce-[A-Za-z0-9+/]{24}'", "'nonce-R'", headers["content-security-policy"])
    assert policy == (PAGE_POLICY if html else DATA_POLICY)
    assert len(headers.get_list("content-security-policy")) == 1
    assert headers.get("reporting-endpoints") == ('csp="/report"' if html else None)
    assert "geolocation=()" in headers["permissions-policy"]
    assert "Origin, Sec-Fetch-Site" in headers.get_list("vary")
    assert re.fullmatch(UUID7, headers["x-request-id"])
    assert headers["cache-control"] in ("no-store", "public, max-age=31536000, immutable", "no-cache")
    assert not {"server", "x-powered-by", "access-control-allow-origin", "strict-transport-security"} & set(headers)
    if answer.status_code >= 400 and not html and answer.content:
        assert headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert {"type", "title", "status", "detail", "instance"} <= set(problem)
        assert problem["instance"] == f"urn:uuid:{headers['x-request-id']}"
        assert problem["status"] == answer.status_code
    if answer.status_code == 401 and answer.content:
        assert headers["www-authenticate"] == 'Bearer realm="sealdesk"'


@pytest.mark.parametrize("accept", ["*/*", "text/html,application/xhtml+xml"])
@pytest.mark.parametrize("signed_in", [False, True])
async def test_every_route_and_method(
    client: httpx.AsyncClient, session: Session, accept: str, signed_in: bool
) -> None:
    paths = {route.paths.copy().pop() for route in ROUTES} | {
        "/nowhere",
        "/api/v1/nowhere",
        "/static/built/app.css",
        "/report",
    }
    seen: set[int] = set()
    for path in sorted(paths):
        for word in ("x", "00000000-0000-7000-8000-000000000000"):
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
                headers = {"accept": accept, **(session.bearer if signed_in else {})}
                answer = await client.request(
                    method, path.replace("{note_id:str}", word).replace("{name:str}", word), headers=headers
                )
                lint(answer)
                seen.add(answer.status_code)
    assert {200, 404, 405} <= seen
    assert {400, 500} <= seen if signed_in else 401 in seen


async def test_refusals_from_outside_the_router(client: httpx.AsyncClient, session: Session) -> None:
    cases: dict[int, dict[str, Any]] = {
        400: {"headers": {"idempotency-key": "a, b"}, "url": "/api/v1/notes?bad"},
        403: {"headers": {"origin": "null"}, "url": "/api/v1/notes"},
        413: {
            "headers": {"content-type": "application/json"},
            "url": "/api/v1/any",
            "content": b"[" + b" " * 90_000 + b"]",
        },
        414: {"url": "/" + "a" * 3000},
        415: {"headers": {"content-encoding": "gzip"}, "url": "/api/v1/any", "content": b"{}"},
        421: {"headers": {"host": "evil.test"}, "url": "/api/v1/any"},
        431: {"headers": {"x-flood": "a" * 17_000}, "url": "/api/v1/any"},
    }
    for status, case in cases.items():
        headers = {**session.bearer, **case.get("headers", {})}
        answer = await client.post(case["url"], headers=headers, content=case.get("content", b""))
        assert answer.status_code == status
        lint(answer)


async def test_a_405_names_the_methods(client: httpx.AsyncClient) -> None:
    answer = await client.put("/api/v1/notes")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_a_304_carries_them_too(client: httpx.AsyncClient) -> None:
    first = await client.get("/static/built/app.css")
    second = await client.get("/static/built/app.css", headers={"if-none-match": first.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")
    lint(second)


async def test_a_fault_tells_nothing(
    client: httpx.AsyncClient, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.post("/api/v1/faults", headers=session.bearer)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Runtime" not in answer.text
    log = "".join(capsys.readouterr())
    assert "RuntimeError" in log
    assert answer.headers["x-request-id"] in log
    assert "secret of the inside" not in log
    assert session.token not in log


async def test_nonces_are_new_each_time(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/sign-in") for _ in range(20)]
    nonces = {re.findall(r"'nonce-([^']+)'", answer.headers["content-security-policy"])[0] for answer in answers}
    assert len(nonces) == 20
    assert all(f'nonce="{nonce}"' in "".join(answer.text for answer in answers) for nonce in nonces)


async def test_the_client_does_not_choose_the_request_id(client: httpx.AsyncClient, session: Session) -> None:
    answer = await client.get("/nowhere", headers={"x-request-id": "mine"})
    assert "mine" not in str(answer.headers)
    assert "mine" not in answer.text


@pytest.mark.parametrize(
    ("sent", "kept"), [("abc-1", "abc-1"), ("a" * 65, None), ("a b", None), ('x"} evil', None), ("ä", None)]
)
async def test_the_clients_request_id_is_kept_for_logs(desk: ToyDesk, sent: str, kept: str | None) -> None:
    seen: list[str | None] = []

    async def note(exchange: Exchange, _: Refusal) -> None:
        seen.append(exchange.client_request_id)

    transport = httpx.ASGITransport(app=make(desk, note=note))  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        await client.get("/nowhere", headers=[(b"x-request-id", sent.encode("latin-1"))])
    assert seen == [kept]


def test_transport_security_is_for_https() -> None:
    assert b"strict-transport-security" not in dict(AnswerHeaders(["http://a"]).data)
    secure = AnswerHeaders(["https://a"])
    for fields in (dict(secure.data), dict(secure.page("n"))):
        assert fields[b"strict-transport-security"] == b"max-age=63072000; includeSubDomains"
