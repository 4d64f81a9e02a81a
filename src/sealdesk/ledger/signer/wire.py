"""What goes over the signer's socket: a frame is a length of four bytes, big-endian, and so many bytes of JSON.

A connection carries one request and then its reply, and so on. Byte strings are Base64, hashes are 32 bytes.
"""

import asyncio
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from sealdesk.ledger.signer.refusal import Code
from sealproof.merkle import HASH_SIZE, MAX_PROOF, MAX_SIZE

MAX_REQUEST: Final = 64 * 1024  # a genesis entry of 16 KiB and two proofs of 63 hashes, with room
MAX_REPLY: Final = 16 * 1024 * 1024  # the status of a ledger with tens of thousands of logs
HEADER: Final = 4

Origin = Annotated[str, Meta(min_length=1, max_length=255)]
Size = Annotated[int, Meta(ge=1, le=MAX_SIZE)]
Hash = Annotated[bytes, Meta(min_length=HASH_SIZE, max_length=HASH_SIZE)]
Proof = Annotated[tuple[Hash, ...], Meta(max_length=MAX_PROOF)]


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a request or a reply."""


class Genesis(Message, frozen=True):
    """A log's first entry, byte for byte, and the proof that it is leaf 0 of the checkpoint asked for."""

    entry: bytes
    inclusion: Proof


class AskHead(Message, frozen=True, tag="head"):
    origin: Origin


class AskCheckpoint(Message, frozen=True, tag="sign_checkpoint"):
    """`proof` leads from the remembered size to `size`; `old_size`, if given, says where the caller thinks that is."""

    origin: Origin
    size: Size
    root: Hash
    proof: Proof = ()
    old_size: Size | None = None
    genesis: Genesis | None = None


class AskExportSeal(Message, frozen=True, tag="sign_export"):
    export_id: UUID
    tagmanifest_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class AskFreeze(Message, frozen=True, tag="freeze"):
    origin: Origin
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class AskThaw(Message, frozen=True, tag="thaw"):
    origin: Origin


class AskIdentity(Message, frozen=True, tag="identity"):
    pass


class AskStatus(Message, frozen=True, tag="status"):
    pass


Request = AskHead | AskCheckpoint | AskExportSeal | AskFreeze | AskThaw | AskIdentity | AskStatus


class SignedHead(Message, frozen=True):
    """The last checkpoint of a log that was signed, or is remembered and about to be."""

    size: int
    root: bytes


class Freeze(Message, frozen=True):
    """A log that gets no signatures; `at` as entries write time."""

    origin: str
    reason: str
    at: str


class RememberedLog(Message, frozen=True):
    """One log in the signer's memory; times as entries write them. `signed` is how many checkpoints were signed, if it was counted."""

    origin: str
    size: int
    root: bytes
    created_at: str
    signed_at: str
    signed: int | None = None


class Refused(Message, frozen=True, tag="refused"):
    code: Code
    sentence: str


class HeadReply(Message, frozen=True, tag="head"):
    head: SignedHead | None


class NoteReply(Message, frozen=True, tag="note"):
    note: bytes


class FreezeReply(Message, frozen=True, tag="freeze"):
    freeze: Freeze


class ThawReply(Message, frozen=True, tag="thaw"):
    was_frozen: bool


class Identity(Message, frozen=True, tag="identity"):
    """Whose signatures these are: the ledger's name, the Ed25519 key (32 bytes), since when it remembers."""

    ledger_name: str
    public_key: bytes
    initialised_at: str


class Status(Message, frozen=True, tag="status"):
    identity: Identity
    logs: tuple[RememberedLog, ...]
    frozen: tuple[Freeze, ...]


Reply = Refused | HeadReply | NoteReply | FreezeReply | ThawReply | Identity | Status

NOT_A_MESSAGE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What decoding raises for bytes that are no message; the last two are for bad UTF-8 and deep nesting."""

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


class FrameTooLarge(ValueError):
    """The peer announces more bytes than a frame may have."""


def encode(message: Request | Reply) -> bytes:
    """The frame, length included."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEADER, "big") + body


def decode_request(body: bytes) -> Request:
    """The request in a frame's body; one of `NOT_A_MESSAGE` for anything else."""
    return _requests.decode(body)


def decode_reply(body: bytes) -> Reply:
    """The reply in a frame's body; one of `NOT_A_MESSAGE` for anything else."""
    return _replies.decode(body)


async def read_frame(reader: asyncio.StreamReader, limit: int) -> bytes:
    """The next frame's body; `asyncio.IncompleteReadError` if the peer hangs up, `FrameTooLarge` above `limit`."""
    length = int.from_bytes(await reader.readexactly(HEADER), "big")
    if length > limit:
        raise FrameTooLarge(f"a frame of {length} bytes where {limit} are allowed")
    return await reader.readexactly(length)
