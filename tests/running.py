"""A whole desk as a tree of processes (`sealdesk up`), and people who use it over HTTP."""

import asyncio
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Coroutine, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx

import places
from needs import ROOT
from newcomers import join
from sealdesk.access.permissions import Role
from sealdesk.core import credentials
from sealdesk.core.settings import Settings
from sealdesk.people import founding
from sealdesk.unit import Desk
from world import PASSWORD

PATIENCE = 120.0
T = TypeVar("T")
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Tests speak plain HTTP: loading the certificates of the world for each of thousands of clients takes minutes."""
_COOKIE = re.compile(r"(__Host-[a-z]+)=([A-Za-z0-9_-]*);")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in."""

    email: str
    role: Role
    org: str
    member: UUID
    password: str = PASSWORD


class Client(httpx.Client):
    """One browser or program. It comes from an address of its own, so that the limits of tests do not add up."""

    _addresses = iter(range(2, 1 << 22))

    def __init__(self, base: str, address: str = "", **options: Any) -> None:
        number = next(self._addresses)
        self.address = address or f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255 or 1}"
        transport = httpx.HTTPTransport(local_address=self.address, verify=_NO_CERTIFICATES)
        super().__init__(base_url=base, transport=transport, timeout=30, **options)
        self.token: str | None = None
        self.csrf = ""
        self.kept: dict[str, str] = {}

    def sign_in(self, person: Person) -> "Client":
        """Sign in over JSON and keep cookie and anti-CSRF token."""
        answer = self.post("/api/v1/session", json={"email": person.email, "password": person.password})
        assert answer.status_code == 200, answer.text
        self.take(answer)
        self.csrf = answer.json()["csrf_token"]
        return self

    def take(self, answer: httpx.Response) -> None:
        """Keep the cookies of an answer: they are Secure, which the client's own jar does not send over plain HTTP."""
        for value in answer.headers.get_list("set-cookie"):
            if match := _COOKIE.match(value):
                self.kept[match[1]] = match[2]
                self.token = match[2] if match[1] == "__Host-sid" else self.token
        self.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.kept.items() if value)

    def act(self, method: str, path: str, key: str | None = None, **options: Any) -> httpx.Response:
        """A mutation as a browser of this desk sends it; `key` is the Idempotency-Key, by default a new one."""
        headers: Mapping[str, str] = options.pop("headers", {})
        given = {"origin": str(self.base_url).rstrip("/"), "x-csrf-token": self.csrf}
        if method == "POST":
            given["idempotency-key"] = key or uuid4().hex
        return self.request(method, path, headers={**given, **headers}, **options)

    def open(self, subject: str = "A question", body: str = "Hello") -> str:
        """The id of a new request."""
        answer = self.act("POST", "/api/v1/tickets", json={"subject": subject, "body": body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def say(self, thread: str, body: str, visibility: str = "public", key: str | None = None) -> httpx.Response:
        """Post a message."""
        document = {"body": body, "visibility": visibility}
        return self.act("POST", f"/api/v1/threads/{thread}/messages", key, json=document)


@dataclass
class RunningDesk:
    """`sealdesk up` as a child process, on a free port and a folder of its own."""

    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path
    orgs: dict[str, UUID] = field(default_factory=dict[str, UUID])
    clients: list[Client] = field(default_factory=list[Client])

    @property
    def base(self) -> str:
        """Where it answers."""
        return self.settings.address

    @property
    def environ(self) -> dict[str, str]:
        """What a command needs to find it."""
        return _environ(self.settings)

    def command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `sealdesk ARGUMENTS` as a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "sealdesk.cli", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            **options,
        )

    def client(self, person: Person | None = None) -> Client:
        """A client, signed in as `person`."""
        made = Client(self.base)
        self.clients.append(made)
        return made.sign_in(person) if person else made

    def populate(self, slug: str, *people: tuple[str, Role]) -> list[Person]:
        """Add people by name and role to the organisation `slug`, which is made if it is new."""
        return apart(self._populate(slug, people))

    async def _populate(self, slug: str, people: tuple[tuple[str, Role], ...]) -> list[Person]:
        async with Desk.opened(self.settings) as desk:
            org = await founding.org_of_slug(desk, slug) or await founding.add_org(desk, slug, slug.title())
            self.orgs[slug] = org
            made: list[Person] = []
            for name, role in people:
                email = f"{secrets.token_hex(4)}@{slug}.test"
                made.append(Person(email, role, slug, await join(desk, org, role, email, name)))
        return made

    def add(self, person: Person, slug: str, role: Role) -> None:
        """Make a person a member of the organisation `slug` too."""

        async def adding() -> None:
            async with Desk.opened(self.settings) as desk:
                await join(desk, self.orgs[slug], role, person.email, person.email)

        apart(adding())

    def sql(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Ask the database as its superuser: what a test counts must not depend on whom the desk lets read."""
        return apart(self._sql(query, arguments))

    async def _sql(self, query: str, arguments: tuple[object, ...]) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(str(credentials.read(self.settings.credentials)["admin"]))
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    def settled(self, seconds: float = 30) -> None:
        """Wait until every entry is under a signed checkpoint."""
        waiting = (
            "select count(*) as n from ledger.entry e where not exists (select from ledger.leaf l join ledger.checkpoint c"
            " using (org_id) where l.org_id = e.org_id and l.qid = e.qid and c.size > l.idx)"
        )
        until = time.monotonic() + seconds
        while (left := self.sql(waiting)[0]["n"]) and time.monotonic() < until:
            time.sleep(0.3)
        assert not left, f"{left} entries are not sealed after {seconds} s:\n{self.log.read_text()[-4000:]}"

    def stop(self) -> None:
        """Take all of it down, as an operator does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def restart(self) -> None:
        """Take all of it down, and start it again on its data."""
        self.stop()
        before = self.log.stat().st_size
        self.process = _start(self.settings, self.log)
        _await(self, before)

    def answers(self) -> bool:
        """Whether the web server answers and reaches the database."""
        try:
            return httpx.get(self.base + "/healthz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def pids(self, part: str) -> list[int]:
        """The process ids of a part: `web server`, `worker`, `signer` or `postgres`."""
        if part == "postgres":
            return [int((self.settings.postgres / "postmaster.pid").read_text().split()[0])]
        wanted = {"web server": b"sealdesk.app", "worker": b"sealdesk.worker", "signer": b"sealdesk.ledger.signer"}[
            part
        ]
        return [pid for pid in children(self.process.pid) if wanted in command_line(pid)]


def apart(work: Coroutine[None, None, T]) -> T:
    """Run `work` in a loop and thread of its own: a browser's test has a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def children(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    try:
        return [
            int(text)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for text in (task / "children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def command_line(pid: int) -> list[bytes]:
    """The arguments of a process; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(**changes: str) -> Generator[RunningDesk]:
    """A desk for as long as the block lasts; `changes` are further SEALDESK_ variables, without the prefix."""
    with places.folder() as folder:
        variables = {"DATA": str(folder / "data"), "PORT": str(free_port()), "ENV": "development", "LOG": "json"}
        environ = {f"SEALDESK_{name}": value for name, value in {**variables, **changes}.items()}
        settings = Settings.load(environ)
        log = folder / "up.log"
        desk = RunningDesk(settings, _start(settings, log), log)
        try:
            _await(desk)
            yield desk
        finally:
            for client in desk.clients:
                client.close()
            desk.stop()


def _start(settings: Settings, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "sealdesk.cli", "up"],
            env=_environ(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )


def _environ(settings: Settings) -> dict[str, str]:
    return {**os.environ, **settings.environ(), "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}


def _await(desk: RunningDesk, before: int = 0) -> None:
    until = time.monotonic() + PATIENCE
    while b"Sealdesk is at" not in desk.log.read_bytes()[before:]:
        assert desk.process.poll() is None, desk.log.read_text()
        assert time.monotonic() < until, desk.log.read_text()
        time.sleep(0.1)
