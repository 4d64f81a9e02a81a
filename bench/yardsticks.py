"""What figures are held against: the limit of the same PostgreSQL."""

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from sealdesk.core.postgres import Cluster, binaries
from sealdesk.core.postgres.account import server_account

INSERT = "\\set n random(1, 1000000000)\ninsert into yardstick (n, text) values (:n, repeat('x', 200));\n"


def inserts_per_second(cluster: Cluster, *, clients: int, seconds: int) -> float:
    """pgbench: one prepared single-row INSERT per transaction, durable, over the same socket."""
    cluster.ensure_database("yardstick")
    cluster.sql("create table if not exists yardstick (id bigserial primary key, n bigint, text text)", "yardstick")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(INSERT)
        script.flush()
        program = binaries.installed() / "bin" / "pgbench"
        command = [
            str(program),
            "-n",
            "-M",
            "prepared",
            "-c",
            str(clients),
            "-j",
            "2",
            "-T",
            str(seconds),
            "-f",
            script.name,
        ]
        told = subprocess.run(
            [*command, cluster.superuser_dsn("yardstick")],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ},
        ).stdout
    found = re.search(r"tps = ([\d.]+)", told)
    assert found, told
    return float(found[1])


def server_start(data: Path) -> float:
    """Seconds of `pg_ctl start -w` on a cluster that is at rest; it is stopped again."""
    folder = data / "postgres"
    account = server_account("", folder)
    program = str(binaries.reachable(account, data) / "bin" / "pg_ctl")
    user, group = account.ids if account else (None, None)

    def control(*arguments: str) -> None:
        subprocess.run(
            [program, "-D", str(folder), "-w", *arguments],
            user=user,
            group=group,
            extra_groups=[] if account else None,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    begin = time.monotonic()
    control("-l", "/dev/null", "start")
    took = time.monotonic() - begin
    control("-m", "fast", "stop")
    return took
