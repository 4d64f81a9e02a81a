"""Locked requirements: hashed, in step with pyproject.toml, and free of any registry's address."""

import re
import tomllib
from pathlib import Path

import pytest

from needs import ROOT

FILES = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_four_files_are_there() -> None:
    assert [path.stem for path in FILES] == ["dev", "node", "runtime", "source"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_requirement_is_pinned_and_hashed(path: Path) -> None:
    for block in re.split(r"\n(?=\S)", path.read_text().strip()):
        assert re.match(r"[a-z0-9-]+==\S+", block), block[:80]
        assert "--hash=sha256:" in block, block[:80]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_registry_is_named(path: Path) -> None:
    assert not re.search(r"://|--index-url|--extra-index-url|--find-links", path.read_text())


def test_the_package_lock_names_no_registry() -> None:
    assert [path for path in ROOT.glob("frontend/package-lock.json") if '"resolved"' in path.read_text()] == []


def test_every_declared_dependency_is_locked() -> None:
    declared = {re.split(r"[<>=!~; \[]", text)[0] for text in PROJECT["project"]["dependencies"]}
    assert declared <= names("runtime") <= names("dev")


def names(stem: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / f"{stem}.txt").read_text(), re.MULTILINE))
