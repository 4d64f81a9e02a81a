"""C2SP tlog-policy files."""

import pytest

from sealproof import note, policy

PUBLIC = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")  # of the seed 00 01 ... 1f
SYS = note.make_vkey("desk.example/ledger/sys", PUBLIC)
KEYS = [
    note.verifier_key(f"w{i}.example", public, note.COSIGNATURE)
    for i, public in enumerate(
        bytes.fromhex(text)
        for text in (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        )
    )
]
W = [key.vkey() for key in KEYS]
WITNESSES = "".join(f"witness x{i} {vkey}\n" for i, vkey in enumerate(W))


def test_it_works() -> None:
    read = policy.parse(f"# ours\n\n \tlog\t{SYS}  https://desk.example/ \nquorum none\n")
    assert list(read.logs) == ["desk.example/ledger/sys"]
    assert read.quorum is None
    assert read.satisfied([])


@pytest.mark.parametrize(
    ("lines", "enough", "short"),
    [
        ("quorum x0\n", [{0}, {0, 1}], [set(), {1, 2}]),
        ("group g any x0 x1\nquorum g\n", [{0}, {1}], [{2}]),
        ("group g all x0 x1\nquorum g\n", [{0, 1}], [{0}, {1, 2}]),
        ("group g 2 x0 x1 x2\nquorum g\n", [{0, 1}, {1, 2}], [{0}]),
        ("group g any x0 x1\ngroup h all g x2\nquorum h\n", [{0, 2}, {1, 2}], [{0, 1}, {2}]),
    ],
)
def test_quorums(lines: str, enough: list[set[int]], short: list[set[int]]) -> None:
    read = policy.parse(WITNESSES + lines)
    assert all(read.satisfied(KEYS[i] for i in who) for who in enough)
    assert not any(read.satisfied(KEYS[i] for i in who) for who in short)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"log {SYS}\n",
        "quorum none",
        "quorum none\nquorum none\n",
        "quorum nobody\n",
        f"log {SYS}\nlog {SYS}\nquorum none\n",
        f"log {note.make_vkey('other', PUBLIC)}\nlog {SYS}\nquorum none\n",
        f"log {W[0]}\nquorum none\n",
        f"log {SYS[:-1]}\nquorum none\n",
        f"log {SYS} a b\nquorum none\n",
        f"witness none {W[0]}\nquorum none\n",
        f"witness x {SYS}\nquorum none\n",
        f"witness x {W[0]}\nwitness y {W[0]}\nquorum none\n",
        f"witness x {W[0]}\nwitness x {W[1]}\nquorum none\n",
        f"quorum x\nwitness x {W[0]}\n",
        f"{WITNESSES}group g 0 x0\nquorum g\n",
        f"{WITNESSES}group g 2 x0\nquorum g\n",
        f"{WITNESSES}group g 01 x0\nquorum g\n",
        f"{WITNESSES}group g all\nquorum g\n",
        f"{WITNESSES}group g any x0 x0\nquorum g\n",
        f"{WITNESSES}group g any x0\ngroup h any x0\nquorum h\n",
        f"{WITNESSES}group g any none\nquorum g\n",
        f"{WITNESSES}group g any h\ngroup h any g\nquorum g\n",
        "quorum none\r\n",
        "quorum none\x00\n",
        "nonsense\nquorum none\n",
        "\n" * 2000 + "quorum none\n",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(policy.PolicyError):
        policy.parse(text)


def test_names_are_opaque_octets() -> None:
    read = policy.parse(b"witness \xe2\x84\xaa " + W[0].encode() + b"\nquorum \xe2\x84\xaa\n")
    assert read.satisfied(KEYS[:1])
    assert policy.parse(b"# \xff\xfe\nquorum none\n").quorum is None
    with pytest.raises(policy.PolicyError):
        policy.parse(b"witness K " + W[0].encode() + b"\nquorum \xe2\x84\xaa\n")
