"""The process that reads texts for a worker: what somebody writes, or looks for, keeps it from nothing else.

A thread would not do: making lexicons ready takes a second of the interpreter that seals everybody's log, and a hostile text a part of one.
"""

import subprocess
import threading

import msgspec

from sealdesk.abuse.lexicon import Rule
from sealdesk.abuse.watches import Look, Watches
from sealdesk.core.companion import Companion, answer


class ReaderGone(Exception):
    """The process died, and the one after it too."""


class Reader:
    """The process, as seen by the threads that ask it, one at a time. It is started when it is first asked."""

    def __init__(self) -> None:
        self._companion = Companion("sealdesk.abuse.reader")
        self._turn = threading.Lock()

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The one there is now."""
        return self._companion.process

    def find(self, look: Look) -> tuple[Rule, ...] | None:
        """As `Watches.find`; a process that died is replaced, once. Raises `ReaderGone`."""
        with self._turn:
            line = self._companion.ask(look)
        if line is None:
            raise ReaderGone("The process that reads messages dies whenever it is asked.")
        return msgspec.json.decode(line, type=tuple[Rule, ...] | None)

    def close(self) -> None:
        """Let it end."""
        with self._turn:
            self._companion.close()


def main() -> None:
    """Read until nobody asks any more."""
    answer(Look, Watches().find)


if __name__ == "__main__":
    main()
