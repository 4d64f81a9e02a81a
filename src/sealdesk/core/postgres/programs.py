"""The wheel's programs, each run to its end."""

import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sealdesk.core.faults import Fault
from sealdesk.core.postgres.account import Account
from sealdesk.core.postgres.folders import PORT

SUPERUSER = "postgres"
PLAIN = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def initdb(installation: Path, target: Path, password: str, account: Account | None) -> None:
    """Make a cluster in the empty folder `target`: UTF-8, the built-in locale provider, checksums, scram. Raises `Fault`."""
    secret = target.with_name(f".initdb-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password + "\n")
        if account:
            os.chown(secret, *account.ids)
        command = [
            str(installation / "bin" / "initdb"),
            f"--pgdata={target}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            "--no-instructions",
        ]
        _run(command, account=account, failure=f"PostgreSQL's first set-up in {target.parent} failed")
    finally:
        secret.unlink(missing_ok=True)


def psql(installation: Path, sockets: Path, database: str, sql: str, password: str) -> str:
    """What `sql` answers, unaligned. Raises `Fault` with the server's reason."""
    command = [str(installation / "bin" / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    environ = {
        "PGHOST": str(sockets),
        "PGPORT": str(PORT),
        "PGDATABASE": database,
        "PGUSER": SUPERUSER,
        "PGPASSWORD": password,
    }
    return _run(command, sql, environ=environ, failure="The database refused a command")


def _run(
    command: list[str],
    text: str = "",
    *,
    failure: str,
    account: Account | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**PLAIN, **(environ or {})},
        user=account.user if account else None,
        group=account.group if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if "ERROR" in line or "FATAL" in line or "error:" in line]
        reason = (told or done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
        raise Fault(f"{failure}: {reason.strip().rstrip('.')}.")
    return done.stdout.strip()
