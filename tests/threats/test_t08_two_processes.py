"""T08 and T17 over two web processes with Valkey: each limit, used up by eight at once by requests and frames that share it; and bells.

Exactly as many come through as are declared, whatever counts them: Valkey, or the database while that is away. Whoever was
refused is told for how long, and comes through after exactly that.
"""

import asyncio
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from valkey import Valkey
from valkey.exceptions import ValkeyError

from raw_sockets import Over, Raw
from running import Client, RunningDesk, running
from sealdesk.access.permissions import Role
from sealdesk.core.bells import AGAIN_AFTER
from sealdesk.core.valkey import prefix_of
from threats.test_t17_sockets import House, processes, source
from valkeyserver import Server

# A desk of its own and a minute of waiting; every run has `core/test_counters.py` and T17's count over sockets and requests.
pytestmark = pytest.mark.full

EIGHT = 8
WINDOW = 8
MOST = {"person": 30, "target": 40, "org": 80, "address": 24}
TRIES = {"person": 14, "target": 9, "org": 14, "address": 8}
"""Of each of the eight: together more than the limit, and alone less than any other that they would meet. Two are one person."""


@dataclass
class Told:
    """What one of the eight was told: how often yes, and until when it is no (by our clock)."""

    yes: int = 0
    until: list[float] = field(default_factory=list[float])

    def no(self, seconds: str | int) -> None:
        assert 1 <= int(seconds) <= WINDOW
        self.until.append(time.monotonic() + int(seconds))


class Few(House):
    """A desk with a requester, their conversation, and agents."""

    def __init__(self, desk: RunningDesk, name: str, agents: int) -> None:
        self.desk = desk
        roles = [("Requester", Role.REQUESTER), *((f"Agent {number}", Role.AGENT) for number in range(agents))]
        self.people = desk.populate(name, *roles)
        self.requester, *self.agents = map(desk.client, self.people)
        self.thread = self.requester.open()


class Rush:
    """One limit of one organisation of its own, with eight who use it up."""

    def __init__(self, desk: RunningDesk, kind: str, stack: ExitStack) -> None:
        self.kind, self.desk, self.stack = kind, desk, stack
        self.house = Few(desk, f"limit-{kind}", 1 if kind == "person" else 4)
        # The one person has four browsers, each at an address of its own.
        browsers = self.house.agents + [desk.client(self.house.people[1]) for _ in range(4 - len(self.house.agents))]
        self.clients = browsers * 2
        self.threads = [self.house.thread] * EIGHT
        if kind == "org":
            self.threads = [self.house.requester.open() for _ in range(EIGHT)]
        self.place = source()
        self.near = [stack.enter_context(Client(desk.base, address=self.place)) for _ in range(4)]
        self.raws: list[Raw] = []
        self.told: list[Told] = []

    def watch(self) -> None:
        """Have four sockets, in both processes: the kernel chooses, so it is asked until it has chosen so."""
        while self.raws:
            self.raws.pop().connection.close()
        for _ in range(0 if self.kind == "address" else 40):
            time.sleep(0.1)
            number = 4 + len(self.raws)
            raw = self.house.watching(self.clients[number], self.threads[number])
            self.raws.append(self.stack.enter_context(raw))
            if len(self.raws) == 4:
                if processes(self.house, self.raws) == 2:
                    return
                self.raws.pop().connection.close()
                forget(self.desk)
        assert self.kind == "address", "all connections go to one process"

    def run(self) -> bool:
        """Everybody at once; gives whether that says something, which is where it was within one window."""
        ways: list[Callable[[Told], None]] = [self.asking(number) for number in range(4)]
        if self.kind == "address":
            ways += [self.knocking] * 4
        else:
            ways += [self.framing(raw, self.threads[4 + n]) for n, raw in enumerate(self.raws)]
        self.told, together, began = [Told() for _ in ways], Barrier(EIGHT), time.monotonic()

        def go(way: Callable[[Told], None], told: Told) -> None:
            together.wait(30)
            way(told)

        with ThreadPoolExecutor(EIGHT) as pool:
            list(pool.map(go, ways, self.told))
        return time.monotonic() - began < WINDOW - 1

    # How each of the eight uses it.

    def request(self, number: int) -> httpx.Response:
        """A read mark; from the one address, a ticket."""
        client = self.clients[number]
        if self.kind != "address":
            return client.act("POST", f"/api/v1/threads/{self.threads[number]}/read", json={"seq": 1})
        near = self.near[number]
        near.headers["cookie"], near.csrf = client.headers["cookie"], client.csrf
        return near.act("POST", "/api/v1/live/tickets")

    def asking(self, number: int) -> Callable[[Told], None]:
        """Requests."""

        def ask(told: Told) -> None:
            for _ in range(TRIES[self.kind]):
                answer = self.request(number)
                if answer.status_code == 429:
                    assert answer.json()["violated-policies"] == [f"live-{self.kind}"]
                    assert answer.headers["ratelimit"].startswith(f'"live-{self.kind}";r=0;t=')
                    assert f'"live-{self.kind}";q={MOST[self.kind]};w={WINDOW}' in answer.headers["ratelimit-policy"]
                    told.no(answer.headers["retry-after"])
                else:
                    assert answer.status_code in (200, 204), answer.text
                    told.yes += 1

        return ask

    def framing(self, raw: Raw, thread: str) -> Callable[[Told], None]:
        """Frames of somebody who is known."""

        def frame(told: Told) -> None:
            for _ in range(TRIES[self.kind]):
                answer = ask(raw, thread)
                if isinstance(answer, Over):
                    # What somebody used up alone ends their socket.
                    assert (self.kind, answer.code) == ("person", 1008)
                    told.no(seconds_in(answer))
                    return
                if answer["type"] == "refused":
                    assert self.kind in ("target", "org")
                    assert answer["status"] == 429
                    told.no(answer["seconds"])
                else:
                    told.yes += 1

        return frame

    def knocking(self, told: Told) -> None:
        """Handshakes of nobody yet, from the one address, and a frame with a ticket that opens nothing."""
        base = self.desk.base
        for _ in range(TRIES["address"] // 2):
            with Raw.open(base, {"Origin": base}, source=self.place) as raw:
                if raw.status == 429:
                    told.no(raw.header("retry-after"))
                    continue
                told.yes += 1
                raw.say(type="ticket", ticket="A" * 43)
                end = raw.over()
                if end.code == 1013:
                    told.no(seconds_in(end))
                else:
                    assert (end.code, end.reason) == (1008, "sign in first")
                    told.yes += 1

    # What came of it.

    def check(self) -> None:
        """Exactly as many, by requests and by frames; then none, until exactly when everybody was told."""
        requests, frames = (sum(each.yes for each in part) for part in (self.told[:4], self.told[4:]))
        assert requests + frames == MOST[self.kind], (self.kind, requests, frames)
        assert min(requests, frames) > 0
        until = [each for told in self.told for each in told.until]
        assert max(until) - min(until) < 3

    def again(self) -> None:
        """After as long as the first of them was told, without anything that would have begun the counts anew."""
        time.sleep(max(0.0, min(each for told in self.told for each in told.until) - time.monotonic()))
        assert self.request(0).status_code in (200, 204)
        told = Told()
        if self.kind == "address":
            self.knocking(told)
        else:
            with self.house.watching(self.clients[4], self.threads[4]):
                told.yes += 1
        assert told.yes


def ask(raw: Raw, thread: str) -> dict[str, Any] | Over:
    """What a frame is answered, which may be the end."""
    try:
        raw.say(type="watch", thread=thread)
        return raw.hear("watching", other="refused")
    except Over as end:
        return end


def seconds_in(end: Over) -> str:
    """For how long a closing frame says that it is no."""
    return end.reason.removeprefix("too many requests, again in ").removesuffix(" s")


def forget(desk: RunningDesk) -> None:
    """Begin all counts anew, wherever they are."""
    desk.sql("delete from sec.counter")
    with suppress(ValkeyError), Valkey.from_url(desk.settings.valkey_url) as client:
        client.flushall()


def counted_in(desk: RunningDesk) -> set[str]:
    """Where there are counts."""
    found = {"database"} if desk.sql("select count(*) as n from sec.counter")[0]["n"] else set[str]()
    with suppress(ValkeyError), Valkey.from_url(desk.settings.valkey_url) as client:
        found |= {"valkey"} if client.dbsize() else set()
    return found


@pytest.fixture(name="server", scope="module")
def running_server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        asyncio.run(server.there())
        yield server
        server.end()


@pytest.fixture(name="two", scope="module")
def two_processes(server: Server) -> Iterator[RunningDesk]:
    figures = ",".join(f"{kind}={most}/{WINDOW}second" for kind, most in MOST.items())
    with running(WEB_PROCESSES="2", VALKEY_URL=server.url, LIMITS=f"live:{figures}") as desk:
        yield desk


@pytest.fixture(name="rushes", scope="module")
def each_limit(two: RunningDesk) -> Iterator[list[Rush]]:
    with ExitStack() as stack:
        yield [Rush(two, kind, stack) for kind in MOST]


def test_it_works(rushes: list[Rush], server: Server) -> None:
    """Each limit, counted in Valkey."""
    assert server.process is not None
    run_all(rushes, "valkey")


def test_bells_arrive_whether_valkey_is_there_or_not(rushes: list[Rush], server: Server) -> None:
    """T17: over Valkey from process to process; when it is killed, while it is away, and when it is back. Each within two seconds."""
    rush = rushes[list(MOST).index("target")]
    rush.watch()
    for when in ("there", "killed", "away", "back"):
        if when == "killed":
            server.end(signal.SIGKILL)
        if when == "back":
            server.start()
            asyncio.run(server.there())
            time.sleep(AGAIN_AFTER + 1)
        with overhearing(rush.desk) as bells:
            began = time.monotonic()
            assert rush.house.requester.say(rush.house.thread, f"it is {when}").status_code == 201
            assert len({raw.hear("bell", 4)["seq"] for raw in rush.raws}) == 1
            assert time.monotonic() - began < 2, when
            rung = bells()
        assert bool(rung) is (when in ("there", "back")), when
        assert rush.house.thread[:8].encode() not in rung


@contextmanager
def overhearing(desk: RunningDesk) -> Generator[Callable[[], bytes]]:
    """What is published in Valkey meanwhile; nothing where it is away."""
    channel = prefix_of(desk.settings.ledger_name) + b"bells"
    with Valkey.from_url(desk.settings.valkey_url) as client, client.pubsub(ignore_subscribe_messages=True) as spying:
        with suppress(ValkeyError):
            spying.subscribe(channel)

        def heard() -> bytes:
            told = b""
            with suppress(ValkeyError, RuntimeError):
                until = time.monotonic() + 1
                while not told and time.monotonic() < until:
                    message: Any = spying.get_message(timeout=0.2)
                    told += message["data"] if message else b""
            return told

        yield heard


def test_without_valkey_the_database_counts_as_exactly(rushes: list[Rush], server: Server) -> None:
    server.end(signal.SIGKILL)
    run_all(rushes, "database")


def run_all(rushes: list[Rush], where: str) -> None:
    """One limit after the other, each in an organisation of its own; then all wait."""
    # On a machine that is very busy one may last for more than a window, or wait too long for Valkey: that says nothing.
    assert any(ran(rushes, where) for _ in range(4))
    for rush in rushes:
        rush.check()
    for rush in rushes:
        rush.again()


def ran(rushes: list[Rush], where: str) -> bool:
    desk = rushes[0].desk
    for rush in rushes:
        rush.watch()
    forget(desk)
    return all(rush.run() for rush in rushes) and counted_in(desk) == {where}
