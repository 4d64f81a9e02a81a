"""The toy desk: in process for most tests, as a process of its own where sockets matter."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from needs import ROOT
from sealdesk.web.csrf import AntiCsrf
from sealdesk.web.tokens import SESSION_COOKIE, token_hash
from web.serve_toy import CONNECTIONS, TOKEN
from web.toy import ORIGIN, ToyDesk, make

SECONDS = 1.0


@dataclass
class Session:
    """Somebody signed in at the toy."""

    token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    @property
    def cookie(self) -> dict[str, str]:
        return {"cookie": f"{SESSION_COOKIE}={self.token}"}

    @property
    def csrf(self) -> str:
        return AntiCsrf(b"s" * 32).for_session(token_hash(self.token))


@pytest.fixture
def desk() -> ToyDesk:
    return ToyDesk()


@pytest.fixture
def session(desk: ToyDesk) -> Session:
    return Session(desk.sign_in())


@pytest.fixture
async def client(desk: ToyDesk) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a socket."""
    transport = httpx.ASGITransport(app=make(desk))  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as made:
        yield made


@dataclass
class Served:
    """The toy behind a real socket."""

    port: int
    pid: int

    @property
    def head(self) -> bytes:
        """Header fields of whoever is signed in, without the empty line."""
        return b"Host: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n" % (self.port, TOKEN.encode())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, request: bytes) -> bytes:
        """All that comes back on a connection of its own until the server closes it or is silent."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection, silence=3, after=0.15)

    def taken(self) -> int:
        """Bytes that the process has read, from sockets too (libuv reads them with read(2))."""
        return int(Path(f"/proc/{self.pid}/io").read_text().split()[1])

    def resident(self) -> int:
        """Bytes of memory that the process holds."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def read_all(connection: socket.socket, silence: float = 20, after: float | None = None) -> bytes:
    """What arrives until the connection ends, nothing came for `silence` seconds, or for `after` seconds once something had come."""
    connection.settimeout(silence)
    data = b""
    try:
        while chunk := connection.recv(65_536):
            data += chunk
            connection.settimeout(after or silence)
    except (TimeoutError, ConnectionResetError):
        pass
    return data


@pytest.fixture(scope="package")
def served() -> Iterator[Served]:
    """The toy as a process of its own, with deadlines of `SECONDS`."""
    with serving(CONNECTIONS) as served:
        yield served


@contextmanager
def serving(connections: int) -> Generator[Served]:
    """The toy, for so many connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}
    command = [sys.executable, str(ROOT / "tests" / "web" / "serve_toy.py"), str(port), str(SECONDS), str(connections)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            served = Served(port, process.pid)
            _wait(served, process)
            yield served
        finally:
            process.terminate()


def _wait(served: Served, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60  # a busy machine takes its time to import
    while time.monotonic() < end and process.poll() is None:
        try:
            served.connect().close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the toy did not start: {process.poll()}")
