"""Evidence bundles over JSON."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission, Role
from sealdesk.core.blobs import Blobs
from sealdesk.core.errors import BadRequest, Refusal
from sealdesk.exports import commands, queries, scope
from sealdesk.exports.commands import Asked
from sealdesk.exports.handing import ASKING, FETCHING, LOOKING, QUERYING, hand_out
from sealdesk.exports.queries import Shown
from sealdesk.unit import Desk, Key
from sealdesk.web.answers import Answer, Download
from sealdesk.web.binding import Json, Query
from sealdesk.web.exchange import Exchange
from sealdesk.web.headers import etag
from sealdesk.web.paging import read_key, written_key
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

Number = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


class QueryIn(Input, frozen=True):
    """Conversations by status, priority and the days they were opened on (UTC, both included); or `all` of them."""

    all: bool = False
    status: Literal["open", "pending", "solved", "closed"] | None = None
    priority: Literal["low", "normal", "high", "urgent"] | None = None
    since: date | None = None
    until: date | None = None

    def read(self) -> scope.Query:
        """As the slice knows it."""
        narrowed = any((self.status, self.priority, self.since, self.until))
        if self.all == narrowed:
            raise BadRequest("Say what narrows the query, or that it is for all.", pointer="/scope/query")
        return scope.Query(self.status, self.priority, self.since, self.until)


class ScopeIn(Input, frozen=True):
    """What the bundle covers: exactly one of these."""

    threads: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=scope.MAX_NAMED)] | None = None
    tickets: Annotated[list[Number], msgspec.Meta(min_length=1, max_length=scope.MAX_NAMED)] | None = None
    query: QueryIn | None = None

    def read(self) -> scope.Scope:
        """As the slice knows it; `BadRequest` unless exactly one is given."""
        match self.threads, self.tickets, self.query:
            case list(threads), None, None:
                return scope.Threads(tuple(threads))
            case None, list(numbers), None:
                return scope.Tickets(tuple(numbers))
            case None, None, QueryIn() as asked:
                return asked.read()
            case _:
                raise BadRequest("A scope has one of threads, tickets and query.", pointer="/scope")


class NewExport(Input, frozen=True):
    """A bundle to ask for. `audience` is who will read it, by default people in one's own role."""

    purpose: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    scope: ScopeIn
    audience: Literal["requester", "agent", "admin", "auditor"] | None = None
    matter: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class Page(Input, frozen=True):
    """Where the page before ended."""

    before: Annotated[str, msgspec.Meta(max_length=80)] | None = None


class DigestsView(msgspec.Struct, frozen=True):
    """What the finished bundle is known by, in hex, and the sizes of the logs that it shows."""

    zip_sha256: str
    manifest_sha256: str
    tagmanifest_sha256: str
    zip_bytes: int
    org_size: int
    sys_size: int


class ExportView(msgspec.Struct, frozen=True):
    """An export. `done` of `total` entries are in the bundle; `bundle` is where to fetch it while it is kept.

    `refused` says why its reader does not get it all the same; the list does not look so far.
    """

    id: UUID
    state: Literal["queued", "building", "built", "failed", "expired"]
    purpose: str
    scope: str
    scope_kind: str
    audience: str
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    conversations: int
    streams: int
    done: int
    total: int
    failure: str | None
    digests: DigestsView | None
    bundle: str | None
    refused: str | None

    @classmethod
    def of(cls, shown: Shown, refused: Refusal | None = None) -> Self:
        """As JSON."""
        found = shown.export
        digests = found.digests
        return cls(
            found.id,
            found.state,  # pyright: ignore[reportArgumentType] - the table allows no other
            shown.purpose,
            shown.scope,
            found.scope_kind,
            found.audience,
            shown.requester,
            found.requested_at,
            found.finished_at,
            found.conversations,
            found.streams_count,
            found.done,
            found.total,
            found.failure,
            DigestsView(
                digests.zip_sha256,
                digests.manifest_sha256,
                digests.tagmanifest_sha256,
                digests.zip_bytes,
                digests.org_size,
                digests.sys_size,
            )
            if digests
            else None,
            f"/api/v1/exports/{found.id}/bundle" if found.state == "built" and not refused else None,
            refused.detail if refused and found.state in ("built", "expired") else None,
        )


class ExportsView(msgspec.Struct, frozen=True):
    """Exports, newest first. Pass `older` as `before` for the next page."""

    exports: tuple[ExportView, ...]
    older: str | None


@post(
    "/api/v1/exports",
    limit=ASKING,
    status=202,
    permission=Permission.EXPORT_REQUEST,
    saying={'scope={"query":{"all":true}}': QUERYING},
)
async def request_export(desk: Desk, actor: Actor, body: Json[NewExport], key: Key) -> Answer[ExportView]:
    """Ask for an evidence bundle. It is built in the background; `Location` says how far it is."""
    audience = Role(body.audience) if body.audience else None
    asked = Asked(body.purpose, body.scope.read(), audience, body.matter)
    export = await commands.request_export(desk, actor, asked, key=key)
    async with desk.read(actor) as work:
        # Who may ask is told what they have just asked for.
        shown = await queries.export(work, export.id, Permission.EXPORT_REQUEST)
    return Answer(ExportView.of(shown), location=f"/api/v1/exports/{export.id}", status=202)


@get("/api/v1/exports", limit=LOOKING, permission=Permission.EXPORT_READ)
async def list_exports(desk: Desk, actor: Actor, query: Query[Page]) -> ExportsView:
    """The exports within reach, newest first."""
    async with desk.read(actor) as work:
        shown, older = await queries.exports(work, read_key(query.before))
    return ExportsView(tuple(ExportView.of(each) for each in shown), written_key(older) if older else None)


@get("/api/v1/exports/{export:str}", limit=LOOKING, permission=Permission.EXPORT_READ)
async def show_export(desk: Desk, actor: Actor, export: UUID) -> Answer[ExportView]:
    """One export, and how far it is."""
    async with desk.read(actor) as work:
        shown = await queries.export(work, export)
        refused = await queries.refused(work, shown.export)
    version = f"{shown.export.version}.{refused.slug}" if refused else shown.export.version
    return Answer(ExportView.of(shown, refused), etag=etag(version))


@get("/api/v1/exports/{export:str}/bundle", limit=FETCHING, permission=Permission.EXPORT_READ)
async def fetch_bundle(desk: Desk, store: Blobs, actor: Actor, export: UUID, exchange: Exchange) -> Download:
    """The bundle, a ZIP file. The download is an entry of the ledger before the first byte leaves."""
    return await hand_out(desk, store, actor, export, exchange)


ROUTES: tuple[HTTPRouteHandler, ...] = (request_export, list_exports, show_export, fetch_bundle)
