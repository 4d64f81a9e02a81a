"""Requests at a set pace, as a process of its own: a `Plan` on its input, a `Result` on its output.

A request is due when its turn comes, whether or not those before it were answered, and what it took is counted from there: whoever waits
for the desk is not left out of the figure.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import msgspec
import uvloop

NUMBER = "NUMBER"
"""What stands in a request for a number that no other request has."""
PATIENCE = 30.0


class Plan(msgspec.Struct, frozen=True):
    """What to send, in turn: `rate` a second for `seconds`, on `kept` connections, or from `addresses` in turn on one each."""

    port: int
    requests: list[str]
    rate: float
    seconds: float
    name: str
    kept: int = 0
    addresses: list[str] = []


@dataclass(frozen=True, slots=True)
class Result:
    """Answers by status, and the milliseconds of each from when it was due, in order of size."""

    statuses: dict[str, int]
    took: list[float]


def start(plan: Plan) -> subprocess.Popen[bytes]:
    """Begin to send."""
    process = subprocess.Popen([sys.executable, "-m", "bench.paced"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(msgspec.json.encode(plan))
    process.stdin.close()
    return process


def ended(process: subprocess.Popen[bytes]) -> Result:
    """Wait for the end, and read what came of it."""
    assert process.stdout
    told = process.stdout.read()
    if process.wait():
        raise SystemExit("The load broke off; its reason is above.")
    return Result(**json.loads(told))


class _Line:
    """One connection that is kept, and opened anew where the desk closed it."""

    def __init__(self, port: int, address: str | None = None) -> None:
        self._port = port
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> str:
        """The status of the answer, or what went wrong."""
        try:
            if self._streams is None:
                local = (self._address, 0) if self._address else None
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, local_addr=local)
            reader, writer = self._streams
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, named, rest = head.partition(b"\r\ncontent-length: ")
            await reader.readexactly(int(rest.split(b"\r", 1)[0]) if named else 0)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            return type(error).__name__
        if b"\r\nconnection: close" in head:
            self.close()
        return head[9:12].decode()

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _send(plan: Plan) -> Result:
    statuses: Counter[str] = Counter()
    took: list[float] = []
    free: asyncio.Queue[_Line] = asyncio.Queue()
    for _ in range(plan.kept):
        free.put_nowait(_Line(plan.port))
    addresses: Iterator[str | None] = itertools.cycle(plan.addresses or [None])

    async def one(number: int, due: float, address: str | None) -> None:
        request = plan.requests[number % len(plan.requests)].replace(NUMBER, f"{plan.name}-{number}").encode()
        line = await free.get() if plan.kept else _Line(plan.port, address)
        statuses[await line.ask(request)] += 1
        took.append((time.perf_counter() - due) * 1000)
        if plan.kept:
            free.put_nowait(line)
        else:
            line.close()

    begin = time.perf_counter()
    under_way: set[asyncio.Task[None]] = set()
    for number in range(int(plan.rate * plan.seconds)):
        due = begin + number / plan.rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(number, due, next(addresses)))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    if under_way:
        await asyncio.wait(under_way, timeout=PATIENCE)
    if under_way:
        statuses["no answer"] += len(under_way)
    return Result(dict(statuses), sorted(took))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(uvloop.run(_send(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))))))
