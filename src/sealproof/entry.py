"""Ledger entries, schema v1: building them, reading them strictly, and the two hashes that bind them.

An entry is canonical JSON of 2 to 16,384 bytes. It is stored, hashed and served as those bytes, never serialised again.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, cast

from sealproof import canonical, kinds
from sealproof.canonical import JSON
from sealproof.types import MAX_LISTED_STREAMS, MEDIA, STREAM_KINDS, TYPES, EntryType

MIN_BYTES = 2
MAX_BYTES = 16_384
MAX_CONTENT = 16
MAX_REFS = 1000
SALT_SIZE = 32
COMMITMENT_LABEL = b"desk-evidence/content/v1\n"


class EntryError(ValueError):
    """The bytes or values are not an entry of schema v1."""


class Stream(NamedTuple):
    """A place in a stream: `seq` counts from 1, `prev` is the leaf hash (hex) of the entry before it or 64 zeros."""

    kind: str
    id: str
    seq: int
    prev: str


class Content(NamedTuple):
    """Content that the entry commits to: `commit` is the commitment (hex), `bytes` the length of the content."""

    slot: str
    commit: str
    bytes: int
    media: str


class Ref(NamedTuple):
    """Another entry of the same log by id and leaf hash (hex)."""

    id: str
    leaf: str


class Entry(NamedTuple):
    """An entry as parsed; `raw` are its bytes."""

    raw: bytes
    log: str
    id: str
    type: str
    at: str
    nonce: str
    actor_kind: str
    actor_id: str
    stream: Stream
    body: Mapping[str, Any]
    content: tuple[Content, ...]
    refs: tuple[Ref, ...]


def leaf_hash(entry: bytes) -> bytes:
    """The entry's hash as a leaf: SHA-256(0x00 || entry) (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def commitment(salt: bytes, content: bytes) -> bytes:
    """SHA-256(label || salt || content); `salt` is 32 random bytes, so that short content cannot be guessed."""
    hasher = CommitmentHasher(salt)
    hasher.update(content)
    return hasher.digest()


class CommitmentHasher:
    """`commitment` for content that comes in pieces."""

    __slots__ = ("_hash",)

    def __init__(self, salt: bytes) -> None:
        if len(salt) != SALT_SIZE:
            raise ValueError("a salt is 32 bytes")
        self._hash = sha256(COMMITMENT_LABEL + salt)

    def update(self, piece: bytes) -> None:
        """Add the next bytes of the content."""
        self._hash.update(piece)

    def digest(self) -> bytes:
        """The commitment, 32 bytes."""
        return self._hash.digest()


def build(  # noqa: PLR0913 - an entry has that many members
    *,
    log: str,
    id: str,  # noqa: A002 - named as on the wire
    type: str,  # noqa: A002
    at: str,
    nonce: str,
    actor: tuple[str, str],
    stream: tuple[str, str, int, str],
    body: Mapping[str, JSON],
    content: Sequence[tuple[str, str, int, str]] = (),
    refs: Sequence[tuple[str, str]] = (),
) -> bytes:
    """The bytes of an entry; `EntryError` if `parse` would refuse them.

    `actor` is (kind, id); the rest as in `Stream`, `Content` and `Ref`, which are such tuples. `at` is UTC with six
    fractional digits, `nonce` 32 hex digits of fresh randomness.
    """
    value = {
        "v": 1,
        "log": log,
        "id": id,
        "type": type,
        "at": at,
        "nonce": nonce,
        "actor": {"kind": actor[0], "id": actor[1]},
        "stream": dict(zip(Stream._fields, stream, strict=True)),
        "body": dict(body),
        "content": [dict(zip(Content._fields, slot, strict=True)) for slot in content],
        "refs": [dict(zip(Ref._fields, ref, strict=True)) for ref in refs],
    }
    try:
        data = canonical.encode(value)
    except canonical.CanonicalError as error:
        raise EntryError(str(error)) from error
    parse(data)
    return data


def parse(data: bytes) -> Entry:
    """The entry that `data` is; `EntryError` unless it is canonical and of schema v1, with nothing unknown in it."""
    entry = parse_envelope(data)
    _check_type(entry)
    return entry


def parse_envelope(data: bytes) -> Entry:
    """As `parse`, leaving the type, its body and its slots unjudged; for reading what an older table wrote."""
    if not MIN_BYTES <= len(data) <= MAX_BYTES:
        raise EntryError(f"an entry has {MIN_BYTES} to {MAX_BYTES} bytes")
    try:
        value = canonical.decode_shape(data)
    except canonical.CanonicalError as error:
        raise EntryError(str(error)) from error
    if not _envelope(value):
        raise EntryError("not the envelope of schema v1")
    members = cast("dict[str, Any]", value)
    stream, actor = members["stream"], members["actor"]
    return Entry(
        data,
        members["log"],
        members["id"],
        members["type"],
        members["at"],
        members["nonce"],
        actor["kind"],
        actor["id"],
        Stream(stream["kind"], stream["id"], stream["seq"], stream["prev"]),
        members["body"],
        tuple(Content(c["slot"], c["commit"], c["bytes"], c["media"]) for c in members["content"]),
        tuple(Ref(r["id"], r["leaf"]) for r in members["refs"]),
    )


_COMPONENTS = kinds.record(kind=kinds.enum("operator", "system"), id=kinds.component)
_PEOPLE = kinds.record(kind=kinds.enum("customer", "visitor", "agent", "admin", "auditor"), id=kinds.uuid)

_envelope = kinds.record(
    v=lambda value: value == 1 and type(value) is int,
    log=kinds.origin,
    id=kinds.uuid,
    type=kinds.code,
    at=kinds.time,
    nonce=kinds.nonce,
    actor=kinds.either(_PEOPLE, _COMPONENTS),
    stream=kinds.record(kind=kinds.enum(*STREAM_KINDS), id=kinds.uuid, seq=kinds.positive, prev=kinds.hash256),
    body=lambda value: isinstance(value, dict),
    content=kinds.array(
        kinds.record(slot=kinds.code, commit=kinds.hash256, bytes=kinds.size, media=kinds.media), most=MAX_CONTENT
    ),
    refs=kinds.array(kinds.record(id=kinds.uuid, leaf=kinds.hash256), most=MAX_REFS),
)


def _check_type(entry: Entry) -> None:
    row = TYPES.get(entry.type)
    if row is None:
        raise EntryError(f"there is no entry type {entry.type!r}")
    if not row.matches(entry.body):
        raise EntryError(f"the body is not that of {entry.type}")
    if entry.stream.kind not in row.streams:
        raise EntryError(f"{entry.type} does not stand in a stream of kind {entry.stream.kind}")
    if (entry.stream.seq == 1) != (entry.stream.prev == kinds.ZERO_HASH):
        raise EntryError("the first entry of a stream, and no other, has a prev of zeros")
    if len(entry.refs) < row.refs:
        raise EntryError(f"{entry.type} refers to no entry")
    _check_slots(entry, row)
    rule = _RULES.get(entry.type)
    if rule is not None and not rule(entry):
        raise EntryError(f"the body of {entry.type} does not fit where the entry stands")


def _check_slots(entry: Entry, row: EntryType) -> None:
    slots = [content.slot for content in entry.content]
    names = set(slots)
    if len(names) < len(slots) or not row.required <= names <= row.slots:
        raise EntryError(f"the content slots are not those of {entry.type}")
    if any(MEDIA[content.slot] != content.media for content in entry.content):
        raise EntryError("a content slot has another media type than its own")


def _message_stands_right(entry: Entry) -> bool:
    return entry.stream.kind == ("thread" if entry.body["visibility"] == "public" else "ticket")


def _change_stands_right(entry: Entry) -> bool:
    fields = {change["field"] for change in entry.body["changes"]}
    return fields == {"status"} if entry.stream.kind == "thread" else "status" not in fields


def _checkpoint_stands_right(entry: Entry) -> bool:
    # The stream is the organisation's, so that one chain links all its checkpoints.
    return "/ledger/sys" in entry.log and f"/ledger/org/{entry.stream.id}" in entry.body["origin"]


def _streams_are_counted(entry: Entry) -> bool:
    listed, count = entry.body["streams"], entry.body["streams_count"]
    slot = any(content.slot == "streams" for content in entry.content)
    return count > MAX_LISTED_STREAMS and slot if listed is None else count == len(listed) and not slot


def _export_stands_right(entry: Entry) -> bool:
    return entry.stream.id == entry.body["export"]


def _request_stands_right(entry: Entry) -> bool:
    return _export_stands_right(entry) and _streams_are_counted(entry)


_RULES: Mapping[str, Callable[[Entry], bool]] = {
    **{name: _export_stands_right for name in TYPES if name.startswith("export.")},
    "message.posted": _message_stands_right,
    "message.imported": _message_stands_right,
    "ticket.changed": _change_stands_right,
    "log.checkpoint": _checkpoint_stands_right,
    "export.requested": _request_stands_right,
}
