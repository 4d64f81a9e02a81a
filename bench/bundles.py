"""A bundle of many messages, made by sealproof's own writers, and what it takes to verify it; each step as a process of its own.

`python -m bench.bundles build|verify|yardstick FOLDER [MESSAGES]` prints CPU seconds and peak memory (MiB) as JSON.
"""

import hashlib
import json
import re
import sys
import time
import zipfile
from pathlib import Path

from forge.export import Exporter
from forge.ledger import Desk
from sealproof import policy, verify


def build(folder: Path, messages: int) -> None:
    """A bundle of conversations of a hundred messages each, and the policy to verify it by."""
    desk = Desk(5)
    threads = [desk.create_thread() for _ in range(max(1, messages // 100))]
    for number in range(messages):
        desk.post(
            threads[number * 7 % len(threads)], f"Message number {number}. " + "lorem ipsum dolor " * (number % 20)
        )
    request = desk.request_export([("thread", thread) for thread in threads])
    desk.checkpoint_org()
    Exporter(desk, request).build(folder / "bundle.zip")
    (folder / "policy").write_text(desk.operator.policy)


def check(folder: Path) -> None:
    """Verify it, and insist on the verdict."""
    report = verify.verify(folder / "bundle.zip", policy.parse((folder / "policy").read_text()))
    if "SIGNED" not in report.as_text():
        raise SystemExit(report.as_text())


def yardstick(folder: Path) -> None:
    """SHA-256 of the same bytes, and one `json.loads` for each entry."""
    hasher = hashlib.sha256()
    with (folder / "bundle.zip").open("rb") as file:
        while piece := file.read(1 << 20):
            hasher.update(piece)
    with zipfile.ZipFile(folder / "bundle.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("/data/ledger/entries.jsonl"))
        with archive.open(name) as lines:
            for line in lines:
                json.loads(line)


if __name__ == "__main__":
    step, place = sys.argv[1], Path(sys.argv[2])
    begin = time.process_time()
    if step == "build":
        build(place, int(sys.argv[3]))
    else:
        {"verify": check, "yardstick": yardstick}[step](place)
    cpu = time.process_time() - begin
    # Not ru_maxrss: that begins with what the process held that started this one.
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    sys.stdout.write(json.dumps({"cpu": cpu, "peak": int(peak) / 1024}))
