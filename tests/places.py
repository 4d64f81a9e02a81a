"""Folders for real servers: reachable for the account that root lends to PostgreSQL, gone at the end."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder() -> Generator[Path]:
    """A fresh folder with a short path. pytest's own lie in one that is closed to other accounts."""
    path = Path(tempfile.mkdtemp(prefix="sealdesk-"))
    path.chmod(0o711)
    try:
        yield path.resolve()
    finally:
        shutil.rmtree(path, ignore_errors=True)
