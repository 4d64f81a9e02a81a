"""C2SP tlog-proof files: one spelling, and refusal of every other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof import b64, proof
from sealproof.merkle import ProofError

NOTE = b"o\n1\nroot\n\n\xe2\x80\x94 o AAAA\n"
HASH = b64.encode(bytes(range(32)))


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(max_size=99),
)
def test_round_trip(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    made = proof.TlogProof(index, tuple(hashes), NOTE, extra)
    assert proof.parse(made.encode()) == made


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v2\nindex 1",
        "c2sp.org/tlog-proof@v1\nindex 01",
        "c2sp.org/tlog-proof@v1\nindex -1",
        "c2sp.org/tlog-proof@v1\nindex 9223372036854775808",
        "c2sp.org/tlog-proof@v1\nindex",
        "c2sp.org/tlog-proof@v1\n" + HASH,
        "c2sp.org/tlog-proof@v1\nextra !\nindex 1",
        "c2sp.org/tlog-proof@v1\nextra AA==\nextra AA==\nindex 1",
        "c2sp.org/tlog-proof@v1\nindex 1\n" + HASH[:-1],
        "c2sp.org/tlog-proof@v1\nindex 1\n" + b64.encode(bytes(31)),
        "c2sp.org/tlog-proof@v1\nindex 1\n" + HASH + " ",
        "c2sp.org/tlog-proof@v1\r\nindex 1",
        "c2sp.org/tlog-proof@v1\nindex 1" + ("\n" + HASH) * 64,
    ],
)
def test_refuses(head: str) -> None:
    with pytest.raises(ProofError):
        proof.parse(head.encode() + b"\n\n" + NOTE)


def test_refuses_what_never_ends() -> None:
    with pytest.raises(ProofError):
        proof.parse(b"c2sp.org/tlog-proof@v1\nindex 1\n")
    with pytest.raises(ProofError):
        proof.parse(bytes(proof.MAX_BYTES + 1))
