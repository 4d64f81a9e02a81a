"""Every requirement of ASVS 5.0, chapters 6 to 8, that applies and can be tested is named by a test, and its documents are there."""

import ast
import csv
import re

import needs

CHAPTERS = ("V6.", "V7.", "V8.")
NAMED = re.compile(r"\bV(\d+\.\d+\.\d+)\b(?: to V?(\d+\.\d+\.\d+))?")
PAGE = (needs.ROOT / "docs" / "access.md").read_text()


def applicable(kind: str) -> set[str]:
    """The ids of one class: A is tested, D is a document."""
    with needs.shared("data/asvs/applicable.csv").open(newline="") as file:
        return {row["id"] for row in csv.DictReader(file) if row["class"] == kind and row["id"].startswith(CHAPTERS)}


def named() -> set[str]:
    """The ids in the docstrings of tests: of functions whose name says so, and of their modules."""
    found: set[str] = set()
    for path in (needs.ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_bytes())
        tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for node in (tree, *(each for each in tests if each.name.startswith("test_"))):
            for first, last in NAMED.findall(ast.get_docstring(node) or ""):
                found |= {f"V{number}" for number in _span(first, last or first)}
    return found


def _span(first: str, last: str) -> list[str]:
    family, _, begin = first.rpartition(".")
    other, _, end = last.rpartition(".")
    return [f"{family}.{number}" for number in range(int(begin), int(end) + 1)] if family == other else [first, last]


def test_every_requirement_is_named_by_a_test() -> None:
    wanted = applicable("A")
    assert len(wanted) > 50
    assert wanted - named() == set()


def test_every_document_is_a_heading_of_the_page() -> None:
    """ASVS V6.1, V7.1, V8.1 and V8.4."""
    headings = re.findall(r"^## .*\(([\d., ]+)\)$", PAGE, re.MULTILINE)
    numbers = {f"V{number}" for heading in headings for number in re.split(r",\s*", heading)}
    assert applicable("D") == numbers
