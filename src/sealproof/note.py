"""Signed notes (C2SP signed-note), cosignatures (tlog-cosignature) and checkpoints (tlog-checkpoint)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from sealproof import b64, ed25519
from sealproof.merkle import HASH_SIZE, MAX_SIZE

ED25519 = 0x01
COSIGNATURE = 0x04  # Ed25519 over a time and a checkpoint

MAX_NOTE = 1 << 20
MAX_SIGNATURES = 100

_MARK = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteError(ValueError):
    """The note, key or checkpoint is malformed, or no signature that counts holds."""


class VerifierKey(NamedTuple):
    """A vkey: who signs under which name, with which algorithm."""

    name: str
    key_id: bytes
    algorithm: int
    public_key: bytes

    def vkey(self) -> str:
        """`<name>+<key id in hex>+<algorithm and public key in Base64>`."""
        return f"{self.name}+{self.key_id.hex()}+{b64.encode(bytes([self.algorithm]) + self.public_key)}"


class Signature(NamedTuple):
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes


class Good(NamedTuple):
    """A signature that holds; `time` in POSIX seconds where the algorithm is a cosignature."""

    key: VerifierKey
    time: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A note that at least one known key has signed. `text` includes its final newline."""

    text: str
    signatures: tuple[Signature, ...]
    good: tuple[Good, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log's note says: in the tree named `origin`, the first `size` leaves have this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{b64.encode(self.root)}\n"


def key_id(name: str, algorithm: int, public_key: bytes) -> bytes:
    """SHA-256(name || 0x0A || algorithm || public key), its first four bytes."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public_key).digest()[:4]


def verifier_key(name: str, public_key: bytes, algorithm: int = ED25519) -> VerifierKey:
    """The key `public_key` (32 bytes, Ed25519) under `name`; `NoteError` for a name or point that no key may have."""
    if not is_key_name(name):
        raise NoteError("a key name is empty or holds a space or plus sign")
    if algorithm not in (ED25519, COSIGNATURE):
        raise NoteError(f"signature algorithm {algorithm:#04x} is not known here")
    if not ed25519.is_strict_point(public_key):
        raise NoteError("not an acceptable Ed25519 public key")
    return VerifierKey(name, key_id(name, algorithm, public_key), algorithm, public_key)


def make_vkey(name: str, public_key: bytes, algorithm: int = ED25519) -> str:
    """The vkey text of `public_key` (32 bytes) under `name`."""
    return verifier_key(name, public_key, algorithm).vkey()


def parse_vkey(text: str) -> VerifierKey:
    """The key that `text` spells; its id must be the one that follows from name and key."""
    name, _, rest = text.partition("+")
    try:
        algorithm, *public_key = b64.decode(rest.partition("+")[2])
    except ValueError as error:
        raise NoteError("a verifier key is name+id+key") from error
    key = verifier_key(name, bytes(public_key), algorithm)
    if key.vkey() != text:
        raise NoteError("a verifier key's id is not that of its key")
    return key


def is_key_name(name: str) -> bool:
    """Whether a key may be called so: not empty, no Unicode space, no plus sign, no control character."""
    return bool(name) and "+" not in name and not any(c.isspace() for c in name) and not _CONTROL.search(name)


def signed_text(data: bytes) -> str:
    """The text of a well-formed note, its signatures unchecked."""
    return _split(data)[0]


def sign_line(name: str, public_key: bytes, signature: bytes, algorithm: int = ED25519) -> str:
    """The signature line, newline included, for a signature made over the note's text."""
    return f"{_MARK}{name} {b64.encode(key_id(name, algorithm, public_key) + signature)}\n"


def assemble(text: str, lines: Iterable[str]) -> bytes:
    """The note of `text` (ending in a newline) and signature lines as `sign_line` makes them."""
    return (text + "\n" + "".join(lines)).encode()


def open_note(data: bytes, keys: Iterable[VerifierKey]) -> Note:
    """Read and verify a note.

    Signatures by unknown keys are ignored. `NoteError` if none by a known key holds, if one by a known key does not hold, or
    if one key has signed twice and differently: stricter than the specification, which lets repeats pass.
    """
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise NoteError("two verifier keys share a name and an id")
    text, signatures = _split(data)
    good: dict[VerifierKey, tuple[bytes, Good]] = {}
    for line in signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        earlier = good.setdefault(key, (line.signature, _check(text, key, line.signature)))
        if earlier[0] != line.signature:
            raise NoteError(f"{key.name} has signed twice")
    if not good:
        raise NoteError("no signature by a known key")
    return Note(text, tuple(signatures), tuple(found for _, found in good.values()))


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that a note's text spells: exactly origin, size and root, a line each."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise NoteError("a checkpoint is three lines")
    origin, size, root = lines[:3]
    try:
        checkpoint = Checkpoint(origin, parse_decimal(size), b64.decode(root))
    except ValueError as error:
        raise NoteError("a checkpoint's size or root is malformed") from error
    if len(checkpoint.root) != HASH_SIZE:
        raise NoteError("a checkpoint's root is not 32 bytes")
    return checkpoint


def parse_decimal(text: str) -> int:
    """A size or index below 2^63 in its one spelling; `ValueError` otherwise."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise ValueError("not a decimal below 2^63")
    return int(text)


def _check(text: str, key: VerifierKey, signature: bytes) -> Good:
    message, time = text.encode(), None
    if key.algorithm == COSIGNATURE:
        if len(signature) < 8:
            raise NoteError(f"the cosignature by {key.name} is too short")
        time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
        message = f"cosignature/v1\ntime {time}\n".encode() + message
    if not ed25519.verify(key.public_key, message, signature):
        raise NoteError(f"the signature by {key.name} does not hold")
    return Good(key, time)


def _split(data: bytes) -> tuple[str, Sequence[Signature]]:
    if len(data) > MAX_NOTE:
        raise NoteError("a note of more than 1 MiB")
    try:
        note = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteError("a note is not UTF-8") from error
    if _CONTROL.search(note):
        raise NoteError("a note holds a control character")
    text, blank, block = note.rpartition("\n\n")
    if not blank or not block.endswith("\n"):
        raise NoteError("a note is a text, a blank line and signatures")
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError(f"a note of more than {MAX_SIGNATURES} signatures")
    return text + "\n", [_parse_signature(line) for line in lines]


def _parse_signature(line: str) -> Signature:
    name, blank, encoded = line.removeprefix(_MARK).partition(" ")
    if not line.startswith(_MARK) or not blank or not is_key_name(name):
        raise NoteError("a signature line is malformed")
    try:
        decoded = b64.decode(encoded)
    except ValueError as error:
        raise NoteError("a signature is not Base64") from error
    if len(decoded) < 5:
        raise NoteError("a signature is too short")
    return Signature(name, decoded[:4], decoded[4:])
