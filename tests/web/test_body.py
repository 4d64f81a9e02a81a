"""Bodies, forms and queries: strict, bounded, and refused without an echo."""

import tarfile
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import needs
from sealdesk.core.errors import BadRequest
from sealdesk.web.strict_form import decode_fields
from sealdesk.web.strict_json import decode_json
from web.conftest import Session
from web.toy import ToyDesk

NOTES = "/api/v1/notes"
SUITE = "payloads/json-test-suite.tar.gz"


def read_suite(path: Path) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if "test_parsing/" in member.name and name.endswith(".json") and (file := archive.extractfile(member)):
                found.append((name, file.read()))
    return found


async def send(
    client: httpx.AsyncClient, session: Session, content: Any, path: str = NOTES, **headers: str
) -> httpx.Response:
    fields = {**session.bearer, "content-type": "application/json", "idempotency-key": "k", **headers}
    body = {"json": content} if isinstance(content, dict) else {"content": content}
    return await client.post(path, headers=fields, **body)


async def test_it_works(client: httpx.AsyncClient, session: Session, desk: ToyDesk) -> None:
    answer = await send(client, session, {"title": "hällo", "place": {"name": "x", "tags": ["a"]}})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{NOTES}/{answer.json()['id']}"
    assert list(desk.notes.values()) == ["hällo"]


async def test_the_torture_suite(client: httpx.AsyncClient, session: Session) -> None:
    suite = read_suite(needs.shared(SUITE))
    kinds = [name[:2] for name, _ in suite]
    assert (kinds.count("n_"), kinds.count("y_"), kinds.count("i_")) == (188, 95, 35)
    wrong: list[tuple[str, int]] = []
    for name, content in suite:
        for path in ("/api/v1/any", NOTES):
            answer = await send(client, session, content, path)
            refused = answer.status_code in (400, 413)
            fine = refused if name.startswith("n_") else answer.status_code < 500
            # Duplicate names are a choice of the receiver's (RFC 8259, 4); escapes of NUL and of half a surrogate pair are too (RFC 7493).
            if name.startswith("y_") and path == "/api/v1/any" and refused:
                fine = "duplicated_key" in name or "null" in name.lower() or b"\\u0000" in content
            if not fine:
                wrong.append((name, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xef\xbb\xbf{}",
        '{"title": "é"}'.encode("utf-16"),
        b'{"title": "a", "title": "a"}',
        b'{"title": "a", "place": {"name": "a", "name": "b"}}',
        b'{"title": "a", "titl\\u0065": "b"}',
        b'{"title": NaN}',
        b'{"title": "a", "count": Infinity}',
        b'{"title": "a", "count": 1e999}',
        b'{"title": "\\ud800"}',
        b'{"title": "\\udc00\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"title": "a\\u0000b"}',
        b'{"title": "a\x00b"}',
        b'{"title": "\xff"}',
        b'{"title": "a", "count": ' + b"9" * 5000 + b"}",
        b"[" * 33 + b"]" * 33,
    ],
)
async def test_what_parsers_let_pass(
    client: httpx.AsyncClient, session: Session, desk: ToyDesk, content: bytes
) -> None:
    answer = await send(client, session, content)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert desk.calls == 0


def test_deep_nesting_is_refused_before_recursion() -> None:
    begin = time.perf_counter()
    for text in (b"[" * 100_000, b'{"a":' * 100_000, b"[" * 40_000 + b"]" * 40_000):
        with pytest.raises(BadRequest):
            decode_json(text)
    assert time.perf_counter() - begin < 0.5


def test_a_string_that_is_never_closed_takes_linear_time() -> None:
    begin = time.perf_counter()
    for end in (b"", b"\\"):
        with pytest.raises(BadRequest):
            decode_json(b"[" * 33 + b'"' + b'\\"' * 40_000 + end)
    assert time.perf_counter() - begin < 0.5


def test_brackets_in_strings_are_not_depth() -> None:
    assert decode_json(b'["' + b'[{\\"' * 1000 + b'"]') == ['[{"' * 1000]
    assert decode_json(b"[" * 32 + b"]" * 32)
    assert decode_json(b"[" + b",".join([b"{}"] * 1000) + b"]") == [{}] * 1000


def test_surrogate_pairs_are_text() -> None:
    assert decode_json(b'"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize(
    ("content", "pointer", "detail"),
    [
        ({}, "/title", "This field is needed."),
        ({"title": None}, "/title", "Expected str, got null."),
        ({"title": 7}, "/title", "Expected str, got int."),
        ({"title": ""}, "/title", "Expected str of length >= 1."),
        ({"title": "x" * 21}, "/title", "Expected str of length <= 20."),
        ({"title": "a", "count": "7"}, "/count", "Expected int, got str."),
        ({"title": "a", "count": 7.5}, "/count", "Expected int, got float."),
        ({"title": "a", "count": True}, "/count", "Expected int, got bool."),
        ({"title": "a", "evil": 1}, "", "Field number 2 is not known here."),
        ({"evil<script>": 1, "title": "a"}, "", "Field number 1 is not known here."),
        ({"title": "a", "place": {"name": "a", "evil": 1}}, "/place", "Field number 2 is not known here."),
        ({"title": "a", "place": {}}, "/place/name", "This field is needed."),
        (
            {"title": "a", "place": {"name": "b", "tags": ["a", "toolongbyfar"]}},
            "/place/tags/1",
            "Expected str of length <= 8.",
        ),
        ({"title": "a", "place": {"name": "b", "tags": ["a"] * 4}}, "/place/tags", "Expected array of length <= 3."),
        ({"title": "a", "x` - at `$.place": 1}, "", "Field number 2 is not known here."),
    ],
)
async def test_what_does_not_fit_is_named(
    client: httpx.AsyncClient, session: Session, desk: ToyDesk, content: dict[str, Any], pointer: str, detail: str
) -> None:
    answer = await send(client, session, content)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    if "at `$" not in str(content):
        assert error == {"pointer": pointer, "detail": detail}
    assert "evil" not in answer.text
    assert "toolong" not in answer.text
    assert desk.notes == {}


@pytest.mark.parametrize("name", ["role", "is_admin", "org_id", "org", "author", "seq", "at", "tenant_id"])
async def test_claims_are_unknown_fields(client: httpx.AsyncClient, session: Session, name: str) -> None:
    assert (await send(client, session, {"title": "a", name: "admin"})).status_code == 400
    assert (await client.get(f"{NOTES}?{name}=1", headers=session.bearer)).status_code == 400


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "application/json; charset=latin-1",
    ],
)
async def test_other_content_types(client: httpx.AsyncClient, session: Session, desk: ToyDesk, kind: str) -> None:
    answer = await send(client, session, b'{"title": "a"}', **{"content-type": kind})
    assert answer.status_code == 415
    assert answer.headers["accept"] == "application/json"
    assert desk.calls == 0


async def test_the_charset_may_be_named(client: httpx.AsyncClient, session: Session) -> None:
    for kind in ("application/json; charset=utf-8", "Application/JSON;charset=UTF-8"):
        assert (await send(client, session, b'{"title": "a"}', **{"content-type": kind})).status_code == 201


async def test_content_codings_are_refused(client: httpx.AsyncClient, session: Session) -> None:
    for coding in ("gzip", "br", "identity"):
        answer = await send(client, session, b"{}", **{"content-encoding": coding})
        assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")


@pytest.mark.parametrize(
    "query",
    [
        "after=1&after=2",
        "evil=1",
        "after",
        "=1",
        "after=1&",
        "after=x",
        "after=-1",
        "after=",
        "word=%00",
        "word=%ff",
        "word=%zz",
        "word=%ud8",
    ],
)
async def test_queries_are_strict(client: httpx.AsyncClient, session: Session, query: str) -> None:
    assert (await client.get(f"{NOTES}?{query}", headers=session.bearer)).status_code == 400


async def test_queries_are_typed(client: httpx.AsyncClient, session: Session) -> None:
    assert (await client.get(f"{NOTES}?after=3&word=a+%C3%A4", headers=session.bearer)).status_code == 200
    assert (await client.get("/api/v1/openapi.json?a=1", headers=session.bearer)).status_code == 404
    assert (await client.get("/api/openapi.json?a=1")).status_code == 400


def test_fields_of_forms() -> None:
    assert decode_fields(b"a=1&b=+%2B%C3%A4&c=", at_most=3) == {"a": "1", "b": " +ä", "c": ""}
    for text in (b"a=1&a=2", b"a", b"&", b"a=%", b"a=%4", b"a=%ED%A0%80", b"a=1&b=2&c=3&d=4"):
        with pytest.raises(BadRequest):
            decode_fields(text, at_most=3)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "00000000",
        "00000000-0000-7000-8000-00000000000g",
        "00000000-0000-7000-8000-0000000000000",
        "%20",
        "0" * 32,
        "ABCDEF00-0000-7000-8000-000000000000",
    ],
)
async def test_malformed_ids(client: httpx.AsyncClient, session: Session, text: str) -> None:
    """401 before 404, and then the very answer of an id that does not exist."""
    assert (await client.get(f"{NOTES}/{text}")).status_code == 401
    malformed = await client.get(f"{NOTES}/{text}", headers=session.bearer)
    absent = await client.get(f"{NOTES}/00000000-0000-7000-8000-000000000000", headers=session.bearer)
    assert (malformed.status_code, absent.status_code) == (404, 404)
    for answer in (malformed, absent):
        del answer.headers["x-request-id"]
    assert malformed.headers == absent.headers
    assert {**malformed.json(), "instance": ""} == {**absent.json(), "instance": ""}
