"""The server's folders: who owns them, and a path short enough for a socket."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from sealdesk.core.faults import Fault
from sealdesk.core.postgres.account import Account

PORT = 5432  # only a part of the socket's name: the server listens on no address
LONGEST_SOCKET = 107  # bytes, sun_path of unix(7) without its end


def data_folder(data: Path, account: Account | None) -> None:
    """Make `data` and prove that it can be written to. The server's account may pass through it, and no more."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o711 if account else 0o700)
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        raise Fault(
            f"{data} can't be written to ({error.strerror}): set SEALDESK_DATA to a folder that can."
        ) from error
    if account and not account.can_enter(data):
        raise Fault(
            f"The account {account.name}, which PostgreSQL runs as, can't reach {data}: "
            "set SEALDESK_DATA to a folder that it can, such as /var/lib/sealdesk."
        )


def socket_folder(data: Path, account: Account | None) -> Path:
    """A folder for the socket, closed to all but the server's account: below `data`, or a short one where that path is too long."""
    folder = data / "socket"
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > LONGEST_SOCKET:
        named = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
        folder = _short_parent(account) / f"sealdesk-{named}"
    own(folder, account)
    return folder


def own(folder: Path, account: Account | None) -> None:
    """Make `folder`, or see that it is the server's own and closed (0700); a stranger's is refused."""
    owner = account.user if account else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
            raise Fault(
                f"{folder} belongs to somebody else: remove it, or set SEALDESK_DATA to a shorter path."
            ) from None
    except OSError as error:
        raise Fault(f"{folder} can't be made ({error.strerror}).") from error
    if account:
        os.chown(folder, account.user, account.group, follow_symlinks=False)
    folder.chmod(0o700)


def _short_parent(account: Account | None) -> Path:
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere")
    fits = account is None and len(os.fsencode(runtime)) < 60 and runtime.is_dir()
    return runtime if fits else Path("/tmp")  # noqa: S108 - what is made there is owned, closed and checked
