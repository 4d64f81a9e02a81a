"""Idempotency-Key, ETag, If-Match and If-None-Match."""

import httpx
import pytest

from sealdesk.core.errors import BadRequest, PreconditionRequired, Stale
from sealdesk.core.ids import new_id
from sealdesk.web.headers import read_idempotency_key, read_if_match
from web.conftest import Session
from web.toy import ToyDesk, version

KEYS = "/api/v1/keys"


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        ("x" * 255, "x" * 255),
        (r'"a\"b\\"', 'a"b\\'),
        ('"a,b;c"', "a,b;c"),
        ("a:b/c=", "a:b/c="),
    ],
)
def test_keys(sent: str, key: str) -> None:
    assert read_idempotency_key(sent.encode()) == key


@pytest.mark.parametrize(
    "sent",
    ["", '""', "a b", '"a b"', "x" * 256, '"' + "x" * 256 + '"', '"a', 'a"', "ä", "a,b", "a;b", "a\t", None, r'"\a"'],
)
def test_what_is_no_key(sent: str | None) -> None:
    with pytest.raises(BadRequest):
        read_idempotency_key(sent)


async def test_the_key_covers_what_was_asked(client: httpx.AsyncClient, session: Session) -> None:
    async def digest(key: str, content: dict[str, object]) -> dict[str, str]:
        answer = await client.post(KEYS, headers={**session.bearer, "idempotency-key": key}, json=content)
        assert answer.status_code == 201
        return answer.json()

    first = await digest("a", {"title": "x"})
    assert first["route"] == f"POST {KEYS}"
    assert await digest('"a"', {"title": "x"}) == first
    assert (await digest("a", {"title": "y"}))["digest"] != first["digest"]
    missing = await client.post(KEYS, headers=session.bearer, json={"title": "x"})
    assert (missing.status_code, missing.json()["title"]) == (400, "Bad request")


async def test_a_change_needs_the_expected_version(client: httpx.AsyncClient, session: Session, desk: ToyDesk) -> None:
    key = new_id()
    desk.notes[key] = "old"
    path = f"/api/v1/notes/{key}"
    tag = (await client.get(path, headers=session.bearer)).headers["etag"]
    assert tag == f'"{version("old")}"'

    async def change(title: str, **headers: str) -> int:
        return (await client.patch(path, headers={**session.bearer, **headers}, json={"title": title})).status_code

    assert await change("new") == 428
    assert await change("new", **{"if-match": '"other"'}) == 412
    assert await change("new", **{"if-match": f"W/{tag}"}) == 412
    assert await change("new", **{"if-match": tag.strip('"')}) == 400
    assert desk.notes[key] == "old"
    assert await change("new", **{"if-match": f'"other", {tag}'}) == 200
    assert await change("newer", **{"if-match": tag}) == 412
    assert await change("newer", **{"if-match": "*"}) == 200


async def test_a_read_may_be_conditional(client: httpx.AsyncClient, session: Session, desk: ToyDesk) -> None:
    key = new_id()
    desk.notes[key] = "text"
    path = f"/api/v1/notes/{key}"
    tag = (await client.get(path, headers=session.bearer)).headers["etag"]
    for field, status in (
        (tag, 304),
        (f"W/{tag}", 304),
        (f'"x", {tag}', 304),
        ("*", 304),
        ('"x"', 200),
        ("nonsense", 200),
    ):
        answer = await client.get(path, headers={**session.bearer, "if-none-match": field})
        assert answer.status_code == status
        assert answer.headers["etag"] == tag


def test_expected_versions() -> None:
    with pytest.raises(PreconditionRequired):
        read_if_match(None)
    with pytest.raises(Stale):
        read_if_match(b'"1"').require(2)
    read_if_match(b'"1", "2"').require(2)
    assert read_if_match("*").matches("anything")
