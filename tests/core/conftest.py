import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from valkeyserver import Server


@pytest.fixture(name="server", scope="module")
def running_server() -> Iterator[Server]:
    """A Valkey of a module's own: tests kill it."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        yield server
        server.end()
