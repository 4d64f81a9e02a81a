"""Bodies that are refused on the real server, and those at the edge that are not. Nothing refused leaves a trace in what is stored."""

import gzip
import json
import socket
import tarfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

import needs
from counts import count
from journey.crowd import Crowd
from journey.storage import stored
from running import Client, RunningDesk
from sealdesk.threads.model import MAX_BODY
from sealdesk.web.caps import MESSAGE_BYTES

CUT_OFF = 0  # a sender that goes on long after the refusal is cut off, and may lose the answer


@pytest.fixture(scope="module")
def crowd(running_desk: RunningDesk) -> Crowd:
    return Crowd(running_desk, "bodies", count(8, 40))


@pytest.fixture
def unchanged(running_desk: RunningDesk, crowd: Crowd) -> Iterator[None]:
    """Nothing may be stored while the test runs."""
    before = stored(running_desk)
    yield
    assert stored(running_desk) == before


def refused(answer: httpx.Response, status: int) -> dict[str, object]:
    """The problem details of a refusal with this status."""
    assert answer.status_code == status, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    assert problem["detail"]
    return problem


def fitting(content: bytes) -> int:
    """How bad JSON is refused: some files hold 100,000 brackets, more than is read."""
    return 413 if len(content) > MESSAGE_BYTES else 400


def post(crowd: Crowd, content: bytes, kind: str = "application/json") -> httpx.Response:
    client, thread = crowd.next()
    return client.act("POST", f"/api/v1/threads/{thread}/messages", content=content, headers={"content-type": kind})


@pytest.mark.usefixtures("unchanged")
def test_the_torture_files_are_refused(crowd: Crowd) -> None:
    with tarfile.open(needs.shared("payloads/json-test-suite.tar.gz")) as archive:
        files = {
            Path(member.name).name: archive.extractfile(member)
            for member in archive
            if "/test_parsing/" in member.name and member.name.endswith(".json")
        }
        texts = {name: file.read() for name, file in files.items() if file}
    assert sum(name.startswith("n_") for name in texts) == 188
    assert len(texts) == 318
    for text in texts.values():
        refused(post(crowd, text), fitting(text))
    for name, text in list(texts.items())[:: count(4, 1)]:
        if name.startswith("n_"):
            content = b'{"body": ' + text + b"}"
            assert refused(post(crowd, content), fitting(content)), name


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({"body": "x", "role": "admin"}, ""),
        ({"body": "x", "seq": 1}, ""),
        ({"body": "x", "org_id": str(uuid4())}, ""),
        ({"body": "x", "author": {"name": "me"}}, ""),
        ({"body": 1}, "/body"),
        ({"body": None}, "/body"),
        ({"body": ["x"]}, "/body"),
        ({"body": ""}, "/body"),
        ({"body": "   \n"}, "/body"),
        ({"body": "x", "visibility": "secret"}, "/visibility"),
        ({}, "/body"),
    ],
)
def test_what_does_not_fit_is_named(crowd: Crowd, content: object, pointer: str) -> None:
    problem = refused(post(crowd, json.dumps(content).encode()), 400)
    if pointer:
        assert pointer in json.dumps(problem)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "content",
    [
        b'{"body": "x", "body": "y"}',
        b'{"body": "x", "\\u0062ody": "y"}',
        b'{"body": "a\\u0000b"}',
        b'{"body": "\\ud800"}',
        b'{"body": "\xff"}',
        b'\xef\xbb\xbf{"body": "x"}',
        b"",
        b"{}{}",
        b"[" * 33 + b'"' + b'\\"' * 40_000,
    ],
)
def test_what_parsers_let_pass_is_refused(crowd: Crowd, content: bytes) -> None:
    refused(post(crowd, content), 400)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
    ],
)
def test_other_kinds_are_refused(crowd: Crowd, kind: str) -> None:
    refused(post(crowd, b'{"body": "x"}', kind), 415)


@pytest.mark.usefixtures("unchanged")
def test_a_compressed_body_is_refused(crowd: Crowd) -> None:
    client, thread = crowd.next()
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    content = gzip.compress(b'{"body": "x"}')
    refused(client.act("POST", f"/api/v1/threads/{thread}/messages", content=content, headers=headers), 415)


@pytest.mark.usefixtures("unchanged")
def test_queries_and_forms_are_as_strict(crowd: Crowd) -> None:
    client, thread = crowd.next()
    bad = [
        "view=all&view=all",
        "colour=red",
        "view=none",
        "limit=0",
        "limit=101",
        "limit=ten",
        "before=x",
        "%zz=1",
        "a=%00",
        "view",
    ]
    for query in bad:
        refused(client.get(f"/api/v1/threads?{query}"), 400)
    refused(client.get(f"/api/v1/threads/{thread}/messages?after=-1"), 400)
    for query in ("?x=1", "?view=open&view=all"):
        refused(client.get(f"/c/{thread}{query}", headers={"accept": "application/problem+json"}), 400)
    form = {"csrf": client.csrf, "idempotency_key": uuid4().hex, "body": "x", "visibility": "public"}
    for extra in ("&role=admin", "&body=y", "&body=%00", "&%ff=1", "&visibility=public"):
        content = (urlencode(form) + extra).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/problem+json"}
        answer = client.act("POST", f"/c/{thread}/messages", content=content, headers=headers)
        refused(answer, 400)


@pytest.mark.usefixtures("unchanged")
def test_headers_claim_nothing(crowd: Crowd) -> None:
    client, _ = crowd.next()
    answer = client.get("/api/v1/session", headers={"x-user": "admin", "x-role": "admin", "x-org": str(uuid4())})
    assert answer.json()["role"] == "agent"


@pytest.mark.parametrize("character", ["a", "é", "€", "😀"], ids=["1 byte", "2 bytes", "3 bytes", "4 bytes"])
def test_a_message_of_65536_bytes_is_taken_and_not_one_more(
    running_desk: RunningDesk, crowd: Crowd, character: str
) -> None:
    width = len(character.encode())
    body = character * (MAX_BODY // width) + "a" * (MAX_BODY % width)
    assert len(body.encode()) == MAX_BODY
    client, thread = crowd.next()
    answer = client.say(thread, body)
    assert answer.status_code == 201, answer.text
    messages = client.get(f"/api/v1/threads/{thread}/messages").json()["messages"]
    assert messages[-1]["body"] == body
    before = stored(running_desk)
    refused(client.say(thread, body + "a"), 413)
    refused(client.say(thread, body[:-1] + ("aa" if width == 1 else character + "a")), 413)
    assert stored(running_desk) == before


@pytest.mark.usefixtures("unchanged")
def test_oversize_bodies_are_refused_while_they_are_read(crowd: Crowd) -> None:
    client, thread = crowd.next()
    path = f"/api/v1/threads/{thread}/messages"
    sizes = ((100_000, {413}), (MESSAGE_BYTES, {413}), (2 * MESSAGE_BYTES, {413, CUT_OFF}))
    for size, statuses in sizes:
        big = b'{"body": "' + b"a" * size + b'"}'
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in _pieces(big, 16_384)) + b"0\r\n\r\n"
        assert _status(_send(client, _head(client, path) + b"Content-Length: %d\r\n\r\n" % len(big), big)) in statuses
        assert _status(_send(client, _head(client, path) + b"Transfer-Encoding: chunked\r\n\r\n", chunks)) in statuses
    assert _status(_send(client, _head(client, path) + b"Content-Length: 1000000000\r\n\r\n", b"")) == 413


@pytest.mark.usefixtures("unchanged")
def test_a_lying_length_is_refused(crowd: Crowd) -> None:
    client, thread = crowd.next()
    head = _head(client, f"/api/v1/threads/{thread}/messages")
    good = b'{"body": "x"}'
    for fields in (
        b"Content-Length: 5\r\n\r\n",  # a part of it; the rest is no request
        b"Content-Length: 13\r\nContent-Length: 14\r\n\r\n",
        b"Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 0x0d\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
    ):
        assert _status(_send(client, head + fields, good)) in (400, 413), fields
    # More than was sent: the server waits for the rest, and the client goes away.
    _send(client, head + b"Content-Length: 14\r\n\r\n", good, hang_up=True)


def _head(client: Client, path: str) -> bytes:
    host = client.base_url.netloc.decode()
    fields = {
        "Host": host,
        "Cookie": client.headers["cookie"],
        "Origin": f"http://{host}",
        "X-CSRF-Token": client.csrf,
        "Idempotency-Key": uuid4().hex,
        "Content-Type": "application/json",
    }
    return f"POST {path} HTTP/1.1\r\n".encode() + b"".join(
        f"{name}: {value}\r\n".encode() for name, value in fields.items()
    )


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    yield from (data[start : start + size] for start in range(0, len(data), size))


def _send(client: Client, head: bytes, body: bytes, *, hang_up: bool = False) -> bytes:
    address = (str(client.base_url.host), client.base_url.port or 80)
    with socket.create_connection(address, timeout=10, source_address=(client.address, 0)) as connection:
        answer = b""
        try:
            for part in chain([head], _pieces(body, 8192)):
                connection.sendall(part)
            if hang_up:
                return b""
            while chunk := connection.recv(65_536):
                answer += chunk
                if b"\r\n\r\n" in answer:
                    break
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else CUT_OFF
