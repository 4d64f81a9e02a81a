"""Facts before they are entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sealdesk.ledger.seal import Slot
from sealproof.canonical import JSON, encode
from sealproof.types import MEDIA


@dataclass(frozen=True, slots=True)
class Stream:
    """A hash-chained sequence inside an organisation's log: `kind` is thread, ticket, user, export, org or log."""

    kind: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Ref:
    """An entry that another one names, by id and leaf hash (32 bytes)."""

    id: UUID
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in the past. `body` holds only ids, enums, integers and hashes (closed per type, ledger.md 3.2); text goes into `slots`."""

    type: str
    stream: Stream
    body: Mapping[str, JSON]
    slots: Sequence[Slot] = ()
    refs: Sequence[Ref] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a stream: its sequence number (0 for none), leaf hash (zeros for none) and time."""

    seq: int
    leaf: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as built, not yet committed. `commits` maps slot name to commitment (32 bytes)."""

    entry_id: UUID
    leaf_hash: bytes
    stream: Stream
    seq: int
    at: datetime
    entry: bytes
    type: str
    commits: Mapping[str, bytes]


def text(slot: str, content: str) -> Slot:
    """A slot of plain or marked-up text, UTF-8."""
    return Slot(slot, MEDIA[slot], content.encode())


def document(slot: str, content: JSON) -> Slot:
    """A slot of canonical JSON."""
    return Slot(slot, MEDIA[slot], encode(content))
