"""Fixtures over the scene. A folder of tests takes them by `from scenery import *` in its conftest."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from scene import Scene, prepare_scene
from world import Original, World, open_copy

__all__ = ["drill", "scene", "stage"]


@pytest.fixture(scope="session")
def scene(original: Original) -> Iterator[Scene]:
    """A desk with history, for the whole run; nobody writes to it."""
    with prepare_scene(original) as prepared:
        yield prepared


@pytest.fixture
async def drill(scene: Scene, tmp_path: Path) -> AsyncGenerator[World]:
    """A copy of the scene that the test may ruin."""
    async with open_copy(scene, tmp_path) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[World]:
    """A copy of the scene that the tests of one file share; they run in the module's loop."""
    async with open_copy(scene, tmp_path_factory.mktemp("stage")) as world:
        yield world
