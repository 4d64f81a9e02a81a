"""What the signer remembers across crashes: one SQLite file that this process alone holds.

Journal mode TRUNCATE with synchronous FULL. A commit is then the truncation of the journal, which SQLite syncs before
the statement returns. In mode DELETE it is the unlinking of the journal, and FULL does not sync the folder: after a power
cut the journal may be back, and with it the state before the last signature. WAL is as durable but keeps the newest state
in a second file, and whoever copies or restores the first without it makes the signer forget. Here one file is everything.
"""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Self

from sealdesk.core.faults import Fault
from sealdesk.ledger.signer.wire import Freeze, Identity, RememberedLog, SignedHead

_SCHEMA = files("sealdesk.ledger.signer").joinpath("memory.sql")


class Memory:
    """The open state file. A method that writes returns when the bytes are on the disk, or raises `sqlite3.Error`."""

    def __init__(self, database: sqlite3.Connection, identity: Identity) -> None:
        self._database = database
        self.identity = identity

    @classmethod
    def create(cls, path: Path, identity: Identity) -> Self:
        """Begin a memory at `path`; `Fault` if there is one already."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = _hold(path)
        if _identity(database) is not None:
            database.close()
            raise Fault("The signer already has a memory: start it without --init.")
        # All or nothing: a crash in here leaves a file without tables, which counts as no memory.
        database.executescript(f"BEGIN EXCLUSIVE; {_SCHEMA.read_text()}")
        database.execute(
            "INSERT INTO signer VALUES (1, ?, ?, ?)",
            (identity.ledger_name, identity.public_key, identity.initialised_at),
        )
        database.execute("COMMIT")
        _sync_folder(path.parent)
        return cls(database, identity)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Take up the memory at `path`; `Fault` if there is none: a signer that forgot must not sign."""
        lost = Fault(
            "The signer has no memory of what it signed: restore it, or start with --init if the ledger is new."
        )
        if not path.exists():
            raise lost
        database = _hold(path)
        identity = _identity(database)
        if identity is None:
            database.close()
            raise lost
        if not database.execute("SELECT 1 FROM pragma_table_info('log') WHERE name = 'signed'").fetchone():
            database.execute("ALTER TABLE log ADD COLUMN signed INTEGER")
        return cls(database, identity)

    def close(self) -> None:
        """Let go of the file, so that another signer may hold it."""
        self._database.close()

    def head(self, origin: str) -> SignedHead | None:
        """The newest checkpoint remembered for `origin`."""
        row = self._database.execute("SELECT size, root FROM log WHERE origin = ?", (origin,)).fetchone()
        return SignedHead(*row) if row else None

    def remember(self, origin: str, head: SignedHead, at: str) -> None:
        """Make `head` the newest checkpoint of `origin`; it must have more leaves than the one before."""
        self._database.execute(
            "INSERT INTO log VALUES (:origin, :size, :root, :at, :at, 1) ON CONFLICT (origin)"
            " DO UPDATE SET size = excluded.size, root = excluded.root, signed_at = excluded.signed_at, signed = signed + 1",
            {"origin": origin, "size": head.size, "root": head.root, "at": at},
        )

    def freeze(self, freeze: Freeze) -> Freeze:
        """Freeze a log; the freeze in force, which is the earlier one if there was one."""
        self._database.execute(
            "INSERT INTO freeze VALUES (?, ?, ?) ON CONFLICT (origin) DO NOTHING",
            (freeze.origin, freeze.reason, freeze.at),
        )
        return self.frozen(freeze.origin) or freeze

    def thaw(self, origin: str) -> bool:
        """Lift a freeze; whether there was one."""
        return self._database.execute("DELETE FROM freeze WHERE origin = ?", (origin,)).rowcount == 1

    def frozen(self, origin: str) -> Freeze | None:
        """The freeze in force on `origin`."""
        row = self._database.execute("SELECT origin, reason, at FROM freeze WHERE origin = ?", (origin,)).fetchone()
        return Freeze(*row) if row else None

    def logs(self) -> tuple[RememberedLog, ...]:
        """Every log remembered, by origin."""
        rows = self._database.execute(
            "SELECT origin, size, root, created_at, signed_at, signed FROM log ORDER BY origin"
        )
        return tuple(RememberedLog(*row) for row in rows)

    def freezes(self) -> tuple[Freeze, ...]:
        """Every freeze in force, by origin."""
        return tuple(
            Freeze(*row) for row in self._database.execute("SELECT origin, reason, at FROM freeze ORDER BY origin")
        )


def _hold(path: Path) -> sqlite3.Connection:
    """Open the file and keep its lock until the process ends, however it ends."""
    with _readable_errors():
        database = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            path.chmod(0o600)
            for pragma in (
                "locking_mode = EXCLUSIVE",
                "journal_mode = TRUNCATE",
                "synchronous = FULL",
                "fullfsync = ON",
            ):
                database.execute(f"PRAGMA {pragma}")
            database.execute("BEGIN EXCLUSIVE")  # in this locking mode COMMIT keeps the lock
            database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        return database


@contextmanager
def _readable_errors() -> Generator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise Fault("Another signer holds this memory: stop it first.") from error
        raise Fault(f"The signer's memory can't be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise Fault(f"The signer's memory is damaged ({error}): restore it.") from error


def _identity(database: sqlite3.Connection) -> Identity | None:
    with _readable_errors():
        if not database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'signer'").fetchone():
            return None
        name, key, at = database.execute("SELECT ledger_name, public_key, initialised_at FROM signer").fetchone()
        if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("its pages do not agree")
        return Identity(name, key, at)


def _sync_folder(folder: Path) -> None:
    """Make the file's name as durable as its bytes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
