"""`sealdesk up` itself, as a process, with the desk's parts left out."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import places
from sealdesk.core.postgres import former

# The course is the real one; only its parts are small.
PROGRAM = """
import sys
from sealdesk.cli import terminal
from sealdesk.core.settings import Settings
from sealdesk.up import Step, up
from sealdesk.up.part import Part

settings = Settings.load(demo="--demo" in sys.argv)
serve = (sys.executable, "-m", "http.server", "--bind", settings.host, str(settings.port), "-d", "/var/empty")
with terminal():
    up(settings, lambda cluster: (Step(("db", "migrate"), "Migrating", "Migrated"), Part("web server", lambda: serve)))
"""


@pytest.fixture
def data() -> Iterator[Path]:
    with places.folder() as folder:
        yield folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environ(data: Path, **changes: str) -> dict[str, str]:
    ours = {
        "SEALDESK_DATA": str(data),
        "SEALDESK_PORT": str(free_port()),
        "SEALDESK_ENV": "development",
        "COLUMNS": "200",
    }
    return {**os.environ, **ours, **changes}


@contextmanager
def running(settings: dict[str, str], *arguments: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-u", "-c", PROGRAM, *arguments]
    with subprocess.Popen(
        command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    told = ""
    assert process.stdout
    for line in process.stdout:
        told += line
        if wanted in line:
            return told
    raise AssertionError(told)


def refused(settings: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sealdesk.cli", "up", *arguments],
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_works_and_takes_everything_down(data: Path, ending: signal.Signals) -> None:
    settings = environ(data)
    with running(settings) as process:
        told = read_until(process, "Sealdesk is at")
        assert f"http://127.0.0.1:{settings['SEALDESK_PORT']}" in told
        assert former.running_in(data / "postgres") != set()
        process.send_signal(ending)
        assert "data is kept" in read_until(process, "data is kept")
        assert process.wait(20) == 0
    assert former.running_in(data / "postgres") == set()


def test_a_second_start_takes_seconds(data: Path) -> None:
    settings = environ(data)
    with running(settings) as process:
        read_until(process, "Sealdesk is at")
    begin = time.monotonic()
    with running(settings) as process:
        read_until(process, "Sealdesk is at")
        assert time.monotonic() - begin < 8


def test_a_killed_database_is_back_within_seconds(data: Path) -> None:
    with running(environ(data)) as process:
        read_until(process, "Sealdesk is at")
        first = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(first, signal.SIGKILL)
        assert "starts again" in read_until(process, "starts again")
        until = time.monotonic() + 5
        while time.monotonic() < until and not _ready_anew(data, first):
            time.sleep(0.05)
        assert _ready_anew(data, first)


def _ready_anew(data: Path, former_pid: int) -> bool:
    try:
        lines = (data / "postgres" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready" and int(lines[0]) != former_pid


def test_two_on_one_folder(data: Path) -> None:
    with running(environ(data)) as process:
        read_until(process, "Sealdesk is at")
        assert "already runs" in refused(environ(data))


def test_a_port_in_use(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port} can't be used" in refused(environ(data, SEALDESK_PORT=port))
    assert not (data / "postgres").exists()


def test_a_folder_that_can_not_be_written_to() -> None:
    assert "can't be written to" in refused(environ(Path("/proc/desk")))


def test_a_demonstration_stays_on_this_machine(data: Path) -> None:
    assert "loopback" in refused(environ(data, SEALDESK_HOST="0.0.0.0"), "--demo")


def test_a_database_that_can_not_start(data: Path) -> None:
    with running(environ(data)) as process:
        read_until(process, "Sealdesk is at")
    (data / "postgres" / "global" / "pg_control").unlink()
    assert "PostgreSQL did not start" in refused(environ(data))


def test_a_setting_without_sense(data: Path) -> None:
    assert "SEALDESK_PORT" in refused(environ(data, SEALDESK_PORT="http"))
