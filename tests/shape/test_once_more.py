"""Which failures CI gives a second chance, and that it names them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import needs

STEADY, UNSTEADY, BROKEN = "assert True", "import os; assert os.environ.get('PASS')", "assert False"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A project with a test in a browser and one of a race."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(needs.ROOT / "scripts" / "once_more.py", tmp_path / "scripts")
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    for name in ("browser", "threats"):
        folder = tmp_path / "tests" / name
        folder.mkdir(parents=True)
    hook = (needs.ROOT / "tests" / "conftest.py").read_text()
    begin = hook.index("@pytest.hookimpl(trylast=True)")
    (tmp_path / "tests" / "conftest.py").write_text("import pytest\n" + hook[begin : hook.index("\n\n\n", begin)])
    return tmp_path


def run(clone: Path, bodies: dict[str, str], **environ: str) -> tuple[int, str]:
    """The whole once, then the script; its exit code and what it said. A body is the test's code."""
    for name, body in bodies.items():
        (clone / "tests" / name).write_text(
            "".join(f"def test_{place}(): {each}\n" for place, each in enumerate(body.split("|")))
        )
    bare = {"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    first = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], cwd=clone, env=bare, capture_output=True, check=False
    )
    assert first.returncode in (1, 2)
    command = [sys.executable, "scripts/once_more.py", "2"]
    answer = subprocess.run(command, cwd=clone, env=bare | environ, capture_output=True, text=True, check=False)
    return answer.returncode, answer.stdout


def test_one_that_passes_alone_is_named(clone: Path) -> None:
    code, said = run(clone, {"browser/test_a.py": UNSTEADY, "threats/test_b.py": STEADY}, PASS="1")
    assert code == 0
    assert said.splitlines()[-1] == "UNSTEADY: failed among others and passed alone: tests/browser/test_a.py::test_0"


def test_one_that_fails_again_has_failed(clone: Path) -> None:
    code, said = run(clone, {"browser/test_a.py": f"{STEADY}|{BROKEN}"})
    assert code == 1
    assert said.splitlines()[-1] == "FAILED TWICE: tests/browser/test_a.py::test_1"


@pytest.mark.parametrize(
    "bodies",
    [
        {"threats/test_b.py": UNSTEADY},  # a race
        {"browser/test_a.py": UNSTEADY, "threats/test_b.py": UNSTEADY},
        {"browser/test_a.py": "|".join([UNSTEADY] * 3)},  # more than chance
        {"browser/test_a.py": UNSTEADY, "threats/test_b.py": "syntax error"},  # not all ran
        {"browser/test_a.py": f"{UNSTEADY}|import pytest; pytest.exit('over')|{STEADY}"},  # broke off
    ],
)
def test_everything_else_has_no_second_chance(clone: Path, bodies: dict[str, str]) -> None:
    assert run(clone, bodies, PASS="1") == (2, "")
