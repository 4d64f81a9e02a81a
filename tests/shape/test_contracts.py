"""The direction of imports, as pyproject.toml states it, and what no contract can state."""

import ast
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from importlinter.cli import lint_imports

from needs import ROOT

SOURCE = ROOT / "src"
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


def test_every_contract_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_the_ledger_can_be_appended_to_only_through_the_unit() -> None:
    if not (SOURCE / "sealdesk" / "ledger" / "append.py").exists():
        return
    (contract,) = (each for each in CONTRACTS if each["type"] == "protected")
    assert contract["protected_modules"] == ["sealdesk.ledger.append"]
    assert contract["allowed_importers"] == ["sealdesk.ledger", "sealdesk.unit", "sealdesk.gathering"]


@pytest.mark.parametrize("path", sorted((SOURCE / "sealproof").rglob("*.py")), ids=lambda path: path.name)
def test_the_verifier_runs_on_plain_python(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "sealproof", "cryptography"}
    assert {name.partition(".")[0] for name in imported(path)} <= allowed


def imported(path: Path) -> set[str]:
    """The absolute names that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names
