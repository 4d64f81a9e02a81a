import random
from uuid import uuid4

import pytest

from sealdesk.ledger.signer import Code, SignedHead, SignerClient, SignerRefused
from sealproof import note
from spine.signer.growing import GrowingLog, genesis_entry
from spine.signer.running import LEDGER, SYS, RunningSigner


async def test_it_works(shared: RunningSigner, client: SignerClient) -> None:
    log = GrowingLog()
    assert await client.head(log.origin) is None
    signed = await log.begin(client)
    opened = note.open_note(signed, [note.parse_vkey(await client.vkey(log.origin))])
    assert note.parse_checkpoint(opened.text) == note.Checkpoint(log.origin, 1, log.root())
    assert await client.head(log.origin) == SignedHead(1, log.root())
    assert not [line for line in shared.logged("signer.refused") if line["origin"] == log.origin]


@pytest.mark.parametrize("seed", range(4))
async def test_honest_growth_is_signed_at_every_size(client: SignerClient, seed: int) -> None:
    chance = random.Random(seed)
    log, old = GrowingLog(), 0
    for _ in range(12):
        log.grow_to(log.size + chance.choice([1, 1, 2, 3, 7, 40, 255, 256, 257]))
        if old == 0:
            signed = await log.begin(client)
        elif chance.random() < 0.5:
            signed = await log.sign(client, old)
        else:
            proof = log.consistency(old)
            signed = await client.sign_checkpoint(log.origin, log.size, log.root(), proof, old_size=old)
        old = log.size
        assert note.parse_checkpoint(note.signed_text(signed)) == note.Checkpoint(log.origin, old, log.root())


async def test_the_last_checkpoint_is_signed_again_alike(client: SignerClient) -> None:
    log = GrowingLog()
    first = await log.begin(client)
    assert await log.begin(client) == first
    log.grow_to(9)
    second = await log.sign(client, 1)
    assert await log.sign(client, 1) == second
    assert await client.sign_checkpoint(log.origin, 9, log.root()) == second


async def test_an_outdated_starting_point_raises_no_alarm(client: SignerClient) -> None:
    log = GrowingLog()
    await log.begin(client)
    log.grow_to(5)
    await log.sign(client, 1)
    log.grow_to(9)
    with pytest.raises(SignerRefused, match="last signed at 5 entries") as refused:
        await client.sign_checkpoint(log.origin, 9, log.root(), log.consistency(1), old_size=1)
    assert refused.value.code is Code.MOVED_ON
    assert not refused.value.alarm
    assert await log.sign(client, 5)


async def test_memory_outlives_the_process(signer: RunningSigner) -> None:
    log = GrowingLog(SYS, [genesis_entry(SYS)])
    async with signer.client() as client:
        await log.begin(client)
        log.grow_to(20)
        signed = await log.sign(client, 1)
        before = await client.status()
        assert signer.stop() == 0
        signer.start()
        assert await client.status() == before
        assert await client.sign_checkpoint(SYS, 20, log.root()) == signed
        log.grow_to(21)
        assert await log.sign(client, 20)


async def test_an_export_is_sealed_under_its_own_name(client: SignerClient) -> None:
    export, digest = uuid4(), "ab" * 32
    seal = await client.sign_export(export, digest)
    vkeys = await client.vkeys()
    opened = note.open_note(seal, [note.parse_vkey(vkeys[f"{LEDGER}/export"])])
    assert opened.text == f"desk-evidence/export/v1\n{export}\n{digest}\n"
    with pytest.raises(note.NoteError):
        note.open_note(seal, [note.parse_vkey(vkeys[SYS])])


@pytest.mark.parametrize("digest", ["", "AB" * 32, "ab" * 31, "ab" * 33, "ab" * 32 + "\n", "zz" * 32])
async def test_a_digest_of_another_form_is_not_sealed(client: SignerClient, digest: str) -> None:
    with pytest.raises(SignerRefused) as refused:
        await client.sign_export(uuid4(), digest)
    assert refused.value.code is Code.MALFORMED


async def test_status_tells_what_is_remembered(client: SignerClient) -> None:
    log = GrowingLog()
    await log.begin(client)
    status = await client.status()
    assert status.identity == await client.identity()
    assert status.identity.public_key == await client.public_key()
    remembered = {known.origin: known for known in status.logs}[log.origin]
    assert (remembered.size, remembered.root) == (1, log.root())
    assert status.identity.initialised_at <= remembered.created_at == remembered.signed_at
    assert (await client.vkeys())[log.origin] == await client.vkey(log.origin)
