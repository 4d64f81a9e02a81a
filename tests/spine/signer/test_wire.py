import asyncio
import base64
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counts import count
from sealdesk.ledger.signer import Code, Genesis, SignerClient, SignerRefused, SignerUnavailable, socket_path
from sealdesk.ledger.signer.wire import MAX_REQUEST
from spine.signer.growing import GrowingLog, org_origin
from spine.signer.running import RunningSigner

HASH = base64.b64encode(bytes(32)).decode()


async def exchange(socket: Path, *frames: bytes) -> list[dict[str, object]]:
    """What the signer answers to `frames` until it hangs up or has answered each."""
    reader, writer = await asyncio.open_unix_connection(socket)
    replies: list[dict[str, object]] = []
    try:
        for frame in frames:
            writer.write(frame)
            length = int.from_bytes(await reader.readexactly(4), "big")
            replies.append(json.loads(await reader.readexactly(length)))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
    return replies


def frame(body: bytes | dict[str, object]) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return len(data).to_bytes(4, "big") + data


STATUS = frame({"type": "status"})
CHECKPOINT: dict[str, object] = {"type": "sign_checkpoint", "origin": org_origin(), "size": 1, "root": HASH}
MALFORMED: list[bytes | dict[str, object]] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b"{}",
    b'{"type":"status"}{}',
    b"[" * 60_000,
    b'{"type":"status","x":' + b"[" * 60_000,
    b'{"type":"head","origin":"\\ud800"}',
    b'{"type":"freeze","origin":"o","reason":"\\udfff"}',
    b'{"type":"head","origin":"\xed\xa0\x80"}',
    {"type": "forget", "origin": "o"},
    {"type": "head"},
    {"type": "head", "origin": ""},
    {"type": "head", "origin": "o" * 256},
    {"type": "head", "origin": 1},
    {"type": "head", "origin": "o", "extra": 1},
    {"type": "freeze", "origin": "o", "reason": ""},
    {"type": "freeze", "origin": "o", "reason": "r" * 501},
    {"type": "sign_export", "export_id": "1", "tagmanifest_sha256": "ab" * 32},
    {k: v for k, v in CHECKPOINT.items() if k != "root"},
    CHECKPOINT | {"size": 0},
    CHECKPOINT | {"size": -1},
    CHECKPOINT | {"size": 1.0},
    CHECKPOINT | {"size": "1"},
    CHECKPOINT | {"size": True},
    CHECKPOINT | {"size": 2**63},
    CHECKPOINT | {"root": HASH[:-4]},
    CHECKPOINT | {"root": "*" * 44},
    CHECKPOINT | {"root": None},
    CHECKPOINT | {"proof": [HASH] * 64},
    CHECKPOINT | {"proof": HASH},
    CHECKPOINT | {"old_size": 0},
    CHECKPOINT | {"genesis": {"entry": ""}},
    CHECKPOINT | {"frozen": False},
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_request_is_refused_and_the_next_one_served(
    shared: RunningSigner, body: bytes | dict[str, object]
) -> None:
    refusal, status = await exchange(socket_path(shared.data), frame(body), STATUS)
    assert (refusal["type"], refusal["code"]) == ("refused", "malformed")
    assert status["type"] == "status"


@pytest.mark.parametrize("length", [MAX_REQUEST + 1, 2**31, 2**32 - 1])
async def test_an_oversize_frame_is_refused_unread(shared: RunningSigner, length: int) -> None:
    replies = await exchange(socket_path(shared.data), length.to_bytes(4, "big"), STATUS)
    assert [reply["code"] for reply in replies] == ["too_large"]


async def test_a_frame_of_the_greatest_size_is_read(shared: RunningSigner) -> None:
    body = b'{"type":"status"}'
    (reply,) = await exchange(socket_path(shared.data), frame(body + b" " * (MAX_REQUEST - len(body))))
    assert reply["type"] == "status"


async def test_a_genesis_of_the_greatest_size_fits_with_its_proof(client: SignerClient) -> None:
    with pytest.raises(SignerRefused) as refused:
        genesis = Genesis(bytes(16_384), (bytes(32),) * 63)
        await client.sign_checkpoint(org_origin(), 2**62, bytes(32), genesis=genesis)
    assert refused.value.code is Code.GENESIS_REFUSED
    with pytest.raises(SignerRefused) as refused:
        await client.sign_checkpoint(org_origin(), 1, bytes(32), genesis=Genesis(bytes(MAX_REQUEST), ()))
    assert refused.value.code is Code.TOO_LARGE


@settings(max_examples=count(150, 10_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda cut: frame(CHECKPOINT)[4:150] + cut))
def test_no_bytes_end_it(shared: RunningSigner, body: bytes) -> None:
    replies = asyncio.run(exchange(socket_path(shared.data), frame(body), STATUS))
    assert [reply["type"] for reply in replies] == ["refused", "status"]


async def test_half_a_request_holds_up_nobody(shared: RunningSigner, client: SignerClient) -> None:
    _, writer = await asyncio.open_unix_connection(socket_path(shared.data))
    writer.write(STATUS[:-3])
    await writer.drain()
    assert await client.status()
    writer.close()
    assert await client.status()


async def test_concurrent_clients_see_one_order(shared: RunningSigner) -> None:
    """Twelve clients offer twelve different continuations at once: one is signed."""
    log = GrowingLog()
    clients = [shared.client() for _ in range(12)]
    await log.begin(clients[0])
    continuations = [log.copy() for _ in clients]
    for continuation in continuations:
        continuation.grow_to(6)
    results = await asyncio.gather(
        *(continuation.sign(client, 1) for continuation, client in zip(continuations, clients, strict=True)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, bytes) for result in results) == 1
    codes = [result.code for result in results if isinstance(result, SignerRefused)]
    assert codes == [Code.OTHER_ROOT] * 11
    for client in clients:
        await client.close()


async def test_many_tasks_share_one_client(client: SignerClient) -> None:
    logs = [GrowingLog() for _ in range(20)]
    notes = await asyncio.gather(*(log.begin(client) for log in logs))
    assert [signed.split(b"\n")[0].decode() for signed in notes] == [log.origin for log in logs]


async def test_without_a_signer_there_is_no_answer(tmp_path: Path) -> None:
    client = SignerClient(socket_path(tmp_path))
    with pytest.raises(SignerUnavailable, match="can't be reached"):
        await client.status()


async def test_the_client_finds_a_restarted_signer(signer: RunningSigner) -> None:
    async with signer.client() as client:
        before = await client.status()
        signer.kill()
        with pytest.raises(SignerUnavailable):
            await client.status()
        signer.start()
        assert await client.status() == before
        signer.stop()
        signer.start()
        assert await client.status() == before


async def test_a_late_reply_answers_no_later_request(tmp_path: Path) -> None:
    """A peer that answers its first request only after the client gave up; the size says which request an answer is for."""
    served, connections = 0, asyncio.Semaphore(0)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
                served += 1
                number = served
                await asyncio.sleep(0.4 if number == 1 else 0)
                writer.write(frame({"type": "head", "head": {"size": number, "root": HASH}}))
        writer.close()
        connections.release()

    socket = tmp_path / "slow.sock"
    async with await asyncio.start_unix_server(slow, socket), SignerClient(socket, timeout=0.2) as client:
        with pytest.raises(SignerUnavailable, match=r"within 0\.2 s"):
            await client.head("o")
        await asyncio.sleep(0.4)
        head = await client.head("o")
        assert head is not None
        assert head.size == 2
        await client.close()
        for _ in range(2):  # both connections ended with the client's
            await asyncio.wait_for(connections.acquire(), 5)


@pytest.mark.parametrize(
    "reply", [b"", b"\0\0\0\2{}", b"\0\0\0\2\xff\xff", b"\xff" * 8, frame({"type": "thaw", "was_frozen": True})]
)
async def test_another_answer_than_asked_is_none(tmp_path: Path, reply: bytes) -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(reply)
        writer.close()

    socket = tmp_path / "odd.sock"
    async with await asyncio.start_unix_server(odd, socket), SignerClient(socket, timeout=2) as client:
        with pytest.raises(SignerUnavailable):
            await client.head("o")
