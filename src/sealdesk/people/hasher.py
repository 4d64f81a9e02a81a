"""The process that hashes for a web process, and stands back behind everything else on the machine.

A thread would not do: while it waits for its turn on a core it may hold the interpreter that all other requests need, and where the kernel
weighs sessions against each other (sched(7), autogroup) the niceness of a thread counts for nothing against the database.

It reads a line of JSON, writes one, and ends when there is no more to read: so it outlives its web process in no way, not by kill -9.
"""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from sealdesk.core.errors import Overloaded
from sealdesk.people import passwords
from sealdesk.people.passwords import Task

NICENESS = 10


@contextmanager
def apart() -> Generator[None]:
    """Have all hashing of this process done by one of its own, until the block ends."""
    hasher = Hasher()
    try:
        with passwords.performed_by(hasher.perform):
            yield
    finally:
        hasher.close()


class Hasher:
    """The process, as seen by the one thread that asks it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = _start()

    def perform(self, task: Task) -> bool | str:
        """Have it done; a process that died is replaced, once. Raises `Overloaded` (503)."""
        for _ in range(2):
            self.process = self.process or _start()
            with suppress(OSError):
                line = _exchange(self.process, msgspec.json.encode(task))
                if line:
                    return msgspec.json.decode(line, type=bool | str)
            self.close()
        raise Overloaded("Nobody can sign in at this moment. Try again shortly.", headers={"Retry-After": "3"})

    def close(self) -> None:
        """Let it end."""
        process, self.process = self.process, None
        if process is not None:
            with suppress(OSError):
                process.communicate()


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sealdesk.people.hasher", *map(str, passwords.tuned())]
    # In a session of its own: that is what the kernel weighs.
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def _exchange(process: subprocess.Popen[bytes], line: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    return process.stdout.readline()


def _stand_back() -> None:
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def main() -> None:
    """Hash until nobody asks any more."""
    passwords.tune(*(int(text) for text in sys.argv[1:]))
    _stand_back()
    Task("nobody's").perform()  # the first no takes longer than those that follow
    for line in sys.stdin.buffer:
        answer = msgspec.json.decode(line, type=Task).perform()
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
