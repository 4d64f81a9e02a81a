"""What STYLE.md says about size and names."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from needs import ROOT

FILES = sorted(path for path in (ROOT / "src").rglob("*.py"))
SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "misc"}


def test_files_are_small() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in FILES}
    assert {str(path): length for path, length in lengths.items() if length > 350} == {}
    assert statistics.median(lengths.values()) < 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_functions_are_small(path: Path) -> None:
    assert {name: length for name, length in functions(path) if length > 45} == {}


def test_names_say_something() -> None:
    named = {part for path in FILES for part in path.relative_to(ROOT / "src").with_suffix("").parts}
    assert named & SAY_NOTHING == set()


def test_nothing_is_left_to_do() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [str(path) for path in FILES if left.search(path.read_text())] == []


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's name and its length in lines, docstring not counted."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            begin = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.lineno
            yield node.name, (node.end_lineno or begin) - begin + 1
