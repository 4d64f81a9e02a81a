"""The process that reads texts for a worker: what somebody writes, or looks for, keeps it from nothing else.

A thread would not do: making lexicons ready takes a second of the interpreter that seals everybody's log, and a hostile text a part of one.

It reads a line of JSON, writes one, and ends when there is no more to read: so it outlives its worker in no way, not by kill -9.
"""

import subprocess
import sys
import threading
from contextlib import suppress

import msgspec

from sealdesk.abuse.lexicon import Rule
from sealdesk.abuse.watches import Look, Watches


class ReaderGone(Exception):
    """The process died, and the one after it too."""


class Reader:
    """The process, as seen by the threads that ask it, one at a time. It is started when it is first asked."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def find(self, look: Look) -> tuple[Rule, ...] | None:
        """As `Watches.find`; a process that died is replaced, once. Raises `ReaderGone`."""
        with self._turn:
            for _ in range(2):
                self.process = self.process or _start()
                with suppress(OSError):
                    line = _exchange(self.process, msgspec.json.encode(look))
                    if line:
                        return msgspec.json.decode(line, type=tuple[Rule, ...] | None)
                self._close()
        raise ReaderGone("The process that reads messages dies whenever it is asked.")

    def close(self) -> None:
        """Let it end."""
        with self._turn:
            self._close()

    def _close(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            with suppress(OSError):
                process.communicate()


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sealdesk.abuse.reader"]
    # In a session of its own: what ends the worker from a keyboard is for the worker to act upon.
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def _exchange(process: subprocess.Popen[bytes], line: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    return process.stdout.readline()


def main() -> None:
    """Read until nobody asks any more."""
    watches = Watches()
    for line in sys.stdin.buffer:
        found = watches.find(msgspec.json.decode(line, type=Look))
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
