"""Known answers before the first signature (ledger design, 6.1): a library that signs wrongly must not start."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealdesk.core.faults import Fault
from sealdesk.ledger.signer.key import OperatorKey, SigningKey
from sealproof import ed25519

# RFC 8032, 7.1, TEST 3. A published key, of no other use.
_SEED: Final = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
_PUBLIC_KEY: Final = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
_MESSAGE: Final = bytes.fromhex("af82")
_SIGNATURE: Final = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)
# Of the form of no checkpoint and no seal, so that this signature proves nothing to anyone.
_OWN_TEXT: Final = b"desk-evidence/selftest/v1\n"


def known_answer() -> None:
    """Sign the standard's test text with its test key; `Fault` unless its signature results."""
    key = OperatorKey(Ed25519PrivateKey.from_private_bytes(_SEED))
    if key.public_key != _PUBLIC_KEY or key.sign(_MESSAGE) != _SIGNATURE:
        raise Fault("Signing gives another signature than RFC 8032 does: do not trust this installation.")


def second_opinion(key: SigningKey) -> None:
    """Verify one signature by `key` with code that shares nothing with it; `Fault` if it does not hold."""
    if not ed25519.verify_pure(key.public_key, _OWN_TEXT, key.sign(_OWN_TEXT)):
        raise Fault("A signature by the operator's key does not verify: do not trust this installation.")
