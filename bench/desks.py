"""A running desk to measure: `sealdesk up` as an operator starts it, in a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path


@contextmanager
def folder() -> Generator[Path]:
    """A data folder that the database's account can reach, gone at the end."""
    path = Path(tempfile.mkdtemp(prefix="sealdesk-bench-"))
    path.chmod(0o711)
    try:
        yield path.resolve()
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def desk(data: Path, *arguments: str, log: Path | None = None, **settings: str) -> Generator[tuple[str, float]]:
    """A desk on a free port: its address, and the seconds until it told that it is there. What it logs goes to `log`, or is shown."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    ours = {"SEALDESK_DATA": str(data), "SEALDESK_PORT": str(port), "SEALDESK_ENV": "development", "COLUMNS": "200"}
    environ = {**os.environ, **ours, **settings}
    begin = time.monotonic()
    command = [sys.executable, "-u", "-m", "sealdesk.cli", "up", *arguments]
    with (
        log.open("w") if log else nullcontext() as told,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=told, text=True) as process,
    ):
        try:
            assert process.stdout
            for line in process.stdout:
                if "Sealdesk is at" in line:
                    break
            else:
                raise SystemExit("The desk did not start; its reason is above.")
            yield f"http://127.0.0.1:{port}", time.monotonic() - begin
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
