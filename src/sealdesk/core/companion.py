"""A process of one's own that answers line by line, for what would hold the interpreter up too long.

It reads a line of JSON, writes one, and ends when there is no more to read: so it outlives whoever started it in no way, not by kill -9.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, TypeVar

import msgspec
import structlog

PATIENCE: Final = 30.0
"""Seconds after which a process that has not answered is taken for one that never will: it takes a second for its longest work."""
_PARTING: Final = 5.0
AskedT = TypeVar("AskedT")
log = structlog.get_logger("worker")


class Companion:
    """The process that `python -m` runs of a module, as seen by the one thread that asks it; `arguments` are asked for at each start."""

    def __init__(
        self, module: str, arguments: Callable[[], Iterable[object]] = tuple, *, patience: float = PATIENCE
    ) -> None:
        self._module, self._arguments, self._patience = module, arguments, patience
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        """The process, started if it is not there."""
        # In a session of its own: what ends its parent from a keyboard is for that to act upon, and it is what the kernel weighs.
        if self.process is None:
            command = [sys.executable, "-m", self._module, *map(str, self._arguments())]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        return self.process

    def ask(self, question: object) -> bytes | None:
        """The line that it answers; a process that died or hangs is replaced, once. None where that one did as well."""
        for _ in range(2):
            process = self.start()
            # It may hang while it reads as well as while it works, so nothing but its end is sure to be seen.
            late = threading.Timer(self._patience, process.kill)
            late.daemon = True
            late.start()
            try:
                with suppress(OSError):
                    if line := _exchange(process, msgspec.json.encode(question)):
                        return line
            finally:
                late.cancel()
            log.warning("companion.lost", module=self._module)
            self.close()
        return None

    def close(self) -> None:
        """Let it end."""
        process, self.process = self.process, None
        if process is None:
            return
        with suppress(OSError):
            try:
                process.communicate(timeout=_PARTING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def answer(asked: type[AskedT], reply: Callable[[AskedT], object]) -> None:
    """The other side: answer until nobody asks any more."""
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(msgspec.json.encode(reply(msgspec.json.decode(line, type=asked))) + b"\n")
        sys.stdout.buffer.flush()


def _exchange(process: "subprocess.Popen[bytes]", line: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    return process.stdout.readline()
