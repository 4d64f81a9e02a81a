"""A load of posts over kept-alive connections, as a process of its own: a `Plan` on its input, a `Result` on its output.

It shares the machine's cores with what it measures, so it does as little as it can: requests are put together from ready bytes, answers are
read no further than status and length. What it cost is part of the result.
"""

import asyncio
import itertools
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import cast

import msgspec
import uvloop

TEXT = "The parcel is still with the neighbour, and nobody answers the door. " * 3


class Seat(msgspec.Struct, frozen=True):
    """One connection: who sits there, and the conversations that are posted to in turn."""

    cookie: str
    csrf: str
    threads: list[str]


class Plan(msgspec.Struct, frozen=True):
    """Where to post, from which seats, and for how many seconds after `warm` seconds that do not count."""

    port: int
    seats: list[Seat]
    warm: float
    seconds: float
    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """Posts answered 201 in the time that counted, all other answers by status, milliseconds, and CPU seconds of the load itself."""

    posts: int
    seconds: float
    others: dict[str, int]
    p50: float
    p99: float
    cpu: float

    @property
    def rate(self) -> float:
        """Posts per second."""
        return self.posts / self.seconds


def run(plan: Plan) -> Result:
    """Run `plan` in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=msgspec.json.encode(plan), stdout=subprocess.PIPE, check=True
    )
    return Result(**json.loads(told.stdout))


class _Connection(asyncio.Protocol):
    """Sends a post, waits for its answer, sends the next."""

    def __init__(self, plan: Plan, number: int, took: list[tuple[float, float]], others: Counter[str]) -> None:
        seat = plan.seats[number]
        self._heads = itertools.cycle([_head(plan.port, seat, thread) for thread in seat.threads])
        self._key = f"{plan.name}-{number}-"
        self._took = took
        self._others = others
        self._count = 0
        self._buffer = b""
        self._sent = 0.0
        self.stopping = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        self._count += 1
        body = f'{{"body":"{self._count}: {TEXT}"}}'.encode()
        self._sent = time.perf_counter()
        self._transport.write(b"%b%b%d\r\ncontent-length: %d\r\n\r\n%b" % (
            next(self._heads), self._key.encode(), self._count, len(body), body,
        ))  # fmt: skip

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length: ") + 16
        if len(self._buffer) < end + 4 + int(head[at : at + 12].split(b"\r", 1)[0]):
            return
        now = time.perf_counter()
        status = head[9:12].decode()
        if status == "201":
            self._took.append((now, now - self._sent))
        else:
            self._others[status] += 1
        self._buffer = b""
        if self.stopping:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.stopping:
            self._others["lost"] += 1
        if not self.done.done():
            self.done.set_result(None)


def _head(port: int, seat: Seat, thread: str) -> bytes:
    """Everything of a request up to the value of its Idempotency-Key."""
    return (
        f"POST /api/v1/threads/{thread}/messages HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\n"
        f"cookie: __Host-sid={seat.cookie}\r\nx-csrf-token: {seat.csrf}\r\nuser-agent: sealdesk-bench\r\n"
        "content-type: application/json\r\nidempotency-key: "
    ).encode()


async def _drive(plan: Plan) -> Result:
    loop = asyncio.get_running_loop()
    took: list[tuple[float, float]] = []
    others: Counter[str] = Counter()
    connections: list[_Connection] = []
    for number in range(len(plan.seats)):
        connection = _Connection(plan, number, took, others)
        connections.append(connection)
        await loop.create_connection(lambda made=connection: made, "127.0.0.1", plan.port)
    await asyncio.sleep(plan.warm)
    begin, spent = time.perf_counter(), _cpu()
    await asyncio.sleep(plan.seconds)
    end, spent = time.perf_counter(), _cpu() - spent
    for connection in connections:
        connection.stopping = True
    await asyncio.wait_for(asyncio.gather(*(connection.done for connection in connections)), 30)
    counted = sorted(taken for at, taken in took if begin <= at < end)
    if not counted:
        raise SystemExit(f"No post was taken: {dict(others)}")
    p50, p99 = (counted[int(len(counted) * part)] * 1000 for part in (0.5, 0.99))
    return Result(len(counted), end - begin, dict(others), p50, p99, spent)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(uvloop.run(_drive(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))))))
