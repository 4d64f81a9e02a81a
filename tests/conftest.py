"""What every test may ask for, and the list of tests that could not run."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import pytest

import needs
import places
from counts import FULL
from databases import Clone, clone, prepare_template
from running import RunningDesk, running
from scenery import drill, scene, stage
from sealdesk.core.postgres import Cluster
from world import Original, World, open_copy, prepare_world

__all__ = ["drill", "scene", "stage"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real PostgreSQL server, for the whole run."""
    with places.folder() as folder:
        # It may lie in memory; and what an operator prepares is none of ours to spoil.
        server = Cluster(folder, settings={"max_wal_size": "256MB", "max_prepared_transactions": "2"})
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """The name of a migrated database that nobody connects to, ready to be copied."""
    return prepare_template(cluster)


@pytest.fixture
def database(cluster: Cluster, template: str) -> Iterator[Clone]:
    """A migrated database of the test's own."""
    with clone(cluster, template) as made:
        yield made


@pytest.fixture(scope="session")
def original(cluster: Cluster, template: str) -> Iterator[Original]:
    """A desk with its signer and two organisations, for the whole run; nobody writes to it."""
    with prepare_world(cluster, template) as made:
        yield made


@pytest.fixture
async def world(original: Original) -> AsyncIterator[World]:
    """A copy of it, of the test's own."""
    with places.folder() as folder:
        async with open_copy(original, folder) as made:
            yield made


@pytest.fixture(scope="session")
def running_desk() -> Iterator[RunningDesk]:
    """A whole desk as a process tree, for the whole run: `sealdesk up` takes seconds. Tests make people of their own."""
    with running() as desk:
        yield desk


LONG = ("matrix/test_matrix.py", "chaos/test_kills.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The files that take longest come first: at the end of a run they would keep one process busy and the others waiting.

    What is marked `full` is left to full counts.
    """
    later = [] if FULL else [item for item in items if item.get_closest_marker("full")]
    if later:
        config.hook.pytest_deselected(items=later)
        items[:] = [item for item in items if item not in later]
    order = {str(needs.ROOT / "tests" / name): place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(str(item.path), len(order)))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave word of how the run ended, for `scripts/once_more.py`: what failed is told apart from a run that broke off."""
    cache = getattr(session.config, "cache", None)
    if cache and not hasattr(session.config, "workerinput"):
        cache.set("sealdesk/ended", int(exitstatus))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each test that could not run because a real component is missing: never a silent skip."""
    unable: defaultdict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        unable[reason.removeprefix("Skipped: ").removeprefix(needs.MISSING)].append(report.nodeid)
    if not unable:
        return
    terminalreporter.section("could not run: a component is missing", sep="=", yellow=True)
    for reason, names in sorted(unable.items()):
        terminalreporter.line(f"{reason}:")
        for name in sorted(names):
            terminalreporter.line(f"    {name}")
