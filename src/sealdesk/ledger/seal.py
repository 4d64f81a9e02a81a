"""Sealing content: off the log, bound to it by a salted commitment, readable only with a key that can be destroyed (ledger.md 5.1)."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sealproof.entry import commitment

SALT_BYTES = 32
NONCE_BYTES = 12


class Unopenable(Exception):
    """Sealed bytes, key and commitment do not belong together: storage was tampered with or the key is another one."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Content of an entry before sealing: what a person typed or what describes a person."""

    name: str
    media: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """Content after sealing, as ledger.md 5.1 lays it out.

    `sealed` = nonce || AES-256-GCM(DEK, salt || content, aad = commit); `wrapped` = nonce || AES-256-GCM(KEK, DEK, aad = commit).
    """

    slot: str
    media: str
    size: int
    commit: bytes
    sealed: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """Content and the salt that opens its commitment."""

    salt: bytes
    content: bytes


def make_master(path: Path) -> None:
    """Make the key of keys (32 random bytes, mode 0600) where there is none. Never replaces one: what it sealed could not be read again."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return
    scratch = path.with_suffix(".new")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


class Sealer:
    """Seals and opens with keys derived per organisation from one master secret of 32 bytes."""

    def __init__(self, master: bytes) -> None:
        if len(master) != 32:
            raise ValueError("the key of keys is 32 bytes")
        self._master = master
        self._keks: dict[UUID, AESGCM] = {}

    @classmethod
    def of_file(cls, path: Path) -> "Sealer":
        """From a file of 32 bytes that only its owner may read; `PermissionError` otherwise."""
        if path.stat().st_mode & 0o077:
            raise PermissionError(f"{path} may be read by others; run: chmod 600 {path}")
        return cls(path.read_bytes())

    def seal(self, org: UUID, slot: Slot) -> Sealed:
        """Seal one slot under a key of its own."""
        salt, dek = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(32)
        commit = commitment(salt, slot.content)
        nonce, key_nonce = secrets.token_bytes(NONCE_BYTES), secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + AESGCM(dek).encrypt(nonce, salt + slot.content, commit)
        wrapped = key_nonce + self._kek(org).encrypt(key_nonce, dek, commit)
        return Sealed(slot.name, slot.media, len(slot.content), commit, sealed, wrapped)

    def open(self, org: UUID, commit: bytes, sealed: bytes, wrapped: bytes) -> Opened:
        """Open one slot and check it against its commitment (GCM alone does not commit to a key); `Unopenable` if anything differs."""
        try:
            dek = self._kek(org).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], commit)
            plain = AESGCM(dek).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], commit)
        except (InvalidTag, ValueError) as error:
            raise Unopenable(commit.hex()) from error
        salt, content = plain[:SALT_BYTES], plain[SALT_BYTES:]
        if commitment(salt, content) != commit:
            raise Unopenable(commit.hex())
        return Opened(salt, content)

    def wrap(self, org: UUID, key: bytes, label: bytes) -> bytes:
        """A key of 32 bytes under the organisation's: nonce || AES-256-GCM(KEK, key, aad = label)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._kek(org).encrypt(nonce, key, label)

    def unwrap(self, org: UUID, wrapped: bytes, label: bytes) -> bytes:
        """The key in `wrapped`; `Unopenable` if it was wrapped for another organisation or label."""
        try:
            return self._kek(org).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], label)
        except (InvalidTag, ValueError) as error:
            raise Unopenable(label.hex()) from error

    def _kek(self, org: UUID) -> AESGCM:
        kek = self._keks.get(org)
        if kek is None:
            derived = HKDF(SHA256(), 32, None, b"sealdesk/org-kek/v1" + org.bytes).derive(self._master)
            kek = self._keks[org] = AESGCM(derived)
        return kek
