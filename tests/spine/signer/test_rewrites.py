"""Each way to rewrite a signed log, with the best proof that its author could offer."""

import asyncio
import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counts import count
from sealdesk.ledger.signer import ALARMS, Code, SignedHead, SignerClient, SignerRefused
from spine.signer.growing import GrowingLog
from spine.signer.running import RunningSigner

SIGNED, LATER = 37, 53


def edit(log: GrowingLog) -> None:
    log.entries[11] = b"edited"


def edit_the_first(log: GrowingLog) -> None:
    log.entries[0] = b"edited"


def edit_the_last_signed(log: GrowingLog) -> None:
    log.entries[SIGNED - 1] = b"edited"


def delete(log: GrowingLog) -> None:
    del log.entries[11]


def insert(log: GrowingLog) -> None:
    log.entries.insert(11, b"inserted")


def reorder(log: GrowingLog) -> None:
    log.entries[11], log.entries[12] = log.entries[12], log.entries[11]


def truncate_and_regrow(log: GrowingLog) -> None:
    del log.entries[SIGNED - 1 :]
    log.grow_to(LATER)


def replace_all(log: GrowingLog) -> None:
    log.entries[:] = [os.urandom(8) for _ in log.entries]


REWRITES = [edit, edit_the_first, edit_the_last_signed, delete, insert, reorder, truncate_and_regrow, replace_all]


async def signed_log(client: SignerClient) -> tuple[GrowingLog, GrowingLog]:
    """A log signed at `SIGNED` entries, and as it is with `LATER`."""
    log = GrowingLog()
    log.grow_to(SIGNED)
    await log.begin(client)
    later = log.copy()
    later.grow_to(LATER)
    return log, later


async def refused(
    client: SignerClient, log: GrowingLog, root: bytes, proof: list[bytes], size: int | None = None
) -> Code:
    with pytest.raises(SignerRefused) as refusal:
        await client.sign_checkpoint(log.origin, log.size if size is None else size, root, proof)
    assert refusal.value.alarm == (refusal.value.code in ALARMS)
    return refusal.value.code


@pytest.mark.parametrize("rewrite", REWRITES)
async def test_a_rewrite_is_inconsistent(
    shared: RunningSigner, client: SignerClient, rewrite: Callable[[GrowingLog], None]
) -> None:
    log, honest = await signed_log(client)
    forged = honest.copy()
    rewrite(forged)
    for proof in (forged.consistency(SIGNED), honest.consistency(SIGNED), []):
        assert await refused(client, forged, forged.root(), proof) is Code.INCONSISTENT
    assert await client.head(log.origin) == SignedHead(SIGNED, log.root())
    alarms = [line for line in shared.logged("signer.refused") if line["origin"] == log.origin]
    assert [(line["level"], line["code"], line["alarm"]) for line in alarms] == [("critical", "inconsistent", True)] * 3
    assert await honest.sign(client, SIGNED)


async def test_rolling_back_is_refused_by_name(client: SignerClient) -> None:
    log, later = await signed_log(client)
    await later.sign(client, SIGNED)
    assert await refused(client, log, log.root(), []) is Code.SMALLER
    assert await refused(client, log, log.root(), later.consistency(SIGNED)) is Code.SMALLER
    assert await client.head(log.origin) == SignedHead(LATER, later.root())


async def test_a_second_root_for_a_size_is_refused_by_name(client: SignerClient) -> None:
    log, _ = await signed_log(client)
    other = log.copy()
    edit(other)
    assert await refused(client, other, other.root(), []) is Code.OTHER_ROOT
    assert await refused(client, other, other.root(), log.consistency(11)) is Code.OTHER_ROOT
    assert await client.head(log.origin) == SignedHead(SIGNED, log.root())


async def test_a_rewrite_that_brings_a_genesis_is_still_one(client: SignerClient) -> None:
    _, forged = await signed_log(client)
    edit(forged)
    with pytest.raises(SignerRefused) as refusal:
        await forged.begin(client)
    assert refusal.value.code is Code.INCONSISTENT


async def test_only_the_right_proof_of_the_right_length_will_do(client: SignerClient) -> None:
    _, later = await signed_log(client)
    proof, root = later.consistency(SIGNED), later.root()
    wrong = [proof[:-1], proof[1:], [*proof, proof[-1]], [root, *proof], proof[::-1], [bytes(32)] * len(proof)]
    wrong += [[*proof[:i], bytes(32), *proof[i + 1 :]] for i in range(len(proof))]
    wrong += [later.consistency(SIGNED - 1), later.consistency(SIGNED + 1), [bytes(32)] * 63]
    for attempt in wrong:
        assert await refused(client, later, root, attempt) is Code.INCONSISTENT
    assert await refused(client, later, root, [bytes(32)] * 64) is Code.MALFORMED
    assert await refused(client, later, root, [*proof[:-1], proof[-1][:31]]) is Code.MALFORMED
    assert await refused(client, later, root[:31], proof) is Code.MALFORMED
    assert await later.sign(client, SIGNED)


async def test_the_right_proof_for_another_size_will_not_do(client: SignerClient) -> None:
    _, later = await signed_log(client)
    # A root does not say how many leaves are below it, and RFC 9162 tells sizes apart only by the shape of the proof, which is
    # one for 49 to 64. An honest log can't grow from a size that is not its own, so such a lie stops its own author.
    for size in (SIGNED + 1, 48, 65, 2 * LATER, 2**62, 2**63 - 1):
        assert await refused(client, later, later.root(), later.consistency(SIGNED), size) is Code.INCONSISTENT
    for size in (0, -1, 2**63, 2**70):
        assert await refused(client, later, later.root(), later.consistency(SIGNED), size) is Code.MALFORMED


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    """What was signed, what is offered now, and at which later size. Entries are small numbers, so that they often recur."""
    signed = draw(st.lists(st.integers(0, 3), min_size=1, max_size=40))
    kept = draw(st.integers(0, len(signed)))
    offered = signed[:kept] + draw(st.lists(st.integers(0, 3), max_size=40))
    if draw(st.booleans()):
        offered = signed + offered[kept:]
    return signed, offered, draw(st.integers(0, len(offered)))


@settings(max_examples=count(150, 10_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_exactly_the_extensions_are_signed(shared: RunningSigner, history: tuple[list[int], list[int], int]) -> None:
    signed, offered, size = history

    async def play() -> None:
        log = GrowingLog()
        first, later = log.copy(), log.copy()
        first.entries += [bytes([n]) for n in signed]
        later.entries += [bytes([n]) for n in offered[:size]]
        async with shared.client() as client:
            await first.begin(client)
            if later.entries[: first.size] == first.entries:
                proof = later.consistency(first.size)
                await client.sign_checkpoint(log.origin, later.size, later.root(), proof)
                assert await client.head(log.origin) == SignedHead(later.size, later.root())
                return
            old = min(first.size, later.size)
            for proof in ([], later.consistency(old)):
                assert await refused(client, later, later.root(), proof) in ALARMS
            assert await client.head(log.origin) == SignedHead(first.size, first.root())

    asyncio.run(play())


async def test_a_size_that_is_not_the_trees_stops_its_author(client: SignerClient) -> None:
    _, later = await signed_log(client)
    await client.sign_checkpoint(later.origin, LATER + 1, later.root(), later.consistency(SIGNED))
    later.grow_to(LATER + 9)
    for old in (LATER, LATER + 1):
        assert await refused(client, later, later.root(), later.consistency(old)) is Code.INCONSISTENT
