"""Parts kept alive and taken down, with small real commands in place of the desk's."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealdesk.core.faults import Fault
from sealdesk.up.part import Child, Part
from sealdesk.up.stopping import Stop, Stopped
from sealdesk.up.supervisor import Supervisor


def shell(script: str) -> Callable[[], tuple[str, ...]]:
    return lambda: ("/bin/sh", "-c", script)


class Stage:
    """A supervisor whose lines are kept, and which stops when told from another thread."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.lines: list[str] = []
        self.supervisor = Supervisor(self.stop.pause, self.lines.append)

    def watch_until(self, so: Callable[[], bool], patience: float = 10) -> None:
        def look() -> None:
            until = time.monotonic() + patience
            while not so() and time.monotonic() < until:
                time.sleep(0.02)
            self.stop.ask()

        threading.Thread(target=look).start()
        with pytest.raises(Stopped):
            self.supervisor.watch()
        assert so()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.supervisor.take_down()


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, patience: float = 5) -> bool:
    until = time.monotonic() + patience
    while runs(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not runs(pid)


def test_it_works(stage: Stage) -> None:
    child = Child(Part("clock", shell("sleep 60")), {})
    stage.supervisor.add(child)
    stage.supervisor.await_ready([child])
    assert child.process
    pid = child.process.pid
    assert os.getpgid(pid) == pid
    stage.supervisor.take_down()
    assert gone(pid)


def test_what_dies_starts_again(stage: Stage) -> None:
    child = Child(Part("clock", shell("sleep 60")), {})
    stage.supervisor.add(child)
    assert child.process
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    begin = time.monotonic()
    stage.watch_until(lambda: bool(child.process and child.process.pid != first and child.ended() is None))
    assert time.monotonic() - begin < 2
    assert stage.lines == ["The clock ended (killed by SIGKILL); it starts again."]


def test_what_dies_at_once_is_given_time(stage: Stage, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    child = Child(Part("hasty", shell(f"echo . >> {starts}; exit 3")), {})
    stage.supervisor.add(child)
    stage.watch_until(lambda: starts.exists() and starts.read_text().count(".") >= 4)
    begin = time.monotonic()
    assert "exit code 3" in stage.lines[0]
    assert len(stage.lines) <= 5
    assert time.monotonic() - begin < 1


def test_what_a_part_has_started_ends_with_it(stage: Stage, tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    child = Child(Part("parent", shell(f"sleep 60 & echo $! > {note}; wait")), {})
    stage.supervisor.add(child)
    while not (note.exists() and note.read_text().strip()):
        time.sleep(0.02)
    stage.supervisor.take_down()
    assert gone(int(note.read_text()))


def test_a_part_that_ends_before_it_is_ready_is_a_fault(stage: Stage, tmp_path: Path) -> None:
    part = Part("signer", shell("echo 'The key is missing: restore it.' >&2; exit 1"), ready=lambda: False)
    child = Child(part, {}, tmp_path / "signer.log")
    stage.supervisor.add(child)
    with pytest.raises(Fault, match=r"^The signer did not start: The key is missing: restore it\.$"):
        stage.supervisor.await_ready([child])


def test_a_part_that_never_answers_is_a_fault(stage: Stage) -> None:
    child = Child(Part("web server", shell("sleep 60"), ready=lambda: False, patience=0.2), {})
    stage.supervisor.add(child)
    with pytest.raises(Fault, match="does not answer"):
        stage.supervisor.await_ready([child])


def test_the_order_of_the_end_is_the_reverse_of_the_start(stage: Stage, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    for name in ("first", "second", "third"):
        ready = tmp_path / name
        script = f"trap 'echo {name} >> {ends}; exit 0' TERM; touch {ready}; while :; do sleep 0.05; done"
        child = Child(Part(name, shell(script), ready=ready.exists), {})
        stage.supervisor.add(child)
        stage.supervisor.await_ready([child])
    stage.supervisor.take_down()
    assert ends.read_text().split() == ["third", "second", "first"]


def test_children_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = (
        "import time; from sealdesk.up.part import Child, Part\n"
        f"child = Child(Part('part', lambda: ('/bin/sh', '-c', 'echo $$ > {note}; exec sleep 60')), {{}})\n"
        "child.start(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as supervisor:
        while not (note.exists() and note.read_text().strip()):
            time.sleep(0.02)
        assert runs(int(note.read_text()))
        supervisor.kill()
    assert gone(int(note.read_text()))


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    child = Child(Part("missing", lambda: ("/nonexistent/command",)), {}, tmp_path / "log")
    child.start()
    assert child.process
    child.process.wait(5)
    assert child.last_words() == "/nonexistent/command can't be started: No such file or directory."
    child.stop()
