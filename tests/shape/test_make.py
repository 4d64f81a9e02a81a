"""What `make` says on a machine that lacks something."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import needs

HIDDEN = """
import importlib.util, runpy, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "ensurepip" else found(name, package)
sys.argv = ["environment.py", "runtime"]
runpy.run_path("scripts/environment.py", run_name="__main__")
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make` needs of the repository, without an environment."""
    for name in ("scripts", "requirements"):
        shutil.copytree(needs.ROOT / name, tmp_path / name)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(needs.ROOT / name, tmp_path / name)
    return tmp_path


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(needs.program("make")), *arguments], cwd=clone, capture_output=True, text=True, check=False
    )


def test_make_alone_lists_what_there_is(clone: Path) -> None:
    answer = make(clone)
    assert answer.returncode == 0
    assert {"make run", "make test", "make soak", "make tamper", "make check", "make bench", "make help"} <= {
        line.strip().partition("  ")[0] for line in answer.stdout.splitlines()
    }


def test_a_machine_without_python_is_told(clone: Path) -> None:
    answer = make(clone, "runtime", "PYTHON=")
    assert answer.returncode != 0
    assert "install python3 and python3-venv" in answer.stderr.splitlines()[0]


def test_a_python_that_can_not_make_an_environment_is_told_in_one_sentence(clone: Path) -> None:
    answer = subprocess.run([sys.executable, "-c", HIDDEN], cwd=clone, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert f"install python{sys.version_info.major}.{sys.version_info.minor}-venv" in answer.stderr
    assert not (clone / ".venv").exists()
