"""Ed25519 at its edges: both paths give one answer, the strict one."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import needs
from sealproof import ed25519

SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = SECRET.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
L = 2**252 + 27742317777372353535851937790883648493


def _both(public: bytes, message: bytes, signature: bytes) -> bool:
    assert ed25519.have_openssl
    verdict = ed25519.verify(public, message, signature)
    assert ed25519.verify_pure(public, message, signature) is verdict
    return verdict


def test_edge_cases() -> None:
    """What holds is what has no flag but components of low order, which the cofactorless equation sees through."""
    cases = json.loads(needs.shared("vectors/ed25519/ed25519/ed25519vectors.json").read_bytes())
    accepted = 0
    for case in cases:
        key, signature = bytes.fromhex(case["key"]), bytes.fromhex(case["sig"])
        verdict = _both(key, case["msg"].encode(), signature)
        harmless = {"low_order_component_A", "low_order_component_R"}
        assert verdict is (set(case["flags"] or ()) <= harmless), case
        accepted += verdict
    assert (len(cases), accepted) == (914, 43)


def test_signatures_of_the_library() -> None:
    for length in (0, 1, 31, 32, 100, 5000):
        message = bytes(length)
        signature = SECRET.sign(message)
        assert _both(PUBLIC, message, signature)
        assert not _both(PUBLIC, message + b"x", signature)


def test_a_scalar_beyond_the_order_is_refused() -> None:
    signature = SECRET.sign(b"x")
    beyond = int.from_bytes(signature[32:], "little") + L
    assert not _both(PUBLIC, b"x", signature[:32] + beyond.to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65])
def test_other_lengths_are_refused(length: int) -> None:
    assert not _both(bytes(length), b"", SECRET.sign(b""))
    assert not _both(PUBLIC, b"", bytes(length))


def test_no_point_of_small_order_is_a_key() -> None:
    """The y of all eight points, in both spellings where there are two, and with either sign."""
    p = 2**255 - 19
    order_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
    for y in (0, 1, p, p - 1, p + 1, order_8, p - order_8):
        for sign in (0, 1 << 255):
            encoded = (y | sign).to_bytes(32, "little")
            assert not ed25519.is_strict_point(encoded)
            assert not _both(encoded, b"x", SECRET.sign(b"x"))
            assert not _both(PUBLIC, b"x", encoded + SECRET.sign(b"x")[32:])
