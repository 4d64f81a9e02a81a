"""kill -9 at each step, and at no step in particular. (A power cut is not played here: see `memory`.)"""

import asyncio
import random
import resource
from contextlib import suppress

import pytest

from counts import count
from sealdesk.ledger.signer import Code, SignedHead, SignerRefused, SignerUnavailable
from sealproof import note
from spine.signer.growing import GrowingLog
from spine.signer.running import RunningSigner


async def test_killed_between_verify_and_persist_nothing_happened(signer: RunningSigner) -> None:
    log = GrowingLog()
    async with signer.client() as client:
        await log.begin(client)
        signer.stop()
        signer.start_to_die("between-verify-and-persist")
        log.grow_to(5)
        with pytest.raises(SignerUnavailable):
            await log.sign(client, 1)
        signer.died()
        signer.start()
        assert await client.head(log.origin) == SignedHead(1, log.root(1))
        other = log.copy()
        other.entries[3] = b"not signed yet, so still open"
        assert await other.sign(client, 1)


@pytest.mark.parametrize("moment", ["between-persist-and-sign", "between-sign-and-reply"])
@pytest.mark.parametrize("first", [True, False])
async def test_killed_between_persist_and_reply_the_repeat_gives_the_note(
    signer: RunningSigner, moment: str, first: bool
) -> None:
    log = GrowingLog()
    log.grow_to(3)
    async with signer.client() as client:
        if not first:
            await log.begin(client)
            log.grow_to(8)
        signer.stop()
        signer.start_to_die(moment)
        with pytest.raises(SignerUnavailable):
            await (log.begin(client) if first else log.sign(client, 3))
        signer.died()
        signer.start()
        assert await client.head(log.origin) == SignedHead(log.size, log.root())
        other = log.copy()
        other.entries[-1] = b"another history of this size"
        with pytest.raises(SignerRefused) as refused:
            await (other.begin(client) if first else other.sign(client, 3))
        assert refused.value.code is Code.OTHER_ROOT
        signed = await (log.begin(client) if first else log.sign(client, 3))
        assert signed == await (log.begin(client) if first else log.sign(client, 3))
        opened = note.open_note(signed, [note.parse_vkey(await client.vkey(log.origin))])
        assert note.parse_checkpoint(opened.text) == note.Checkpoint(log.origin, log.size, log.root())


async def test_killed_between_freeze_and_reply_the_log_is_frozen(signer: RunningSigner) -> None:
    log = GrowingLog()
    async with signer.client() as client:
        await log.begin(client)
        signer.stop()
        signer.start_to_die("between-freeze-and-reply")
        with pytest.raises(SignerUnavailable):
            await client.freeze(log.origin, "just in time")
        signer.died()
        signer.start()
        with pytest.raises(SignerRefused, match="just in time"):
            await log.begin(client)


async def test_killed_again_and_again_the_memory_never_goes_back(signer: RunningSigner) -> None:
    chance = random.Random(7)
    log = GrowingLog()
    answered: dict[int, bytes] = {}
    async with signer.client() as client:
        answered[1] = await log.begin(client)
        for _ in range(count(6, 200)):
            old = log.size
            killing = asyncio.get_running_loop().call_later(chance.uniform(0.005, 0.2), signer.kill)
            with suppress(SignerUnavailable):
                while True:
                    old = log.size
                    log.grow_to(old + chance.randint(1, 5))
                    answered[log.size] = await log.sign(client, old)
            killing.cancel()
            signer.start()
            head = await client.head(log.origin)
            assert head is not None
            assert head.size in (log.size, old)  # of the one that was under way when it was killed
            assert head.size >= max(answered)
            assert head.root == log.root(head.size)
            del log.entries[head.size :]
            again = await client.sign_checkpoint(log.origin, head.size, head.root)
            assert again == answered.setdefault(head.size, again)
    assert len(answered) > 6


async def test_when_the_memory_cant_be_written_it_signs_nothing_and_ends(signer: RunningSigner) -> None:
    assert signer.process is not None
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(signer.process.pid, resource.RLIMIT_FSIZE, (20_000, hard))  # a disk that is soon full
    logs: list[GrowingLog] = []
    async with signer.client() as client:
        with pytest.raises(SignerUnavailable):
            while len(logs) < 1000:
                logs.append(GrowingLog())
                await logs[-1].begin(client)
        assert len(logs) > 1
        assert signer.process.wait(30) == 1
        assert "memory or socket failed" in signer.said()
        signer.start()
        for log in logs[:-1]:
            assert await client.head(log.origin) == SignedHead(1, log.root())
        assert await client.head(logs[-1].origin) is None
        assert await logs[-1].begin(client)
