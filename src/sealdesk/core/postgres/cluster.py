"""One embedded server: make it, start it, stop it."""

import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode, urlsplit

from sealdesk.core import credentials, tether
from sealdesk.core.faults import Fault
from sealdesk.core.postgres import binaries, configuration, folders, former, programs
from sealdesk.core.postgres.account import Account, server_account
from sealdesk.core.settings import Settings

PATIENCE = 120.0  # seconds to become ready; a crash's recovery takes most of it
LARGEST_LOG = 10 * 1024 * 1024


class Cluster:
    """A PostgreSQL server below a data folder, running as our child for as long as we do.

    `account` names who it runs as where we are root; `settings` go into its configuration; `pause` waits (seconds) between looks
    at it, and may raise to give up. Every method raises `Fault` with one sentence when the thing can't be done.
    """

    def __init__(
        self,
        data: Path,
        *,
        account: str = "",
        settings: Mapping[str, str] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.data = data.resolve()
        self.folder = self.data / "postgres"
        self.log = self.data / "run" / "postgres.log"
        self.port = folders.PORT
        self.process: subprocess.Popen[bytes] | None = None
        self._wanted_account = account
        self._settings = dict(settings or {})
        self._pause = pause
        self._lock: IO[str] | None = None

    @classmethod
    def of(cls, settings: Settings, pause: Callable[[float], None] = time.sleep) -> "Cluster":
        """The installation's own."""
        return cls(settings.data, account=settings.postgres_account, pause=pause)

    @property
    def is_new(self) -> bool:
        """Whether `init` has still to be run."""
        return not self.folder.exists()

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket, made if need be."""
        return folders.socket_folder(self.data, self._account)

    def init(self) -> bool:
        """Make the cluster where there is none, and tell whether that was so."""
        self._take_lock()
        try:
            return self._make()
        finally:
            self._let_go()

    def start(self) -> None:
        """Start the server and wait until it takes connections; what a crash left behind is cleared and recovered first.

        Call it from the main thread: the server ends with the thread that started it.
        """
        self._take_lock()
        try:
            self._make()
            self._require_release()
            known = self.superuser_dsn()
            self._bring_up()
            where = {"host": str(self.socket_dir), "port": self.port, "database": "sealdesk", "admin": known}
            credentials.merge(self._credentials, where)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server: connections are cut, what was committed is written, and nothing of it stays behind."""
        if self.process:
            for ending, patience in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
                if self.process.poll() is None:
                    self.process.send_signal(ending)
                try:
                    self.process.wait(patience)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self.process = None
        self._let_go()

    def superuser_dsn(self, database: str = "sealdesk") -> str:
        """The administrator's connection string to `database`."""
        return self._dsn(database, self._password)

    def ensure_database(self, name: str = "sealdesk", template: str = "template0") -> bool:
        """Make the database `name` as a copy of `template` where there is none, and tell whether that was so."""
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
            raise Fault(f"{name!r} can't be a database's name: use small letters, digits and underscores.")
        if self.sql(f"select 1 from pg_database where datname = '{name}'"):  # noqa: S608 - judged above
            return False
        self.sql(f'create database "{name}" template "{template}"')
        return True

    def sql(self, text: str, database: str = "postgres") -> str:
        """What the administrator's `text` answers, unaligned."""
        return programs.psql(binaries.installed(), self.socket_dir, database, text, self._password)

    @cached_property
    def _account(self) -> Account | None:
        return server_account(self._wanted_account, self.folder)

    @property
    def _credentials(self) -> Path:
        return self.data / "credentials.json"

    @property
    def _password(self) -> str:
        admin = credentials.read(self._credentials).get("admin")
        if not isinstance(admin, str):
            raise Fault(f"{self._credentials} does not hold the database's password: restore it from a backup.")
        return urlsplit(admin).password or ""

    def _dsn(self, database: str, password: str) -> str:
        query = urlencode({"host": str(self.socket_dir), "port": str(self.port)})
        return f"postgresql://{programs.SUPERUSER}:{password}@/{quote(database)}?{query}"

    def _make(self) -> bool:
        """Make the cluster aside, and move it into place once its password is on the disk: a crash leaves nothing to repair."""
        if not self.is_new:
            return False
        installation = binaries.reachable(self._account, self.data)
        for leftover in self.data.glob("postgres.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        scratch, password = self.data / f"postgres.new-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
        folders.own(scratch, self._account)
        programs.initdb(installation, scratch, password, self._account)
        credentials.merge(self._credentials, {"admin": self._dsn("sealdesk", password)})
        scratch.rename(self.folder)
        return True

    def _bring_up(self) -> None:
        # Shared memory of a killed server is let go only when its last backend has ended.
        for patience in (0.5, 2.0, None):
            former.clear(self.folder, self.socket_dir, self._pause)
            self._spawn()
            reason = self._wait()
            if reason is None:
                return
            if patience is None or "shared memory" not in reason:
                raise Fault(f"PostgreSQL did not start: {reason} (the whole story is in {self.log}).")
            self._pause(patience)

    def _let_go(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        folders.data_folder(self.data, self._account)
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        lock = (self.data / "run" / "postgres.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise Fault(f"Another Sealdesk already runs the database in {self.data}.") from None
        self._lock = lock

    def _require_release(self) -> None:
        made_by = (self.folder / "PG_VERSION").read_text().strip()
        if made_by != binaries.MAJOR:
            raise Fault(
                f"The database in {self.folder} was made by PostgreSQL {made_by}, and this release runs {binaries.MAJOR}: "
                "dump it with the former release and restore it with this one."
            )

    def _spawn(self) -> None:
        configuration.write(self.folder, self.socket_dir, self._settings, self._account)
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        program = binaries.reachable(self._account, self.data) / "bin" / "postgres"
        account = self._account
        command = tether.command(
            [str(program), "-D", str(self.folder)],
            at_parents_death=signal.SIGINT,
            account=account.ids if account else None,
        )
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            self._log_begins = log.tell()
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=programs.PLAIN,
                start_new_session=True,
            )

    def _wait(self) -> str | None:
        """Wait until the server is ready: `None`, or the reason why it ended."""
        assert self.process
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self.process.poll() is not None:
                return self._told() or f"it ended with exit code {self.process.returncode}"
            if self._is_ready():
                return None
            self._pause(0.02)
        return f"it was not ready after {PATIENCE:.0f} seconds"

    def _is_ready(self) -> bool:
        """As the pid file tells: its first line is our child's id, its eighth the state."""
        assert self.process
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def _told(self) -> str:
        """The first reason that the server wrote to its log since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._log_begins)
            lines = log.read(64 * 1024).decode(errors="replace").splitlines()
        reasons = [found[1].strip() for line in lines if (found := re.search(r"(?:FATAL|PANIC): +(.*)", line))]
        return (reasons or [line.strip() for line in lines if line.strip()] or [""])[0]
