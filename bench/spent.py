"""CPU seconds by part of a running desk, from /proc: says where a post's time goes, whatever else the machine does."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PARTS = {
    "sealdesk.app": "web",
    "sealdesk.people.hasher": "hasher",
    "sealdesk.worker": "worker",
    "sealdesk.ledger.signer": "signer",
    "postgres": "postgres",
}


def by_part(parent: int) -> dict[str, float]:
    """CPU seconds so far of the processes below `parent`, by part; those that have ended are in their parents' figures."""
    spent = dict.fromkeys(_PARTS.values(), 0.0)
    for process in _below(parent):
        try:
            command = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            fields = process.joinpath("stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        part = next((name for word, name in _PARTS.items() if word in command), None)
        if part:
            spent[part] += sum(int(ticks) for ticks in fields[11:13]) / _TICKS
    return spent


def _below(parent: int) -> list[Path]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            above = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # ended meanwhile
        children.setdefault(above, []).append(int(stat.parent.name))
    found, waiting = list[Path](), [parent]
    while waiting:
        below = children.get(waiting.pop(), [])
        waiting.extend(below)
        found.extend(Path("/proc") / str(number) for number in below)
    return found
