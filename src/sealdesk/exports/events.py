"""What happens to an export, as facts. All of them stand in the export's own stream: the custody record of the bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.ledger.events import Event, Ref, Stream, document, text
from sealproof.canonical import JSON
from sealproof.types import MAX_LISTED_STREAMS

Origin = Mapping[str, str]
"""Where a request came from: `address`, `agent` (user agent) and `session` (a fingerprint); disclosed to staff only."""


@dataclass(frozen=True, slots=True)
class StreamHead:
    """A stream in scope with its last entry at the time of the request: sequence number and leaf hash (32 bytes)."""

    kind: str
    id: UUID
    seq: int
    leaf: bytes

    def written(self) -> dict[str, JSON]:
        """As the entry writes it."""
        return {"kind": self.kind, "id": str(self.id), "seq": self.seq, "head": self.leaf.hex()}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: `scope` is the canonical query, `slots` are those whose content the bundle opens."""

    purpose: str
    matter: str | None
    scope_kind: str
    scope: JSON
    audience: str
    slots: Sequence[str]
    streams: Sequence[StreamHead]


@dataclass(frozen=True, slots=True)
class Digests:
    """The finished bundle by its SHA-256 digests (hex), and the sizes of the two logs that it shows."""

    manifest_sha256: str
    tagmanifest_sha256: str
    zip_sha256: str
    zip_bytes: int
    org_size: int
    sys_size: int


def stream_of(export: UUID) -> Stream:
    """The stream of an export."""
    return Stream("export", export)


def export_requested(export: UUID, request: Request, actor: Actor) -> Event:
    """Somebody asked for a bundle: for what, of what, and in which state each stream was then."""
    written = [head.written() for head in request.streams]
    listed = len(written) <= MAX_LISTED_STREAMS
    slots = [text("purpose", request.purpose), document("scope", request.scope)]
    if not listed:
        slots.append(document("streams", list(written)))
    if request.matter:
        slots.append(text("matter", request.matter))
    slots.append(document("author", {"name": actor.name, "role": str(actor.role)}))
    body: dict[str, JSON] = {
        "export": str(export),
        "disclosure": {"audience": request.audience, "slots": list[JSON](sorted(request.slots))},
        "scope_kind": request.scope_kind,
        "approval": "none",
        "streams": list(written) if listed else None,
        "streams_count": len(written),
    }
    return Event("export.requested", stream_of(export), body, slots)


def export_built(export: UUID, digests: Digests, request: Ref) -> Event:
    """The bundle exists, by its digests."""
    body: dict[str, JSON] = {
        "export": str(export),
        "manifest_sha256": digests.manifest_sha256,
        "tagmanifest_sha256": digests.tagmanifest_sha256,
        "zip_sha256": digests.zip_sha256,
        "zip_bytes": digests.zip_bytes,
        "org_size": digests.org_size,
        "sys_size": digests.sys_size,
    }
    return Event("export.built", stream_of(export), body, refs=[request])


def export_downloaded(export: UUID, built: Ref, origin: Origin | None) -> Event:
    """The bundle was handed out; recorded before its first byte leaves."""
    slots = [document("origin", dict(origin))] if origin else []
    return Event("export.downloaded", stream_of(export), {"export": str(export)}, slots, [built])


def export_failed(export: UUID, reason: str) -> Event:
    """The bundle could not be built; `reason` is a code."""
    return Event("export.failed", stream_of(export), {"export": str(export), "reason": reason})


def export_expired(export: UUID, reason: str) -> Event:
    """The kept bundle is gone, its key destroyed: for its `age`, after an `erasure`, or at somebody's `request`."""
    return Event("export.expired", stream_of(export), {"export": str(export), "reason": reason})
