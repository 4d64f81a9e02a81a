"""Who the server runs as: PostgreSQL refuses root, so root lends it an unprivileged account."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sealdesk.core.faults import Fault

PREFERRED = ("sealdesk", "postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine by name, and its ids."""

    name: str
    user: int
    group: int

    @property
    def ids(self) -> tuple[int, int]:
        """User id and group id."""
        return self.user, self.group

    def can_enter(self, folder: Path) -> bool:
        """Whether the account reaches `folder` through all of its parents."""
        # The folder is entered by the account itself: a working folder given to the child is entered before it changes its user.
        command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
        quiet = subprocess.DEVNULL
        done = subprocess.run(
            command, user=self.user, group=self.group, extra_groups=[], cwd="/", stderr=quiet, check=False
        )
        return done.returncode == 0


def server_account(wanted: str, cluster: Path) -> Account | None:
    """The account for the server, or `None` where we are not root and it runs as ourselves.

    An existing cluster keeps its owner, whatever accounts came to the machine since. Raises `Fault` when there is none to take.
    """
    if os.geteuid() != 0:
        return None
    if cluster.is_dir() and (owner := cluster.stat()).st_uid != 0:
        return Account(_name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in (wanted,) if wanted else PREFERRED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise Fault(f"PostgreSQL does not run as root: set SEALDESK_POSTGRES_ACCOUNT to an ordinary account{_not(wanted)}.")


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _not(wanted: str) -> str:
    return f" ({wanted!r} is none)" if wanted else " of this machine"
