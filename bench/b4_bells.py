"""B4: a thousand live sockets on a hundred conversations, and two hundred messages a second.

The messages are committed by another process than the desk's, so that the web process does nothing but ring. Each bell is timed from the
return of the commit to its arrival at the client. The yardstick is a bare uvicorn WebSocket echo of a frame as long, in the same run.
"""

import asyncio
import base64
import json
import multiprocessing
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast
from uuid import UUID

from bench import crowd, desks, spent
from bench.figure import Figure
from sealdesk.core.bells import Bells
from sealdesk.core.settings import Settings
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from sealdesk.unit import Desk, Key

RATE = 200.0
OF_ONE = 5
ECHO = """
import sys, uvicorn
async def app(scope, receive, send):
    if scope["type"] != "websocket": return
    await receive()
    await send({"type": "websocket.accept"})
    while (heard := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": heard["text"]})
quiet = {"access_log": False, "log_level": "critical", "lifespan": "off"}
uvicorn.run(app, port=int(sys.argv[1]), ws="wsproto", ws_per_message_deflate=False, loop="uvloop", **quiet)
"""
FRAME = json.dumps({"type": "bell", "thread": str(UUID(int=7)), "stream": "thread", "seq": 1234}).encode()


class Client(asyncio.Protocol):
    """One socket, which reads what servers send: frames without masks, and short ones."""

    def __init__(self) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self.transport = cast("asyncio.Transport", None)
        self.bells: list[tuple[float, bytes]] = []
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the answer to the handshake, then frames."""
        self._data += data
        if not self.opened.done():
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            self._data = rest
            self.opened.set_result(head)
        now = time.monotonic()
        while len(self._data) > 1:
            size, begin = self._data[1], 2
            if size == 126:
                size, begin = struct.unpack("!H", self._data[2:4].ljust(2, b"\0"))[0], 4
            if len(self._data) < begin + size:
                return
            first, payload = self._data[0], self._data[begin : begin + size]
            self._data = self._data[begin + size :]
            if first == 0x89:
                self.write(0xA, payload)
            elif first == 0x81 and payload.startswith(b'{"type":"bell"'):
                self.bells.append((now, payload))

    def write(self, opcode: int, payload: bytes) -> None:
        """Send a frame, under a mask of nothing."""
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
        self.transport.write(bytes([0x80 | opcode]) + size + b"\0\0\0\0" + payload)


def measure(*, quick: bool) -> Sequence[Figure]:
    """How late the 99th of 100 bells is, and what a bell costs beside an echo."""
    organisations, seconds, rate = (3, 2.0, 20.0) if quick else (50, 10.0, RATE)
    with desks.folder() as data, desks.desk(data, SEALDESK_LIMITS=crowd.UNLIMITED + _LIVE) as (address, _):
        people = crowd.gather(data, organisations)
        late, cost, sent, expected = asyncio.run(_ring(data, int(address.rpartition(":")[2]), people, seconds, rate))
    echo = _echoes(len(people) * 4 * OF_ONE, seconds, rate * 10)
    late.sort()
    p50, p99 = (late[int(len(late) * part)] * 1000 for part in (0.5, 0.99))
    sockets = len(people) * 4 * OF_ONE
    note = f"p50 {p50:.1f} ms; {sent} messages, {sockets} sockets, {len(late)} bells of {expected}: newer ones stand for older"
    return [
        Figure("B4", "commit to bell received, p99", p99, "ms", "the goal itself", 250.0, 1.0, "less", note=note),
        Figure(
            "B4", "CPU of a bell, all of the web process", cost / max(1, len(late)) * 1e6, "us",
            "a bare uvicorn echo of such a frame", echo * 1e6, 3.0, "less",
        ),
    ]  # fmt: skip


_LIVE = " live:person=1000000/second,address=1000000/second,target=1000000/second,org=1000000/second"


async def _ring(
    data: Path, port: int, people: list[list[crowd.Member]], seconds: float, rate: float
) -> tuple[list[float], float, int, int]:
    clients: dict[str, list[Client]] = {}
    number = 0
    for ada, rob, ben, sue in people:
        for pair in ((ada, rob), (ben, sue)):
            thread = str(pair[1].threads[0])
            for member in pair:
                for _ in range(OF_ONE):
                    client = await _open(port, number, f"Cookie: __Host-sid={member.token}\r\n", "/api/v1/live")
                    client.write(1, json.dumps({"type": "watch", "thread": thread}).encode())
                    clients.setdefault(thread, []).append(client)
                    number += 1
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    poster = multiprocessing.get_context("spawn").Process(
        target=_post,
        args=(data, [(each[0], each[1].threads[0], each[3].threads[0]) for each in people], seconds, rate, theirs),
    )
    poster.start()
    while not ours.poll():  # noqa: ASYNC110 - another process's word
        await asyncio.sleep(0.05)
    ours.recv()
    before = spent.by_part(os.getpid())["web"]
    await asyncio.sleep(seconds + 1)
    cost = spent.by_part(os.getpid())["web"] - before
    while not ours.poll():  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    committed: dict[tuple[str, int], float] = ours.recv()
    poster.join()
    late: list[float] = []
    for thread, sockets in clients.items():
        for client in sockets:
            for at, payload in client.bells:
                if (then := committed.get((thread, json.loads(payload)["seq"]))) is not None:
                    late.append(at - then)
            client.transport.close()
    return late, cost, len(committed), len(committed) * 2 * OF_ONE


async def _open(port: int, number: int, fields: str, path: str) -> Client:
    """A socket from an address that has fewer than twenty."""
    loop, place = asyncio.get_running_loop(), number // 20
    source = (f"127.44.{place // 250}.{place % 250 + 1}", 0)
    _, client = await loop.create_connection(Client, "127.0.0.1", port, local_addr=source)
    base = f"127.0.0.1:{port}"
    key = base64.b64encode(os.urandom(16)).decode()
    client.transport.write(
        f"GET {path} HTTP/1.1\r\nHost: {base}\r\nOrigin: http://{base}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{fields}\r\n".encode()
    )
    head: bytes = await client.opened
    if b" 101 " not in head.partition(b"\r\n")[0]:
        raise SystemExit(f"A socket was refused: {head[:40]!r}")
    return client


def _post(
    data: Path, places: list[tuple[crowd.Member, UUID, UUID]], seconds: float, rate: float, pipe: Connection
) -> None:
    asyncio.run(_posting(data, places, seconds, rate, pipe))


async def _posting(
    data: Path, places: list[tuple[crowd.Member, UUID, UUID]], seconds: float, rate: float, pipe: Connection
) -> None:
    committed: dict[tuple[str, int], float] = {}
    async with Desk.opened(Settings.load({"SEALDESK_DATA": str(data)})) as desk:
        secret = await (await desk.database.pool("desk_gate")).fetchval("select sec.web_secret()")
        desk.bells = Bells(secret, lambda: desk.database.connect("desk_gate"))
        ringing = asyncio.create_task(desk.bells.run())
        await asyncio.sleep(2)
        pipe.send("ready")

        async def post(number: int) -> None:
            member, *threads = places[number % len(places)]
            thread = threads[number // len(places) % 2]
            key = Key.of("POST /bench", f"b4-{number}", b"")
            message = await commands.post_message(
                desk, member.actor, thread, Draft(f"Message {number}."), key=key, origin=crowd.ORIGIN
            )
            committed[str(thread), message.seq] = time.monotonic()

        begin, tasks = time.monotonic(), list[asyncio.Task[None]]()
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
            tasks.append(asyncio.create_task(post(number)))
        await asyncio.gather(*tasks)
        ringing.cancel()
        await asyncio.sleep(1)
    pipe.send(committed)


def _echoes(sockets: int, seconds: float, rate: float) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with subprocess.Popen([sys.executable, "-c", ECHO, str(port)]) as process:
        try:
            time.sleep(2)
            return asyncio.run(_echo(port, process.pid, sockets, seconds, rate))
        finally:
            process.terminate()


async def _echo(port: int, pid: int, sockets: int, seconds: float, rate: float) -> float:
    """CPU seconds of one echo, at that rate over so many sockets."""
    clients = [await _open(port, number, "", "/") for number in range(sockets)]
    before, begin = _cpu(pid), time.monotonic()
    number = 0
    while time.monotonic() - begin < seconds:
        for _ in range(20):
            clients[number % sockets].write(1, FRAME)
            number += 1
        await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
    await asyncio.sleep(0.5)
    for client in clients:
        client.transport.close()
    return (_cpu(pid) - before) / number


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:13]) / os.sysconf("SC_CLK_TCK")
