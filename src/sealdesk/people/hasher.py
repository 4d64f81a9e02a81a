"""The process that hashes for a web process, and stands back behind everything else on the machine.

A thread would not do: while it waits for its turn on a core it may hold the interpreter that all other requests need, and where the kernel
weighs sessions against each other (sched(7), autogroup) the niceness of a thread counts for nothing against the database.
"""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from sealdesk.core.companion import Companion, answer
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
        self._companion = Companion("sealdesk.people.hasher", lambda: passwords.tuned())  # noqa: PLW0108 - as it is tuned by then
        self._companion.start()

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The one there is now."""
        return self._companion.process

    def perform(self, task: Task) -> bool | str:
        """Have it done; a process that died is replaced, once. Raises `Overloaded` (503)."""
        line = self._companion.ask(task)
        if line is None:
            raise Overloaded("Nobody can sign in at this moment. Try again shortly.", headers={"Retry-After": "3"})
        return msgspec.json.decode(line, type=bool | str)

    def close(self) -> None:
        """Let it end."""
        self._companion.close()


def _stand_back() -> None:
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def main() -> None:
    """Hash until nobody asks any more."""
    passwords.tune(*(int(text) for text in sys.argv[1:]))
    _stand_back()
    Task("nobody's").perform()  # the first no takes longer than those that follow
    answer(Task, Task.perform)


if __name__ == "__main__":
    main()
