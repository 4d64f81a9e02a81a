"""Where the signer listens."""

import os
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from sealdesk.core.faults import Fault

# sun_path has 104 bytes on some systems and 108 on others, the final NUL included.
_MAX_SOCKET_PATH: Final = 103


def socket_path(data: Path) -> Path:
    """The signer's socket: in the data folder, or in a folder named after it where its path is too long for a socket.

    The desk and the signer must see the same temporary folder for the latter.
    """
    data = data.resolve()
    path = data / "run" / "signer.sock"
    if len(os.fsencode(path)) <= _MAX_SOCKET_PATH:
        return path
    return Path(tempfile.gettempdir()) / f"sealdesk-{sha256(os.fsencode(data)).hexdigest()[:16]}" / "signer.sock"


def prepare_socket_folder(socket: Path) -> None:
    """Make the socket's folder, 0700; `Fault` if others could put a socket of their own there."""
    folder = socket.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_guarded(folder):
        raise Fault(f"Others may write to {folder}, where the signer's socket belongs: take that right away.")


def is_guarded(folder: Path) -> bool:
    """Whether `folder` is a folder that belongs to this user or root, and that nobody else may write to."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return True  # nothing there is nothing to fear: connecting fails by itself
    return (
        folder.is_dir()
        and not folder.is_symlink()
        and status.st_uid in (0, os.geteuid())
        and not status.st_mode & 0o022
    )
