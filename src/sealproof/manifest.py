"""`data/manifest.json`: what was asked, at which state of which logs, and the digests of the lists below it.

It stays small at any size of export: items and files are lists of their own, a line each.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from sealproof import bag, canonical, kinds
from sealproof.kinds import array, hash256, positive, record, size, text, uuid
from sealproof.note import Checkpoint
from sealproof.types import AUDIENCE, SLOT, STREAM_KINDS

FORMAT = "desk-evidence-manifest/1"


class FormatError(ValueError):
    """The manifest is not of its format."""


class StreamSpan(NamedTuple):
    """What the bundle holds of one stream: `head` is the leaf hash (hex) of the entry at `last_seq`."""

    kind: str
    id: str
    first_seq: int
    last_seq: int
    head: str


class Part(NamedTuple):
    """A file of lines as the manifest describes it."""

    sha256: str
    bytes: int
    lines: int


class Counts(NamedTuple):
    """How much of what the bundle holds; `files` and `bytes` count the payload that `files.jsonl` lists."""

    entries: int
    present: int
    withheld: int
    erased: int
    undisclosed: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest's facts. `slots` are those whose content is opened; `items` and `files` are the lists below."""

    export: str
    request_entry: str
    request_index: int
    requested_at: str
    log: Checkpoint
    sys: Checkpoint
    scope_kind: str
    audience: str
    slots: tuple[str, ...]
    streams: tuple[StreamSpan, ...]
    counts: Counts
    items: Part
    files: Part
    exporter: tuple[str, str]

    def encode(self) -> bytes:
        """The document's bytes."""
        return canonical.encode(
            {
                "format": FORMAT,
                "export": {
                    "id": self.export,
                    "request_entry": self.request_entry,
                    "request_index": self.request_index,
                    "requested_at": self.requested_at,
                },
                "log": _checkpoint(self.log),
                "sys": _checkpoint(self.sys),
                "scope": {"kind": self.scope_kind, "audience": self.audience, "slots": list(self.slots)},
                "streams": [span._asdict() for span in self.streams],
                "counts": self.counts._asdict(),
                "items": self.items._asdict(),
                "files": self.files._asdict(),
                "exporter": {"name": self.exporter[0], "version": self.exporter[1]},
            }
        )

    def bag_info(self, payload_bytes: int, payload_files: int) -> bytes:
        """`bag-info.txt`, which says nothing that the manifest does not; `Bagging-Date` is the day of the request."""
        return bag.info(
            {
                "External-Identifier": self.export,
                "Bagging-Date": self.requested_at[:10],
                "Payload-Oxum": f"{payload_bytes}.{payload_files}",
                "Bag-Software-Agent": " ".join(self.exporter),
                "Ledger-Origin": self.log.origin,
                "Ledger-Size": str(self.log.size),
                "Ledger-Root": self.log.root.hex(),
                "Sys-Size": str(self.sys.size),
            }
        )


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in `data`; `FormatError` unless it is canonical, closed, and its lists are sorted and unique."""
    try:
        value = canonical.decode_sparse(data)
    except canonical.CanonicalError as error:
        raise FormatError(f"the manifest: {error}") from error
    if not _manifest(value):
        raise FormatError(f"the manifest is not of the format {FORMAT}")
    m = cast("dict[str, Any]", value)
    manifest = Manifest(
        export=m["export"]["id"],
        request_entry=m["export"]["request_entry"],
        request_index=m["export"]["request_index"],
        requested_at=m["export"]["requested_at"],
        log=Checkpoint(m["log"]["origin"], m["log"]["size"], bytes.fromhex(m["log"]["root"])),
        sys=Checkpoint(m["sys"]["origin"], m["sys"]["size"], bytes.fromhex(m["sys"]["root"])),
        scope_kind=m["scope"]["kind"],
        audience=m["scope"]["audience"],
        slots=tuple(m["scope"]["slots"]),
        streams=tuple(StreamSpan(**span) for span in m["streams"]),
        counts=Counts(**m["counts"]),
        items=Part(**m["items"]),
        files=Part(**m["files"]),
        exporter=(m["exporter"]["name"], m["exporter"]["version"]),
    )
    names = [(span.kind, span.id) for span in manifest.streams]
    if names != sorted(set(names)) or list(manifest.slots) != sorted(set(manifest.slots)):
        raise FormatError("the manifest's streams or slots are not sorted, or repeat")
    return manifest


def _checkpoint(checkpoint: Checkpoint) -> dict[str, object]:
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}


_part = record(sha256=hash256, bytes=size, lines=size)
_manifest = record(
    format=kinds.enum(FORMAT),
    export=record(id=uuid, request_entry=uuid, request_index=size, requested_at=kinds.time),
    log=kinds.checkpoint,
    sys=kinds.checkpoint,
    scope=record(kind=kinds.enum("threads", "tickets", "query"), audience=AUDIENCE, slots=array(SLOT)),
    streams=array(record(kind=kinds.enum(*STREAM_KINDS), id=uuid, first_seq=positive, last_seq=positive, head=hash256)),
    counts=kinds.record_of(dict.fromkeys(Counts._fields, size)),
    items=_part,
    files=_part,
    exporter=record(name=text("[A-Za-z0-9._-]{1,64}"), version=text("[A-Za-z0-9.+_-]{1,64}")),
)
