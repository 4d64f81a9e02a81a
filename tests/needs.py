"""Real components that a test can't do without. Where one is missing, the run says so by name at its end.

    def test_walk(...):      browser = needs.program("chromium")
    def test_vectors(...):   folder = needs.shared("vectors/merkle")

    @pytest.mark.parametrize("case", needs.cases("vectors/jcs.json", read_cases))

Inside a test or fixture the first two end it when the component is missing; `cases` gives one stand-in case that does.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from counts import FULL

ROOT = Path(__file__).resolve().parent.parent
SHARED = (ROOT / os.environ.get("SEALDESK_SHARED", "../shared")).resolve()
MISSING = "missing component: "
SHELL = "chromium-headless-shell"
"""The same renderer, network and scripts with no window around them: two thirds of the work."""


def program(*names: str) -> Path:
    """The first of `names` that is on the PATH."""
    for name in names:
        if found := shutil.which(name):
            return Path(found)
    _missing(names[0])


def chromium(*, whole: bool = FULL) -> Path:
    """The browser that the page tests drive: without a window where there is such a one; `whole`, as people have it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return program(*names) if whole else program(SHELL, *names)


def shared(name: str) -> Path:
    """A file or folder below SEALDESK_SHARED, such as `vectors/merkle`."""
    path = SHARED / name
    if not path.exists():
        _missing(f"shared/{name}")
    return path


def cases(name: str, read: Callable[[Path], Iterable[Any]]) -> list[Any]:
    """What `read` finds in a shared file, for `parametrize`."""
    path = SHARED / name
    if path.exists():
        return list(read(path))
    return [pytest.param(None, marks=pytest.mark.skip(reason=f"{MISSING}shared/{name}"), id="missing")]


def _missing(what: str) -> NoReturn:
    pytest.skip(MISSING + what)
