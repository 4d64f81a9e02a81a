"""Folders for real servers: reachable for the account that root lends to PostgreSQL, gone at the end."""

import os
import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH = 4 << 30  # bytes; a run takes about one


@contextmanager
def folder() -> Generator[Path]:
    """A fresh folder with a short path. pytest's own lie in one that is closed to other accounts."""
    path = Path(tempfile.mkdtemp(prefix=f"sealdesk-{os.getpid()}-", dir=_where()))
    path.chmod(0o711)
    try:
        yield path.resolve()
    finally:
        shutil.rmtree(path, ignore_errors=True)


@cache
def _where() -> str | None:
    """In memory where it has room: a disk takes ten times as long for the 1400 files of a database. TMPDIR has the last word."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return None
    available = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    room = min(shutil.disk_usage(MEMORY).free, int(available[1]) << 10 if available else 0)
    if room < ENOUGH:
        return None
    for left in MEMORY.glob("sealdesk-*-*"):  # by a run that was killed
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    return str(MEMORY)
