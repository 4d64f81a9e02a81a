from datetime import UTC, datetime, timedelta

import pytest

from sealdesk.ledger.signer import Code, Genesis, SignerClient, SignerRefused
from spine.signer.growing import GrowingLog, genesis_entry, org_origin
from spine.signer.running import LEDGER, SYS, RunningSigner

OTHER = "desk.example.net"


async def refused(
    client: SignerClient, log: GrowingLog, genesis: Genesis | None, proof: tuple[bytes, ...] = ()
) -> Code:
    with pytest.raises(SignerRefused) as refusal:
        await client.sign_checkpoint(log.origin, log.size, log.root(), proof, genesis=genesis)
    assert await client.head(log.origin) is None
    return refusal.value.code


@pytest.mark.parametrize("size", [1, 2, 3, 256, 300])
async def test_a_log_begins_at_any_size(client: SignerClient, size: int) -> None:
    log = GrowingLog()
    log.grow_to(size)
    assert await log.begin(client)


async def test_a_first_checkpoint_needs_its_genesis(client: SignerClient) -> None:
    assert await refused(client, GrowingLog(), None) is Code.UNKNOWN_ORIGIN


async def test_a_log_older_than_the_memory_is_refused(shared: RunningSigner, client: SignerClient) -> None:
    began = datetime.fromisoformat((await client.identity()).initialised_at)
    origin = org_origin()
    old = GrowingLog(origin, [genesis_entry(origin, began - timedelta(microseconds=1))])
    assert await refused(client, old, old.genesis()) is Code.GENESIS_TOO_OLD
    assert [line["level"] for line in shared.logged("signer.refused") if line["origin"] == origin] == ["critical"]
    equal = GrowingLog(origin, [genesis_entry(origin, began)])
    assert await equal.begin(client)


async def test_a_memory_begun_anew_signs_for_no_earlier_log(signer: RunningSigner) -> None:
    log = GrowingLog(SYS, [genesis_entry(SYS, datetime.now(UTC))])
    async with signer.client() as client:
        await log.begin(client)
        key = await client.public_key()
        signer.kill()
        signer.settings.signer_state.unlink()
        assert "no memory" in signer.refused_start()
        signer.start("--init")
        assert await client.public_key() == key
        edited = GrowingLog(SYS, [log.entries[0], b"another history"])
        for forgotten in (log, edited):
            assert await refused(client, forgotten, forgotten.genesis()) is Code.GENESIS_TOO_OLD


async def test_the_genesis_must_be_the_first_leaf(client: SignerClient) -> None:
    log = GrowingLog()
    log.grow_to(7)
    entry, inclusion = log.entries[0], log.genesis().inclusion
    wrong = [
        Genesis(entry, inclusion[:-1]),
        Genesis(entry, (*inclusion, bytes(32))),
        Genesis(entry, inclusion[::-1]),
        Genesis(entry, ()),
        Genesis(genesis_entry(log.origin), inclusion),
    ]
    for genesis in wrong:
        assert await refused(client, log, genesis) is Code.GENESIS_REFUSED
    assert await refused(client, log, log.genesis(), (bytes(32),)) is Code.GENESIS_REFUSED
    moved = GrowingLog(log.origin, [log.entries[1], log.entries[0]])
    assert await refused(client, moved, Genesis(entry, moved.genesis().inclusion)) is Code.GENESIS_REFUSED
    assert await log.begin(client)


async def test_the_genesis_must_be_this_logs_own(client: SignerClient) -> None:
    origin = org_origin()
    spaced = genesis_entry(origin).replace(b'":', b'": ')
    for first in (
        genesis_entry(org_origin()),
        genesis_entry(SYS),
        genesis_entry(origin, epoch=2),
        spaced,
        b"{}",
        b"",
        b"\xff",
    ):
        log = GrowingLog(origin, [first])
        assert await refused(client, log, log.genesis()) is Code.GENESIS_REFUSED


@pytest.mark.parametrize(
    "origin",
    [
        f"{OTHER}/ledger/sys",
        f"{LEDGER}.evil/ledger/sys",
        f"{LEDGER}/ledger/sys/2",
        f"{LEDGER}/ledger/system",
        f"{LEDGER}/ledger/",
        f"{LEDGER}/ledger",
        f"{LEDGER}/export",
        f"{LEDGER}/ledger/org/",
        f"{LEDGER}/ledger/org/1",
        f"{LEDGER}/ledger/org/018F6F5E-7A2B-7C3D-8E4F-5A6B7C8D9E0F",
        f"{LEDGER}/ledger/sys\n",
        f"{LEDGER}/ledger/sys\n1\nAAAA\n",
        f" {LEDGER}/ledger/sys",
        "sys",
        "x",
    ],
)
async def test_an_origin_of_no_log_of_this_ledger_is_refused(client: SignerClient, origin: str) -> None:
    log = GrowingLog(origin, [genesis_entry(SYS)])
    assert await refused(client, log, log.genesis()) is Code.FOREIGN_ORIGIN
    with pytest.raises(SignerRefused) as refusal:
        await client.freeze(origin, "not ours")
    assert refusal.value.code is Code.FOREIGN_ORIGIN
