"""B7: what a stranger's verification of a large bundle costs."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import desks
from bench.figure import Figure

_TESTS = Path(__file__).parent.parent / "tests"


def measure(*, quick: bool) -> Sequence[Figure]:
    """A bundle of 100,000 messages on one core, held against the bare hash and one `json.loads` an entry; and its peak memory."""
    messages = 1_000 if quick else 100_000
    with desks.folder() as folder:
        _step("build", folder, str(messages))
        bare = _step("yardstick", folder)
        taken = _step("verify", folder)
    against = "SHA-256 of the bytes + json.loads of the entries"
    return [
        Figure("B7", f"verify {messages:,} messages", taken["cpu"], "s CPU", against, bare["cpu"], 15.0, "less"),
        Figure("B7", "its peak memory", taken["peak"], "MiB", "the goal itself", 300.0, 1.0, "less"),
    ]


def _step(name: str, folder: Path, *arguments: str) -> dict[str, float]:
    path = os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "bench.bundles", name, str(folder), *arguments]
    told = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, check=True)
    return json.loads(told.stdout)
