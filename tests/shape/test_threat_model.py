"""docs/threat-model.md is in step with the tests: each row names what holds it, and what it names is there."""

import re

import pytest

from needs import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text()
ROWS = re.findall(r"^\| (T\d\d) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)


def test_every_threat_has_its_row() -> None:
    assert [row[0] for row in ROWS] == [f"T{number:02}" for number in range(1, 28)]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_names_a_test_that_exists_or_says_when_it_comes(row: tuple[str, str, str, str]) -> None:
    named = re.findall(r"`(tests/[^`]+)`", row[3])
    assert named or "next:" in row[3]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_file_about_a_threat_is_named() -> None:
    held = " ".join(row[3] for row in ROWS)
    assert [path.name for path in (ROOT / "tests" / "threats").glob("test_t*.py") if path.name not in held] == []
