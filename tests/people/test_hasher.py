"""The process that hashes for a web process: it stands back, is replaced when it dies, and is gone when its web process is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from needs import ROOT
from sealdesk.core.errors import Overloaded
from sealdesk.people import passwords
from sealdesk.people.hasher import NICENESS, Hasher, apart
from sealdesk.people.passwords import Task

RIGHT = "kettle and two cups"
PARENT = """
import time
from sealdesk.people.hasher import Hasher
from sealdesk.people.passwords import Task

hasher = Hasher()
hasher.perform(Task("x"))
print(hasher.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(name="hasher")
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hasher]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    hasher = Hasher()
    yield hasher
    hasher.close()


def gone(pid: int) -> bool:
    """Whether the process ends within some seconds; one that nobody waits for counts as ended."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def pid_of(hasher: Hasher) -> int:
    assert hasher.process is not None
    return hasher.process.pid


def test_it_works(hasher: Hasher) -> None:
    """It says what the work itself says, and hashes as this process was told to."""
    encoded = hasher.perform(Task(RIGHT, make=True))
    assert isinstance(encoded, str)
    assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    tasks = [Task(given, stored) for given in (RIGHT, "x", "\u00e9\n\0") for stored in (encoded, None)]
    assert [hasher.perform(task) for task in tasks] == [task.perform() for task in tasks] == [True] + [False] * 5


def test_it_stands_back(hasher: Hasher) -> None:
    """Behind its web process, and where the kernel weighs sessions, as a session of its own."""
    hasher.perform(Task("x"))
    pid = pid_of(hasher)
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    assert os.getsid(pid) == pid


def test_nobody_reads_a_password_in_the_list_of_processes(hasher: Hasher) -> None:
    hasher.perform(Task(RIGHT, make=True))
    assert RIGHT.encode() not in Path(f"/proc/{pid_of(hasher)}/cmdline").read_bytes()
    assert RIGHT.encode() not in Path(f"/proc/{pid_of(hasher)}/environ").read_bytes()


def test_killed_it_is_replaced(hasher: Hasher) -> None:
    encoded = hasher.perform(Task(RIGHT, make=True))
    former = pid_of(hasher)
    os.kill(former, signal.SIGKILL)
    assert hasher.perform(Task(RIGHT, str(encoded))) is True
    assert pid_of(hasher) != former


def test_where_none_stays_alive_nobody_signs_in(hasher: Hasher, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, once, and whoever waits is told to come again."""
    monkeypatch.setattr(passwords, "tuned", lambda: (0, 0, 0))
    os.kill(pid_of(hasher), signal.SIGKILL)
    with pytest.raises(Overloaded):
        hasher.perform(Task(RIGHT))
    monkeypatch.undo()
    assert hasher.perform(Task(RIGHT)) is False


def test_it_ends_with_its_web_process() -> None:
    """Killed with SIGKILL, that one closes the pipe all the same."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen([sys.executable, "-c", PARENT], env=environ, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(pid)


async def test_passwords_go_through_it_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the block nothing is hashed here; after it all is."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))

    def here(*_: object, **__: object) -> bool:
        raise AssertionError("hashed in this process")

    with monkeypatch.context() as watched, apart():
        watched.setattr(passwords, "_verify", here)
        watched.setattr(passwords, "hash_password", here)
        encoded = await passwords.hashed(RIGHT)
        assert await passwords.verify(RIGHT, encoded)
        with passwords.place() as place:
            assert not await place.verify("x", None)
    assert await passwords.verify(RIGHT, encoded)
