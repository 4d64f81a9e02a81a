"""RFC 6455 as it is spoken on the wire: raw sockets against the running kit, whose sockets say back what they hear."""

import socket
import struct
import time

import pytest

from counts import count
from raw_sockets import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Over, Raw, frame
from sealdesk.web import caps
from web.conftest import SECONDS, Served, serving

KIB = 1024
CAP = 65 * KIB


def opened(served: Served, path: str = "/echo", **headers: str) -> Raw:
    base = f"http://127.0.0.1:{served.port}"
    return Raw.open(
        base, {"Origin": base, **{name.replace("_", "-"): value for name, value in headers.items()}}, path=path
    )


def test_it_works(served: Served) -> None:
    with opened(served) as raw:
        assert raw.status == 101
        for size in (0, 1, 125, 126, 65_535, CAP):
            raw.write(frame(TEXT, b"a" * size))
            assert raw.next_frame() == (0x80 | TEXT, b"a" * size)
        raw.write(frame(CLOSE, struct.pack("!H", 1000) + b"bye"))
        assert raw.over().code == 1000


def test_fragments_are_one_message_and_control_frames_may_stand_between(served: Served) -> None:
    """RFC 6455, 5.4; a character may lie across fragments (8.1)."""
    text = "grüße 🙂".encode()
    with opened(served) as raw:
        raw.write(frame(TEXT, text[:3], fin=False))
        raw.write(frame(PING, b"between"))
        assert raw.next_frame() == (0x80 | PONG, b"between")
        raw.write(frame(CONTINUATION, text[3:9], fin=False) + frame(CONTINUATION, b"", fin=False))
        for byte in frame(CONTINUATION, text[9:]):
            raw.write(bytes([byte]))
        assert raw.next_frame() == (0x80 | TEXT, text)


BREACHES = {
    "unmasked": (frame(TEXT, b"x", masked=False), 1002),
    "reserved bit 1, as deflate uses it": (frame(TEXT, b"x", reserved=0x40), 1002),
    "reserved bit 2": (frame(TEXT, b"x", reserved=0x20), 1002),
    "reserved bit 3": (frame(PING, b"x", reserved=0x10), 1002),
    "opcode 3": (frame(0x3, b"x"), 1002),
    "opcode 11": (frame(0xB, b"x"), 1002),
    "a control frame in fragments": (frame(PING, b"x", fin=False), 1002),
    "a control frame of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "a message within a message": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"), 1002),
    "a length in two bytes that fits in one": (b"\x81\xfe\x00\x01mask" + b"x", 1002),
    "a length in eight bytes that fits in two": (b"\x81\xff" + struct.pack("!Q", 5) + b"maskxxxxx", 1002),
    "a length of 2^63": (b"\x81\xff" + struct.pack("!Q", 1 << 63) + b"mask", 1002),
    "bytes that are no UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "half a surrogate pair": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "half a character at the end": (frame(TEXT, "ü".encode()[:1]), 1007),
    "no UTF-8, known before the message is whole": (frame(TEXT, b"\xff", fin=False), 1007),
    "a close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "a close with a code below 1000": (frame(CLOSE, struct.pack("!H", 999)), 1002),
    "a close with 1005": (frame(CLOSE, struct.pack("!H", 1005)), 1002),
    "a close with 1006": (frame(CLOSE, struct.pack("!H", 1006)), 1002),
    "a close with 1015": (frame(CLOSE, struct.pack("!H", 1015)), 1002),
    "a close with 2999": (frame(CLOSE, struct.pack("!H", 2999)), 1002),
    "a close with 5000": (frame(CLOSE, struct.pack("!H", 5000)), 1002),
    "a close whose reason is no UTF-8": (frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
    "bytes instead of text": (frame(BINARY, b"{}"), 1003),
    "a byte too many": (frame(TEXT, b"a" * (CAP + 1)), 1009),
    "a byte too many in fragments": (frame(TEXT, b"a" * CAP, fin=False) + frame(CONTINUATION, b"a"), 1009),
    "a byte too many of characters": (frame(TEXT, "ü".encode() * (CAP // 2 + 1)), 1009),
    "a terabyte": (b"\x81\xff" + struct.pack("!Q", 1 << 40) + b"mask" + b"a" * (CAP + KIB), 1009),
    "41 pings": (frame(PING) * (caps.SOCKET_FRAMES + 1), 1008),
    "41 pongs": (frame(PONG) * (caps.SOCKET_FRAMES + 1), 1008),
    "41 fragments of nothing": (frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * caps.SOCKET_FRAMES, 1008),
    "41 messages": (frame(TEXT, b"x") * (caps.SOCKET_FRAMES + 1), 1008),
}


def test_as_many_frames_as_may_be_are_taken(served: Served) -> None:
    """One more is a breach; what is exactly within the count is answered, all of it."""
    with opened(served) as raw:
        raw.write(frame(PING) * (caps.SOCKET_FRAMES - 1) + frame(TEXT, b"x"))
        heard = [raw.next_frame() for _ in range(caps.SOCKET_FRAMES)]
        assert heard[-1][1] == b"x"


@pytest.mark.parametrize("what", BREACHES)
def test_a_breach_is_told_its_code_and_closed(served: Served, what: str) -> None:
    data, code = BREACHES[what]
    with opened(served) as raw:
        raw.write(data)
        assert raw.over().code == code
        began = time.monotonic()
        try:
            while raw.connection.recv(65_536):
                pass
        except ConnectionError:
            pass
        assert time.monotonic() - began < 5, "the connection ends, whether the other side says goodbye or not"


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 3999, 4000, 4999])
def test_closing_codes_are_taken(served: Served, code: int) -> None:
    with opened(served) as raw:
        raw.write(frame(CLOSE, struct.pack("!H", code)))
        assert raw.over().code == code
    with opened(served) as raw:
        raw.write(frame(CLOSE))
        assert raw.over().code in (None, 1000, 1005)


HANDSHAKES = [
    ({"Sec-WebSocket-Version": "8"}, 426),
    ({"Sec-WebSocket-Version": ""}, 426),
    ({"Sec-WebSocket-Key": ""}, 400),
    ({"Sec-WebSocket-Key": "short"}, 400),
    ({"Sec-WebSocket-Key": "A" * 24}, 400),
    ({"Content-Length": "2"}, 400),
    ({"Transfer-Encoding": "chunked"}, 400),
    ({"Sec-WebSocket-Protocol": "chat"}, 400),
    ({"Host": "evil.test"}, 421),
    ({"Origin": ""}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://evil.test"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"X-Long": "a" * 17 * KIB}, 431),
]


@pytest.mark.parametrize(("headers", "status"), HANDSHAKES)
def test_a_handshake_that_is_none_is_answered_as_a_request(
    served: Served, headers: dict[str, str], status: int
) -> None:
    base = f"http://127.0.0.1:{served.port}"
    with Raw.open(base, {"Origin": base, **headers}, path="/echo") as raw:
        assert raw.status == status, raw.answer
        assert b"application/problem+json" in raw.answer
        assert b"x-content-type-options: nosniff" in raw.answer
        assert b"content-security-policy: default-src 'none'" in raw.answer
        assert (b"sec-websocket-version: 13" in raw.answer.lower()) is (status == 426)


def test_there_is_no_socket_elsewhere(served: Served) -> None:
    for path in ("/nowhere", "/api/v1/notes", "/echo/"):
        with opened(served, path) as raw:
            assert raw.status == 404


def test_deflate_is_not_offered_back_and_the_subprotocol_is(served: Served) -> None:
    with opened(served, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits") as raw:
        assert raw.status == 101  # `Raw.open` has seen that no extension was taken
    with opened(served, Sec_WebSocket_Protocol="other, sealdesk.live.v1") as raw:
        assert b"sec-websocket-protocol: sealdesk.live.v1" in raw.answer.lower()


@pytest.mark.parametrize("before", [b"", b"GET /api/v1/flood HTTP/1.1\r\n"])
def test_nothing_goes_before_the_answer(served: Served, before: bytes) -> None:
    """Frames behind the handshake, or an answer that is still under way before it: they would mix."""
    shake = (
        b"GET /echo HTTP/1.1\r\n" + served.head.replace(b"Authorization", b"X-Unused") + b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    request = (before + served.head + b"\r\n" if before else b"") + shake + (b"" if before else frame(TEXT, b"early"))
    assert b" 101 " not in served.ask(request)


def test_slow_handshakes_are_closed(served: Served) -> None:
    began = time.monotonic()
    with served.connect() as connection:
        connection.sendall(b"GET /echo HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        connection.settimeout(20)
        assert b" 408 " in connection.recv(65_536)
    assert time.monotonic() - began < SECONDS + 3


def test_a_message_that_is_never_finished_is_given_up(served: Served) -> None:
    """Neither its rest nor a frame's is waited for without an end, and meanwhile it holds no more than the cap."""
    before = served.resident()
    raws = [opened(served) for _ in range(20)]
    try:
        for raw in raws:
            raw.write(frame(TEXT, b"a" * 60 * KIB, fin=False))
        began = time.monotonic()
        assert {raw.over().code for raw in raws} == {1008}
        assert time.monotonic() - began < SECONDS + 5
        assert served.resident() - before < 10 * KIB * KIB
    finally:
        for raw in raws:
            raw.connection.close()


def test_pings_are_sent_and_pongs_waited_for(served: Served) -> None:
    with opened(served) as raw:
        first, payload = raw.next_frame()
        assert first == 0x80 | PING
        raw.write(frame(PONG, payload))
        first, second = raw.next_frame()
        assert (first, second == payload) == (0x80 | PING, False)
        raw.write(frame(PONG, b"another"))
        assert raw.over(SECONDS + 5).code == 1011


def test_a_reader_that_does_not_keep_up_is_cut_off(served: Served) -> None:
    with opened(served, "/pour") as raw:
        time.sleep(SECONDS * 2.5)
        got = 0
        with pytest.raises((Over, TimeoutError)):
            while True:
                got += len(raw.next_frame(3)[1])
        assert got < 50_000_000  # what the kernel had taken already


def test_many_that_do_not_read_cost_little_and_are_closed() -> None:
    """Less than 50 KB each: 1,000 of them less than 50 MB."""
    many = count(150, 1000)
    with serving(many + 50) as served:
        with opened(served) as one:
            assert one.status == 101
        before = served.resident()
        connections = [_narrow(served) for _ in range(many)]
        grown = served.resident() - before
        time.sleep(0.2)
        assert grown < many * 50_000, f"{grown / many:.0f} bytes each"
        until = time.monotonic() + SECONDS * 2 + 15
        for connection in connections:
            connection.settimeout(max(0.1, until - time.monotonic()))
            try:
                while connection.recv(1 << 20):
                    pass
            except ConnectionError:
                pass
            connection.close()
        print(f"{grown / many:.0f} bytes each of {many}")


def _narrow(served: Served) -> socket.socket:
    """A socket that never reads what is poured into it."""
    base = f"http://127.0.0.1:{served.port}"
    raw = Raw.open(base, {"Origin": base}, path="/pour")
    assert raw.status == 101
    return raw.connection
