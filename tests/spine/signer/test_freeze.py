import pytest

from sealdesk.ledger.signer import Code, SignerClient, SignerRefused
from spine.signer.growing import GrowingLog
from spine.signer.running import RunningSigner


async def test_a_frozen_log_gets_no_signature_and_the_reason(client: SignerClient) -> None:
    log, other = GrowingLog(), GrowingLog()
    await log.begin(client)
    freeze = await client.freeze(log.origin, "verify.run found another root")
    log.grow_to(4)
    for sign in (log.sign(client, 1), client.sign_checkpoint(log.origin, 1, log.root(1))):
        with pytest.raises(SignerRefused, match=r"verify\.run found another root") as refused:
            await sign
        assert refused.value.code is Code.FROZEN
    assert await other.begin(client)
    assert freeze in (await client.status()).frozen
    assert await client.thaw(log.origin)
    assert await log.sign(client, 1)
    assert freeze not in (await client.status()).frozen


async def test_freezing_twice_keeps_the_first_reason(client: SignerClient) -> None:
    log = GrowingLog()
    first = await client.freeze(log.origin, "first")
    assert await client.freeze(log.origin, "second") == first
    assert await client.thaw(log.origin)
    assert not await client.thaw(log.origin)


async def test_a_log_can_be_frozen_before_its_first_checkpoint(client: SignerClient) -> None:
    log = GrowingLog()
    await client.freeze(log.origin, "not yet")
    with pytest.raises(SignerRefused) as refused:
        await log.begin(client)
    assert refused.value.code is Code.FROZEN


async def test_a_freeze_outlives_the_process(signer: RunningSigner) -> None:
    log = GrowingLog()
    async with signer.client() as client:
        await log.begin(client)
        await client.freeze(log.origin, "found wanting")
        signer.kill()
        signer.start()
        log.grow_to(2)
        # It is asked for every second; the log is not to be full of it.
        for _ in range(3):
            with pytest.raises(SignerRefused, match="found wanting"):
                await log.sign(client, 1)
    assert [line["reason"] for line in signer.logged("signer.frozen")] == ["found wanting"]
    assert [line["code"] for line in signer.logged("signer.refused")] == ["frozen"]
