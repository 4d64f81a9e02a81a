"""What no Python server does by itself: raw sockets against the running kit."""

import json
import socket
import time

import pytest

from web.conftest import SECONDS, Served, read_all
from web.serve_toy import CONNECTIONS

KIB = 1024


def status(answer: bytes) -> int:
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def problem(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"x-content-type-options: nosniff" in head
    assert b"content-security-policy: default-src 'none'" in head
    return json.loads(body)


def test_it_works(served: Served) -> None:
    answer = served.ask(b"GET /api/v1/notes HTTP/1.1\r\n" + served.head + b"Connection: close\r\n\r\n")
    assert status(answer) == 200
    assert isinstance(json.loads(answer.partition(b"\r\n\r\n")[2]), list)
    assert b"\r\nserver:" not in answer.lower()


def test_an_endless_chunked_body_is_cut_off_early(served: Served) -> None:
    before, taken = served.resident(), served.taken()
    chunk = b"%x\r\n%s\r\n" % (4 * KIB, b"a" * 4 * KIB)
    sent = 0
    with served.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * KIB)
        connection.sendall(post(served, b"Transfer-Encoding: chunked\r\n"))
        try:
            while sent < KIB * KIB * KIB:
                connection.sendall(chunk)
                sent += len(chunk)
                time.sleep(0.001)
        except OSError:
            pass
        answer = read_all(connection, 2)
    assert 80 * KIB < served.taken() - taken <= 144 * KIB
    assert sent <= 400 * KIB  # the rest is in the kernel's buffers
    assert served.resident() - before < 5 * KIB * KIB
    assert status(answer) in (413, 0)  # the reset may overtake the answer


@pytest.mark.parametrize("size", [80 * KIB, 80 * KIB + 1, 100 * KIB])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_cap_is_exact_and_its_answer_arrives(served: Served, size: int, chunked: bool) -> None:
    text = b'{"a":"' + b"a" * (size - 8) + b'"}'
    if chunked:
        request = post(served, b"Transfer-Encoding: chunked\r\n") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)
    else:
        request = post(served, b"Content-Length: %d\r\n" % size) + text
    answer = served.ask(request)
    assert status(answer) == (200 if size <= 80 * KIB else 413)
    if size > 80 * KIB:
        assert problem(answer)["status"] == 413


def test_a_huge_declared_length_is_refused_without_reading(served: Served) -> None:
    answer = served.ask(post(served, b"Content-Length: 1073741824\r\n"))
    assert status(answer) == 413
    assert b"connection: close" in answer


@pytest.mark.parametrize("declared", [1, 1000])
def test_a_length_that_lies(served: Served, declared: int) -> None:
    answer = served.ask(post(served, b"Content-Length: %d\r\n" % declared) + b'{"a": 1}')
    if declared == 1:
        # What follows the declared byte is another request, and none that is one.
        assert answer.count(b"HTTP/1.1 400") >= 1
        assert b"HTTP/1.1 2" not in answer
    else:
        assert status(answer) == 408
        assert problem(answer)["status"] == 408


def test_a_slow_body_is_closed(served: Served) -> None:
    begin = time.monotonic()
    with served.connect() as connection:
        connection.sendall(post(served, b"Content-Length: 100\r\n"))
        answer = drip(connection, b'"' + b"a" * 99)
    assert status(answer) == 408
    assert time.monotonic() - begin < SECONDS + 2


def test_slow_headers_are_closed(served: Served) -> None:
    begin = time.monotonic()
    with served.connect() as connection:
        answer = drip(connection, b"GET /api/v1/notes HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"a" * 1000)
    assert status(answer) == 408
    assert problem(answer)["status"] == 408
    assert time.monotonic() - begin < SECONDS + 2


def test_a_silent_connection_is_closed(served: Served) -> None:
    begin = time.monotonic()
    with served.connect() as connection:
        assert read_all(connection) == b""
    assert SECONDS * 0.8 < time.monotonic() - begin < SECONDS + 2


def test_slow_headers_of_a_second_request_are_closed(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"GET /api/v1/notes HTTP/1.1\r\n" + served.head + b"\r\n")
        assert status(read_all(connection, 3, 0.1)) == 200
        begin = time.monotonic()
        answer = drip(connection, b"GET /api/v1/notes HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"a" * 1000)
    assert status(answer) == 408
    assert time.monotonic() - begin < SECONDS + 2


def test_a_client_that_does_not_read_is_cut_off(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"GET /api/v1/flood HTTP/1.1\r\n" + served.head + b"\r\n")
        time.sleep(SECONDS * 2)
        assert len(read_all(connection, 2)) < 50_000_000  # what the kernel had taken already


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (b"Host: a\r\nHost: b\r\n", 400),
        (b"", 400),
        (b"Host: evil.test\r\n", 421),
        (b"Host: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}\r\n", 400),
        (b"Host: 127.0.0.1:{port}\r\n" + b"X-Flood: a\r\n" * 100, 431),
        (b"Host: 127.0.0.1:{port}\r\nX-Flood: " + b"a" * 17 * KIB + b"\r\n", 431),
        (b"Host: 127.0.0.1:{port}\r\nX-Flood: " + b"a" * 100 * KIB + b"\r\n", 431),
        (b"Host: 127.0.0.1:{port}\r\nContent-Length: 2\r\nContent-Length: 2\r\n", 400),
        (b"Host: 127.0.0.1:{port}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"Host: 127.0.0.1:{port}\r\nContent-Length: +2\r\n", 400),
        (b"Host: 127.0.0.1:{port}\r\nTransfer-Encoding: gzip, chunked\r\n", 400),
        (b"Host: 127.0.0.1:{port}\r\nTransfer-Encoding: identity\r\n", 400),
        (b"Host: 127.0.0.1:{port}\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n", 415),
        (b"Host: 127.0.0.1:{port}\r\nX-Folded: a\r\n b\r\n", 400),
        (b"Host : 127.0.0.1:{port}\r\n", 400),
    ],
)
def test_headers_that_could_be_read_in_two_ways(served: Served, lines: bytes, wanted: int) -> None:
    lines = lines.replace(b"{port}", b"%d" % served.port)
    body = b"{}" if b"Content-Length" in lines or b"Transfer" in lines else b""
    answer = served.ask(b"POST /api/v1/any HTTP/1.1\r\n" + lines + b"\r\n" + body)
    assert status(answer) == wanted
    assert problem(answer)["status"] == wanted


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (b"http://evil.test/api/v1/notes", 400),
        (b"//evil.test/api", 400),
        (b"/api/v1/../v1/notes", 400),
        (b"/api/v1/%2e%2e/notes", 400),
        (b"/api%2fv1/notes", 400),
        (b"/api/v1/notes%00", 400),
        (b"/api/v1/\\notes", 400),
        (b"/" + b"a" * 3000, 414),
        (b"/api/v1/notes?after=" + b"1" * 5000, 414),
        (b"/api/v1/notes/%zz", 404),
        (b"/api/v1/notes/%ff", 404),
    ],
)
def test_targets_that_are_not_plain(served: Served, target: bytes, wanted: int) -> None:
    answer = served.ask(b"GET " + target + b" HTTP/1.1\r\n" + served.head + b"\r\n")
    assert status(answer) == wanted, answer
    assert problem(answer)["status"] == wanted


def test_a_header_section_without_an_end_does_not_fill_memory(served: Served) -> None:
    sent = 0
    with served.connect() as connection:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Flood: ")
            while sent < 64 * KIB * KIB:
                sent += connection.send(b"a" * 64 * KIB)
        except OSError:
            pass
    assert sent < 16 * KIB * KIB  # what the kernel's buffers take, not what we read


def test_trailers_are_refused(served: Served) -> None:
    body = b"2\r\n{}\r\n0\r\nOrigin: http://evil.test\r\n\r\n"
    answer = served.ask(post(served, b"Transfer-Encoding: chunked\r\n") + body)
    assert status(answer) == 400


def test_a_body_that_is_mostly_framing_is_refused(served: Served) -> None:
    answer = served.ask(post(served, b"Transfer-Encoding: chunked\r\n") + b"1;" + b"x" * 60 * KIB)
    assert status(answer) == 400


def test_a_body_in_tiny_chunks_is_taken(served: Served) -> None:
    text = b'{"a":"' + b"a" * 20_000 + b'"}'
    chunks = b"".join(b"1\r\n%c\r\n" % letter for letter in text)
    assert status(served.ask(post(served, b"Transfer-Encoding: chunked\r\n") + chunks + b"0\r\n\r\n")) == 200


def test_what_is_not_http(served: Served) -> None:
    for request in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"CONNECT evil.test:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        answer = served.ask(request)
        assert status(answer) == 400
        assert problem(answer)["status"] == 400


def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    first = b"GET /api/v1/notes HTTP/1.1\r\n" + served.head + b"\r\n"
    last = b"GET /nowhere HTTP/1.1\r\n" + served.head + b"Connection: close\r\n\r\n"
    answer = served.ask(first * 3 + last)
    assert [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]] == [200, 200, 200, 404]


def test_an_upgrade_is_not_taken(served: Served) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    answer = served.ask(b"GET /api/v1/notes HTTP/1.1\r\n" + served.head + upgrade + b"\r\n")
    assert status(answer) != 101


def test_a_refused_body_ends_the_connection(served: Served) -> None:
    """Otherwise the unread body would be taken for the next request."""
    smuggled = b"GET /api/v1/notes HTTP/1.1\r\n" + served.head + b"\r\n"
    head = b"POST /nowhere HTTP/1.1\r\n" + served.head + b"Content-Length: %d\r\n\r\n" % len(smuggled)
    assert served.ask(head + smuggled).count(b"HTTP/1.1 ") == 1


def test_too_many_connections_are_told_so(served: Served) -> None:
    connections = [served.connect() for _ in range(CONNECTIONS)]
    try:
        answer = served.ask(b"GET /api/v1/notes HTTP/1.1\r\n" + served.head + b"\r\n")
        assert problem(answer)["status"] == 503
        assert b"retry-after: 5" in answer
    finally:
        for connection in connections:
            connection.close()
    time.sleep(0.1)
    assert status(served.ask(b"GET /api/v1/notes HTTP/1.1\r\n" + served.head + b"\r\n")) == 200


def post(served: Served, fields: bytes) -> bytes:
    return b"POST /api/v1/any HTTP/1.1\r\n" + served.head + b"Content-Type: application/json\r\n" + fields + b"\r\n"


def drip(connection: socket.socket, data: bytes) -> bytes:
    """Send a byte at a time until the other side closes; what it said before that."""
    connection.settimeout(0.05)
    answer = b""
    for position in range(len(data)):
        try:
            connection.sendall(data[position : position + 1])
            chunk = connection.recv(65_536)
        except TimeoutError:
            continue
        except OSError:
            break
        answer += chunk
        if not chunk:
            break
    return answer
