from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sealdesk.ledger.signer import SignerClient
from spine.signer.running import RunningSigner


@pytest.fixture
def signer(tmp_path: Path) -> Iterator[RunningSigner]:
    """A signer of this test's own that was begun and runs."""
    running = RunningSigner(tmp_path / "data")
    running.start("--init")
    yield running
    running.end()


@pytest.fixture
def unstarted(tmp_path: Path) -> Iterator[RunningSigner]:
    """A signer that was never begun."""
    running = RunningSigner(tmp_path / "data")
    yield running
    running.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSigner]:
    """One signer for the tests of a module that neither kill it nor use the system log."""
    running = RunningSigner(tmp_path_factory.mktemp("signer") / "data")
    running.start("--init")
    yield running
    running.end()


@pytest.fixture
async def client(shared: RunningSigner) -> AsyncIterator[SignerClient]:
    async with shared.client() as client:
        yield client
