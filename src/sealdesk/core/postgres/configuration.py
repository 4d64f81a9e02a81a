"""The server's configuration, written anew at every start."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from sealdesk.core.postgres.account import Account
from sealdesk.core.postgres.folders import PORT

# Nobody is trusted, and no address is listened on: a login proves itself by its password over the socket.
HBA = "local all all scram-sha-256\n"


def write(cluster: Path, sockets: Path, extra: Mapping[str, str], account: Account | None) -> None:
    """Write postgresql.conf and pg_hba.conf into `cluster`. `extra` wins over ours; an operator's own.conf wins over both."""
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        # What was acknowledged is on the disk.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "max_wal_size": "1GB",
        # An organisation may grow a hundredfold in a minute (an import), and is planned for what it was until statistics are taken.
        "autovacuum_naptime": "15s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        # What people wrote must not reach the log: neither statements nor the values that an error's detail quotes.
        "log_statement": "none",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        **extra,
    }
    lines = [f"{name} = '{quoted(value)}'" for name, value in settings.items()]
    header = "# Written at every start. Settings of your own go into own.conf beside this file and win.\n"
    if (cluster / "own.conf").exists():
        lines.append("include 'own.conf'")
    _place(cluster / "postgresql.conf", header + "\n".join(lines) + "\n", account)
    _place(cluster / "pg_hba.conf", HBA, account)


def _place(path: Path, text: str, account: Account | None) -> None:
    # The folder is the server account's, so as root we replace names in it and never write through one that it may have laid.
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        if account:
            os.fchown(file.fileno(), *account.ids)
        file.write(text)
    scratch.replace(path)


def quoted(value: str) -> str:
    """`value` inside single quotes, as postgresql.conf doubles them."""
    return value.replace("\\", "\\\\").replace("'", "''")
