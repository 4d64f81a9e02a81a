import asyncio
import os
import shutil
import sqlite3
import stat
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealdesk.core.faults import Fault
from sealdesk.ledger.signer import SignerUnavailable, socket_path
from sealdesk.ledger.signer.key import OperatorKey, load_key
from sealdesk.ledger.signer.memory import Memory
from sealdesk.ledger.signer.selftest import known_answer, second_opinion
from sealdesk.ledger.signer.wire import SignedHead
from spine.signer.growing import GrowingLog
from spine.signer.running import LEDGER, RunningSigner


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_a_memory_it_does_not_start(unstarted: RunningSigner) -> None:
    assert "no memory of what it signed" in unstarted.refused_start()
    assert not unstarted.data.exists()


def test_it_begins_once(signer: RunningSigner) -> None:
    assert signer.stop() == 0
    before = signer.settings.signer_state.read_bytes()
    assert "start it without --init" in signer.refused_start("--init")
    assert signer.settings.signer_state.read_bytes() == before
    signer.start()


def test_a_log_that_takes_nothing_does_not_keep_it_from_signing(signer: RunningSigner) -> None:
    """A full disk: the desk has to start where it was, and go on."""
    assert signer.stop() == 0
    mute = RunningSigner(signer.data, Path("/dev/full"))
    try:
        mute.start()
        assert mute.stop() == 0
    finally:
        mute.end()


def test_a_beginning_cut_short_can_be_repeated(unstarted: RunningSigner) -> None:
    state = unstarted.settings.signer_state
    state.parent.mkdir(parents=True)
    state.touch()
    assert "no memory" in unstarted.refused_start()
    unstarted.start("--init")


async def test_what_it_makes_is_for_its_user_alone(signer: RunningSigner) -> None:
    paths = [signer.settings.operator_key, signer.settings.signer_state, socket_path(signer.data)]
    assert [mode(path) for path in paths] == [0o600] * 3
    assert [mode(path.parent) for path in paths] == [0o700] * 3
    assert stat.S_ISSOCK(socket_path(signer.data).stat().st_mode)
    signer.stop()
    assert not socket_path(signer.data).exists()


async def test_it_begins_with_a_key_that_is_there(unstarted: RunningSigner) -> None:
    private_key = Ed25519PrivateKey.generate()
    write_key(unstarted.settings.operator_key, private_key)
    unstarted.start("--init")
    async with unstarted.client() as client:
        assert await client.public_key() == private_key.public_key().public_bytes_raw()


def test_a_key_open_to_others_is_refused(signer: RunningSigner) -> None:
    signer.stop()
    path = signer.settings.operator_key
    for bits in (0o640, 0o620, 0o610, 0o602, 0o601, 0o604):
        path.chmod(bits)
        with pytest.raises(Fault, match="open to others"):
            load_key(path)
    assert "open to others" in signer.refused_start()


def test_a_key_lost_or_replaced_is_refused(signer: RunningSigner) -> None:
    signer.stop()
    path = signer.settings.operator_key
    write_key(path, Ed25519PrivateKey.generate())
    assert "not the key that this signer has signed with" in signer.refused_start()
    path.write_text("not a key")
    assert "not a PKCS#8 key" in signer.refused_start()
    path.unlink()
    assert "can't be read" in signer.refused_start()
    assert not path.exists()


async def test_two_signers_on_one_memory_refuse_each_other(signer: RunningSigner) -> None:
    for arguments in ((), ("--init",)):
        assert "Another signer holds this memory" in signer.refused_start(*arguments)
    async with signer.client() as client:
        assert await GrowingLog().begin(client)
    signer.kill()
    signer.start()


async def test_of_many_that_begin_at_once_one_begins(unstarted: RunningSigner) -> None:
    processes = [unstarted.spawn("--init") for _ in range(5)]
    try:
        deadline = time.monotonic() + 60
        while sum(process.poll() is not None for process in processes) < 4:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert sorted(process.poll() or 0 for process in processes) == [0, 1, 1, 1, 1]
        unstarted.await_answer()
        async with unstarted.client() as client:
            assert await GrowingLog().begin(client)
    finally:
        for process in processes:
            process.kill()
            process.wait(30)
    assert unstarted.said().count("Another signer holds this memory") == 4


def test_a_damaged_memory_is_refused(signer: RunningSigner) -> None:
    signer.stop()
    state = signer.settings.signer_state
    whole = state.read_bytes()
    state.write_bytes(b"not a database" * 400)
    assert "damaged" in signer.refused_start()
    state.write_bytes(whole[:4096])
    assert "damaged" in signer.refused_start()
    state.write_bytes(whole)
    signer.start()


async def test_the_name_outlives_the_environment(signer: RunningSigner) -> None:
    signer.stop()
    signer.start(ledger_name="desk.example.net")
    async with signer.client() as client:
        assert (await client.identity()).ledger_name == LEDGER


@pytest.mark.parametrize("name", ["a b", "a/b", "a+b", "x" * 129, "a\nb"])
def test_a_name_that_no_origin_can_carry_is_refused(unstarted: RunningSigner, name: str) -> None:
    process = unstarted.spawn("--init", ledger_name=name)
    assert process.wait(30) == 1
    assert not unstarted.data.exists()


async def test_a_data_folder_of_any_depth_has_a_socket(tmp_path: Path) -> None:
    deep = RunningSigner(tmp_path / ("d" * 120) / "data")
    deep.data.parent.mkdir()
    folder = socket_path(deep.data).parent
    assert len(os.fsencode(socket_path(deep.data))) < 104
    try:
        deep.start("--init")
        assert mode(folder) == 0o700
        async with deep.client() as client:
            assert await GrowingLog().begin(client)
            folder.chmod(0o777)
            await client.close()
            with pytest.raises(SignerUnavailable, match="not this user's alone"):
                await client.status()
        deep.kill()
        assert "Others may write" in deep.refused_start()
    finally:
        deep.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_the_memory_syncs_what_it_commits_and_only_grows(signer: RunningSigner) -> None:
    signer.stop()
    memory = Memory.open(signer.settings.signer_state)
    database = memory._database
    settings = [
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode", "locking_mode")
    ]
    assert settings == [2, "truncate", "exclusive"]
    memory.remember("a", SignedHead(5, bytes(32)), "then")
    for size in (4, 5):
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            memory.remember("a", SignedHead(size, bytes(32)), "now")
    for statement in ("DELETE FROM log", "DELETE FROM signer", "UPDATE signer SET ledger_name = 'b'"):
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(statement)
    assert memory.head("a") == SignedHead(5, bytes(32))
    memory.close()


class SloppyKey:
    """A key whose signatures are off by one bit."""

    def __init__(self) -> None:
        self._key = OperatorKey(Ed25519PrivateKey.generate())
        self.public_key = self._key.public_key

    def sign(self, message: bytes) -> bytes:
        signature = self._key.sign(message)
        return bytes([signature[0] ^ 1]) + signature[1:]


def test_a_key_that_signs_wrongly_is_refused() -> None:
    known_answer()
    second_opinion(OperatorKey(Ed25519PrivateKey.generate()))
    with pytest.raises(Fault, match="does not verify"):
        second_opinion(SloppyKey())


def write_key(path: Path, private_key: Ed25519PrivateKey) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
