"""The operator's key: Ed25519 (RFC 8032) in a PKCS#8 file that nobody else may read."""

import os
import stat
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sealdesk.core.faults import Fault


class SigningKey(Protocol):
    """What the signer needs of a key, wherever it is kept."""

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same message gives the same signature."""
        ...


class OperatorKey:
    """A key held in this process."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key = private_key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private_key.sign(message)


def load_key(path: Path) -> OperatorKey:
    """The key at `path`; `Fault` if it is absent, open to others, or no plain Ed25519 key."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read(64 * 1024)
    except OSError as error:
        raise Fault(f"The operator's key can't be read: {error.strerror}: {path}.") from error
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise Fault(f"The operator's key is open to others: give {path} the mode 0600.")
    try:
        private_key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise Fault(f"{path} is not a PKCS#8 key without a password.") from error
    if not isinstance(private_key, Ed25519PrivateKey):
        raise Fault(f"{path} is not an Ed25519 key.")
    return OperatorKey(private_key)


def make_key(path: Path) -> OperatorKey:
    """Make a key at `path` unless one is there, and load what is there then: a key is never replaced."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            _write(fresh, Ed25519PrivateKey.generate())
            os.link(fresh, path)  # unlike a rename, this fails where a key is
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
        _sync(path.parent)
    return load_key(path)


def _write(path: Path, private_key: Ed25519PrivateKey) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(handle)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
