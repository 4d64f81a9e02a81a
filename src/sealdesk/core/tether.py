"""Become a command that ends when the process that started it ends, however that comes about.

    python -I -S tether.py PARENT_PID SIGNAL UID:GID|- COMMAND [ARGUMENT ...]

Run as a script, by path, on the bare standard library: it is a short stop on the way to COMMAND, which takes its place. The kernel
then sends SIGNAL when the parent dies (prctl(2), PR_SET_PDEATHSIG), so that even `kill -9` of a supervisor leaves nothing behind.
The kernel forgets that wish when a process changes its user, so the user is changed here first, and not by whoever starts us.
Where the kernel has no such wish (not Linux), the command runs untied.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def command(
    arguments: list[str], *, at_parents_death: signal.Signals, account: tuple[int, int] | None = None
) -> list[str]:
    """The command line that runs `arguments` tied to this process, as `account` (user id, group id) where given.

    The tie is to the calling thread, as prctl(2) says, so start it from the main thread.
    """
    who = f"{account[0]}:{account[1]}" if account else "-"
    script = str(Path(__file__).resolve())
    return [sys.executable, "-I", "-S", script, str(os.getpid()), str(int(at_parents_death)), who, *arguments]


def main() -> None:
    """Take on the account, tie the process to its parent, become the command."""
    parent, death_signal, who, *arguments = sys.argv[1:]
    if who != "-":
        user, group = (int(part) for part in who.split(":"))
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != int(parent):  # it died before we were tied to it
            sys.exit(1)
    try:
        os.execvp(arguments[0], arguments)  # noqa: S606 - there is no shell to come between
    except OSError as error:
        sys.exit(f"{arguments[0]} can't be started: {error.strerror}.")


if __name__ == "__main__":
    main()
