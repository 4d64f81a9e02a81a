"""Where secrets come from, and what time codes are judged by: read off the source, so that no module can do otherwise unnoticed."""

import ast
import re
from pathlib import Path

from needs import ROOT

SOURCE = ROOT / "src"
FILES = sorted(SOURCE.rglob("*.py"))
IDS = SOURCE / "sealdesk" / "core" / "ids.py"
"""Ids are no secrets; they take their random part from the same source, without the detour."""


def names(path: Path) -> set[str]:
    """Every name that a file imports or reads as an attribute of a module, such as `os.urandom`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Import():
                found.update(alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                found.update(f"{module}.{alias.name}" for alias in node.names)
            case ast.Attribute(value=ast.Name(id=owner)):
                found.add(f"{owner}.{node.attr}")
            case _:
                pass
    return found


def test_only_one_source_of_randomness() -> None:
    """ASVS V6.5.3: tokens, codes and seeds come from `secrets`, which draws from the system's own generator, and from nothing else."""
    for path in FILES:
        weak = {"uuid.uuid1", *({"os.urandom"} if path != IDS else set())}
        found = {name for name in names(path) if name in weak or name.split(".")[0] in {"random", "numpy"}}
        assert found == set(), path


def test_what_makes_secrets_asks_it() -> None:
    """ASVS V6.5.3: each function that makes one calls it itself; in SQL and in the browser nothing makes one."""
    makers = {
        "web/tokens.py": ("new_token",),
        "people/onetime.py": ("new_seed", "new_recovery_codes"),
    }
    for file, wanted in makers.items():
        tree = ast.parse((SOURCE / "sealdesk" / file).read_bytes())
        asking = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and "secrets.token_bytes(" in ast.unparse(node)
        }
        assert asking >= set(wanted), file
    for path in (SOURCE / "sealdesk" / "migrations" / "sql").glob("*.sql"):
        assert not re.search(r"(?<![a-z_])random\(\)|setseed", path.read_text()), path
    for path in (ROOT / "frontend" / "src").glob("*.ts"):
        assert "Math.random" not in path.read_text(), path


def test_codes_are_judged_by_our_clock_alone() -> None:
    """ASVS V6.5.8: whoever looks at a code of an app asks `core.clock`, and never the library's own idea of now, nor anybody else's."""
    users = [path for path in FILES if any(name.startswith("pyotp") for name in names(path))]
    assert [path.relative_to(SOURCE / "sealdesk").as_posix() for path in users] == ["people/onetime.py"]
    text = users[0].read_text()
    assert "clock.now()" in text
    assert not re.search(r"totp\.(now|verify)\(|for_time=|datetime\.now|time\.time", text)
