"""docs/permissions.md is what the code says (ASVS V8.1.1, V8.1.2)."""

import runpy
from typing import Any

from needs import ROOT
from sealdesk.access.permissions import Permission

SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "permissions.py"))
TEXT = (ROOT / "docs" / "permissions.md").read_text()


def test_the_page_is_in_step() -> None:
    assert SCRIPT["page"]() == TEXT, "run python scripts/permissions.py, and read what has changed"


def test_it_names_every_permission_and_every_route() -> None:
    """A generator that loses a part of what it reads would still agree with itself."""
    assert [each for each in Permission if f"| `{each}` |" not in TEXT] == []
    for route in SCRIPT["composed"]():
        for method in route.methods - {"HEAD"}:
            assert f"{method} {SCRIPT['plain'](route.path)}`" in TEXT, route.path
