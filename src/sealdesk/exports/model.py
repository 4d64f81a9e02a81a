"""The export and its rules."""

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sealdesk.core.db import Row
from sealdesk.core.errors import BadRequest, StateConflict
from sealdesk.core.visible import says_something
from sealdesk.exports import events
from sealdesk.exports.events import Digests, Origin
from sealdesk.ledger.events import Event, Ref, Stream
from sealdesk.unit import Change, Reading

MAX_PURPOSE = 4000
"""Bytes of UTF-8 in a purpose."""
KEEP_FOR = timedelta(days=30)
"""How long a finished bundle is kept."""
MAX_STREAMS = 200_000
"""Streams that one bundle may hold: about 100,000 conversations with their desk work."""

COLUMNS = (
    "x.export_id, x.requester_id, x.audience, x.state, x.scope_kind, x.requested_at, x.conversations, x.streams_count, x.done, x.total,"
    " x.failure, x.org_size, x.sys_size, x.zip_sha256, x.zip_bytes, x.manifest_sha256, x.tagmanifest_sha256, x.blob_name, x.blob_key,"
    " x.finished_at, x.version"
)
"""What `Export.of` needs of `app.export x`."""
_FIND = f"select {COLUMNS} from app.export x where x.org_id = $1 and x.export_id = $2"  # noqa: S608 - names come from code


class NotBuilt(StateConflict):
    """The bundle is not there: still being built, failed, or no longer kept."""

    slug = "export-not-built"
    title = "The bundle is not there"


class ErasedSince(StateConflict):
    """Content that the bundle held was erased after it was built, so the same bytes can't be made again."""

    slug = "export-erased-since"
    title = "Content was erased since"
    sentence = "The bundle shows a message that was erased after it was built, so nobody gets it. Ask for a new one."


class RedactedSince(StateConflict):
    """The bundle shows a message that was redacted after it was built."""

    slug = "export-redacted-since"
    title = "A message was redacted since"
    sentence = (
        "The bundle shows a message that was redacted after it was built, so only auditors get it. Ask for a new one."
    )


@dataclass(frozen=True, slots=True)
class Export:
    """An export as found under the actor's reach. `state` is queued, building, built, failed or expired."""

    id: UUID
    requester_id: UUID
    audience: str
    state: str
    scope_kind: str
    requested_at: datetime
    conversations: int
    streams_count: int
    done: int
    total: int
    failure: str | None
    org_size: int | None
    sys_size: int | None
    zip_sha256: bytes | None
    zip_bytes: int | None
    manifest_sha256: bytes | None
    tagmanifest_sha256: bytes | None
    blob_name: str | None
    blob_key: bytes | None = field(repr=False)
    finished_at: datetime | None
    version: int

    @classmethod
    async def find(cls, work: Reading, key: UUID, lock: tuple[str, ...]) -> Self | None:
        """The export in reach, its state read after its stream was locked where `lock` names its kind."""
        if lock and isinstance(work, Change):
            if not await work.value(
                "select 1 from app.export x where x.org_id = $1 and x.export_id = $2", work.actor.org, key
            ):
                return None
            await work.lock(*(Stream(kind, key) for kind in lock))
        row = await work.row(_FIND, work.actor.org, key)
        return cls.of(row) if row else None

    @classmethod
    def of(cls, row: Row) -> Self:
        """From a row that begins with COLUMNS."""
        return cls(*(row["export_id" if each.name == "id" else each.name] for each in fields(cls)))

    @property
    def kept(self) -> tuple[str, bytes]:
        """The sealed bundle's name and its wrapped key. `NotBuilt` (409) where there is none."""
        if self.state != "built" or self.blob_name is None or self.blob_key is None:
            raise NotBuilt(_ABSENT.get(self.state, "This bundle is not there."))
        return self.blob_name, self.blob_key

    @property
    def digests(self) -> Digests | None:
        """What the finished bundle is known by, once there was one."""
        found = (self.manifest_sha256, self.tagmanifest_sha256, self.zip_sha256)
        if None in found or self.zip_bytes is None or self.org_size is None or self.sys_size is None:
            return None
        manifest, tagmanifest, container = (value.hex() for value in found if value)
        return Digests(manifest, tagmanifest, container, self.zip_bytes, self.org_size, self.sys_size)

    def download(self, built: Ref, origin: Origin | None) -> Event:
        """Handing the bundle out. `NotBuilt` (409) unless it is kept."""
        _ = self.kept
        return self.hand_out(built, origin)

    def hand_out(self, built: Ref, origin: Origin | None) -> Event:
        """Handing out a bundle that may have been built anew."""
        return events.export_downloaded(self.id, built, origin)

    def expire(self, reason: str) -> Event:
        """Giving the kept bundle up. `NotBuilt` (409) unless it is kept."""
        _ = self.kept
        return events.export_expired(self.id, reason)

    def complete(self, digests: Digests, request: Ref) -> Event:
        """The bundle exists. `StateConflict` unless it was being built."""
        self._demand_building()
        return events.export_built(self.id, digests, request)

    def fail(self, reason: str) -> Event:
        """The bundle can't be built. `StateConflict` unless it was to be."""
        self._demand_building()
        return events.export_failed(self.id, reason)

    def _demand_building(self) -> None:
        if self.state not in ("queued", "building"):
            raise StateConflict(f"The export is {self.state} already.")


_ABSENT = {
    "queued": "The bundle waits to be built. Its page shows how far it is.",
    "building": "The bundle is being built. Its page shows how far it is.",
    "failed": "The bundle could not be built. Ask for it again.",
    "expired": "The bundle is no longer kept. Ask for it again.",
}


def checked_purpose(purpose: str) -> str:
    """The purpose, trimmed; `BadRequest` if it is empty or too long."""
    trimmed = purpose.strip()
    if not says_something(trimmed):
        raise BadRequest("Say what the bundle is for.", pointer="/purpose")
    if len(trimmed.encode()) > MAX_PURPOSE:
        raise BadRequest(f"A purpose has at most {MAX_PURPOSE:,} bytes.", pointer="/purpose")
    return trimmed
