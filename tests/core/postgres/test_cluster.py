"""The embedded server, as a real child process in a real folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

import places
from sealdesk.core.faults import Fault
from sealdesk.core.postgres import Cluster, former


@pytest.fixture
def data() -> Iterator[Path]:
    with places.folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def only() -> Iterator[Cluster]:
    with places.folder() as folder:
        cluster = Cluster(folder)
        yield cluster
        cluster.stop()


@pytest.fixture
def server(only: Cluster) -> Cluster:
    """One server for all that leave it fit to start again."""
    if only.process is None:
        only.start()
    return only


def test_it_works(server: Cluster) -> None:
    assert server.sql("select 6 * 7") == "42"
    assert server.sql("show server_version").startswith("18.")


def test_what_is_acknowledged_is_on_the_disk(server: Cluster) -> None:
    assert server.sql("select current_setting('fsync') || current_setting('synchronous_commit')") == "onon"
    assert server.sql("show data_checksums") == "on"


def test_text_is_utf8_whatever_the_machine_speaks(server: Cluster) -> None:
    assert server.sql("show server_encoding") == "UTF8"
    assert server.sql("select upper('ä'), lower('ΑΒΓ')") == "Ä|αβγ"


def test_a_second_start_takes_less_than_three_seconds_and_keeps_the_data(server: Cluster) -> None:
    server.sql("create table seen as select 1 as one")
    server.stop()
    begin = time.monotonic()
    server.start()
    assert time.monotonic() - begin < 3
    assert server.sql("select one from seen") == "1"


def test_a_stop_leaves_nothing_running(server: Cluster) -> None:
    assert server.process
    process = server.process
    assert former.running_in(server.folder) != set()
    server.stop()
    assert process.returncode == 0
    assert former.running_in(server.folder) == set()
    assert list(server.socket_dir.iterdir()) == []


def test_a_killed_server_starts_again_with_what_was_committed(server: Cluster) -> None:
    server.sql("create table kept (one int)")
    assert server.process
    for one in range(3):
        server.sql(f"insert into kept values ({one})")
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        server.stop()
        server.start()
        assert server.sql("select count(*) from kept") == str(one + 1)


def test_a_pid_file_of_another_life_is_no_obstacle(server: Cluster) -> None:
    server.stop()
    # After a restart of the machine the number may be anybody's: here it is this very process.
    (server.folder / "postmaster.pid").write_text(
        f"{os.getpid()}\n{server.folder}\n0\n5432\n{server.socket_dir}\n\n0 0\nready\n"
    )
    (server.socket_dir / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    server.start()
    assert server.sql("select 1") == "1"


def test_the_server_ends_with_a_killed_parent(data: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from sealdesk.core.postgres import Cluster\n"
        "cluster = Cluster(Path(sys.argv[1])); cluster.start(); print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(data)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "up\n"
        assert former.running_in(data / "postgres") != set()
        parent.kill()
    until = time.monotonic() + 10
    while former.running_in(data / "postgres") and time.monotonic() < until:
        time.sleep(0.05)
    assert former.running_in(data / "postgres") == set()


def test_an_orphaned_server_is_taken_over(data: Path) -> None:
    first = Cluster(data)
    first.start()
    first.sql("create table kept as select 1 as one")
    first._let_go()  # as if its supervisor were gone, on a machine that can't tie the two together
    second = Cluster(data)
    second.start()
    try:
        assert second.sql("select one from kept") == "1"
        assert first.process
        assert first.process.wait(1) == 0
    finally:
        second.stop()


async def test_no_login_is_trusted(server: Cluster) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host=str(server.socket_dir), user="postgres", database="postgres", password="guess")
    connection = await asyncpg.connect(server.superuser_dsn("postgres"))
    assert await connection.fetchval("select inet_server_addr()") is None
    await connection.close()


def test_files_are_closed_to_others(server: Cluster) -> None:
    modes = {
        path: path.stat().st_mode & 0o777
        for path in (server.folder, server.socket_dir, server.data / "credentials.json")
    }
    assert list(modes.values()) == [0o700, 0o700, 0o600]


def test_nothing_that_people_wrote_reaches_the_log(server: Cluster) -> None:
    server.sql("create table words (word text primary key)")
    for _ in range(2):
        try:
            server.sql("insert into words values ('confidential')")
        except Fault:
            continue
    assert "duplicate key" in server.log.read_text()
    assert "confidential" not in server.log.read_text()


def test_a_long_path_gets_a_short_socket() -> None:
    with places.folder() as folder:
        deep = folder / ("deep" * 20)
        deep.mkdir(mode=0o711)
        cluster = Cluster(deep)
        cluster.start()
        try:
            assert len(str(cluster.socket_dir)) < 60
            assert cluster.socket_dir.stat().st_mode & 0o777 == 0o700
            assert cluster.sql("select 1") == "1"
        finally:
            cluster.stop()
            cluster.socket_dir.rmdir()


def test_databases_are_made_once(server: Cluster) -> None:
    assert server.ensure_database("desk") is True
    assert server.ensure_database("desk") is False
    with pytest.raises(Fault, match="database's name"):
        server.ensure_database("desk'; drop")
