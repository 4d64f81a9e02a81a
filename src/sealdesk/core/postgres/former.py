"""What a killed server leaves behind: processes, a pid file, a socket. Called only by the holder of the cluster's lock."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from sealdesk.core.faults import Fault
from sealdesk.core.postgres.folders import PORT

PROCESSES = Path("/proc")


def clear(cluster: Path, sockets: Path, pause: Callable[[float], None] = time.sleep) -> None:
    """End what still runs in `cluster` and remove the traces that would keep a new server from starting.

    A postmaster that lost its supervisor is asked to stop; backends that lost their postmaster are ended. A pid file alone says
    nothing, because after a restart of the machine its number may belong to anybody: processes are known by their working folder.
    Recovery of the data is the new server's: it replays its log.
    """
    if PROCESSES.is_dir():
        for ending, patience in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if _ended(cluster, ending, patience, pause):
                break
        else:
            raise Fault(
                f"A former PostgreSQL server still runs in {cluster} and does not end: stop it, then start again."
            )
        (cluster / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (sockets / name).unlink(missing_ok=True)


def _ended(cluster: Path, ending: signal.Signals, patience: float, pause: Callable[[float], None]) -> bool:
    """Send `ending` to what runs in `cluster`, and tell whether all of it ended within `patience` seconds."""
    running = running_in(cluster)
    postmaster = _postmaster(cluster)
    # A living postmaster ends its own backends; only orphans are addressed themselves.
    for pid in {postmaster} & running or running:
        _send(pid, ending)
    until = time.monotonic() + patience
    while running_in(cluster):
        if time.monotonic() > until:
            return False
        pause(0.02)
    return True


def running_in(cluster: Path) -> set[int]:
    """The server processes whose working folder is `cluster`; a person's shell may stand there too, and is let be."""
    found: set[int] = set()
    for entry in PROCESSES.iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "comm").read_text() == "postgres\n" and (entry / "cwd").readlink() == cluster:
                    found.add(int(entry.name))
            except OSError:  # ended meanwhile, or somebody else's
                continue
    return found


def _postmaster(cluster: Path) -> int:
    try:
        return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def _send(pid: int, ending: signal.Signals) -> None:
    try:
        os.kill(pid, ending)
    except ProcessLookupError:
        return
