"""A signer as a real process, and the moments at which a test may kill it."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sealdesk.core.settings import Settings
from sealdesk.ledger.signer import SignerClient, socket_path

LEDGER = "desk.example.org"
SYS = f"{LEDGER}/ledger/sys"
_SIGNER = ["-m", "sealdesk.ledger.signer"]
_DYING = [str(Path(__file__).with_name("dying.py"))]


class RunningSigner:
    """A signer on the data folder `data`; its log lines are in `data.log` beside it."""

    def __init__(self, data: Path, log: Path | None = None) -> None:
        self.data = data
        self.settings = Settings.load({"SEALDESK_DATA": str(data)})
        self.process: subprocess.Popen[bytes] | None = None
        self._log = log or data.with_suffix(".log")

    def start(self, *arguments: str, program: list[str] = _SIGNER, ledger_name: str = LEDGER) -> None:
        """Start and wait until it answers; fails the test if it does not."""
        self.process = self.spawn(*arguments, program=program, ledger_name=ledger_name)
        self.await_answer()

    def await_answer(self) -> None:
        deadline = time.monotonic() + 30
        while not _answers(socket_path(self.data)):
            assert self.process is None or self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, "the signer does not come up"
            time.sleep(0.02)

    def start_to_die(self, moment: str) -> None:
        """Start a signer that kills itself at `moment` of the next signature."""
        self.start(moment, program=_DYING)

    def spawn(
        self, *arguments: str, program: list[str] = _SIGNER, ledger_name: str = LEDGER
    ) -> subprocess.Popen[bytes]:
        environ = os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SEALDESK_DATA": str(self.data),
            "SEALDESK_LEDGER_NAME": ledger_name,
        }
        with self._log.open("ab") as log:
            return subprocess.Popen([sys.executable, *program, *arguments], env=environ, stderr=log)

    def refused_start(self, *arguments: str) -> str:
        """What a signer says that must not start."""
        before = len(self._log.read_text()) if self._log.exists() else 0
        process = self.spawn(*arguments)
        try:
            assert process.wait(30) == 1
        finally:
            process.kill()
        sentence = self._log.read_text()[before:]
        assert sentence.count("\n") == 1, sentence
        return sentence

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def died(self) -> None:
        """Wait for a death that is due."""
        assert self.process is not None
        assert self.process.wait(30) == -9

    def client(self, timeout: float = 20.0) -> SignerClient:
        return SignerClient(socket_path(self.data), timeout=timeout)

    def said(self) -> str:
        """All that went to standard error."""
        return self._log.read_text()

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


def _answers(path: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        return True
    return False
