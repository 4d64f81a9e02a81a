"""The credentials file: where the database is, and the passwords of its logins (mode 0600, replaced as a whole)."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from sealdesk.core.faults import Fault


def read(path: Path) -> dict[str, object]:
    """The document, or an empty one where there is no file. Raises `Fault` when it can't be read."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Fault(
            f"{path} can't be read: restore it from a backup, since the passwords it holds are nowhere else."
        ) from error
    if not isinstance(document, dict):
        raise Fault(f"{path} is not a credentials file: restore it from a backup.")
    return cast("dict[str, object]", document)


def merge(path: Path, changes: Mapping[str, object]) -> None:
    """Set the members of `changes`, keep the rest. Atomic: a crash leaves the old file or the new one."""
    document = read(path)
    if all(document.get(name, ...) == value for name, value in changes.items()):
        return
    scratch = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({**document, **changes}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
