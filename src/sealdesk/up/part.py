"""A part of the desk that runs as a child process in a process group of its own."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sealdesk.core import tether

FAREWELL = 15.0  # seconds for a part to finish what it has begun


@dataclass(frozen=True, slots=True)
class Part:
    """What to run and how to see that it works.

    `command` is asked for at each start; `ready` must answer within a second. `patience` is the seconds until it must first be ready.
    """

    name: str
    command: Callable[[], Sequence[str]]
    ready: Callable[[], bool] = lambda: True
    patience: float = 60.0


class Child:
    """A part's process. `log` takes its output; without it, it writes to ours."""

    def __init__(self, part: Part, environ: Mapping[str, str], log: Path | None = None) -> None:
        self.name = part.name
        self.part = part
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self._environ = {**os.environ, **environ, "SEALDESK_PART": part.name}

    def start(self) -> None:
        """Start the process, tied to this one: it is asked to end should we be killed."""
        command = tether.command([*self.part.command()], at_parents_death=signal.SIGTERM)
        output = self._open_log()
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environ,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()

    def ended(self) -> str | None:
        """How it ended, or `None` while it runs."""
        code = self.process.poll() if self.process else 0
        if code is None:
            return None
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def stop(self) -> None:
        """End the process and whatever it has started."""
        if not self.process:
            return
        if self.process.poll() is None:
            self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(FAREWELL)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def last_words(self) -> str:
        """The last line that it wrote, where its output is kept."""
        if not self.log or not self.log.exists():
            return ""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""

    def _open_log(self) -> IO[bytes] | None:
        if not self.log:
            return None
        if self.log.exists() and self.log.stat().st_size > 10 * 1024 * 1024:
            self.log.replace(self.log.with_suffix(".log.1"))
        return os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
