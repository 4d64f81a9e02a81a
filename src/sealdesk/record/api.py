"""Receipts, checkpoints and the policy over HTTP."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import Overloaded
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.refusal import SignerUnavailable
from sealdesk.record import queries, refused
from sealdesk.record.policy import policy
from sealdesk.record.refused import Chosen, Refused
from sealdesk.unit import Desk
from sealdesk.web.answers import Bytes
from sealdesk.web.binding import Query
from sealdesk.web.headers import etag
from sealdesk.web.limits import Limit
from sealdesk.web.paging import read_key, written_key
from sealdesk.web.routes import get
from sealdesk.web.schema import Input

READING = Limit("refusals", per_person="120/minute", per_address="600/minute")


class Waiting(Input, frozen=True):
    """`await` is how many seconds to wait for the seal, at most 10."""

    wait: Annotated[int, msgspec.Meta(ge=0, le=queries.MOST_SECONDS)] = msgspec.field(default=0, name="await")


class PendingView(msgspec.Struct, frozen=True):
    """The entry is recorded and not yet sealed; ask again."""

    entry_id: UUID
    state: str = "pending"


@get(
    "/api/v1/ledger/receipts/{entry:str}",
    limit=Limit("receipt", per_person="600/minute", per_address="1200/minute"),
    permission=Permission.LEDGER_READ,
    pending=PendingView,
)
async def show_receipt(desk: Desk, actor: Actor, entry: UUID, query: Query[Waiting]) -> Bytes:
    """The proof that an entry is in the log (C2SP tlog-proof); 202 with Retry-After until a signed checkpoint covers it."""
    proof = await queries.receipt(desk, actor, entry, query.wait)
    if proof is None:
        pending = msgspec.json.encode(PendingView(entry))
        return Bytes(pending, "application/json", status=202, fields=[(b"retry-after", b"1")])
    name = f'attachment; filename="{entry}.tlog-proof"'.encode()
    return Bytes(proof, "text/plain; charset=utf-8", fields=[(b"content-disposition", name)])


@get("/api/v1/ledger/checkpoint", permission=Permission.LEDGER_READ)
async def show_checkpoint(desk: Desk, actor: Actor) -> Bytes:
    """The newest signed checkpoint of the organisation's log (C2SP tlog-checkpoint): keep it, and compare it later."""
    async with desk.read(actor) as work:
        note = await queries.newest_checkpoint(work)
    return Bytes(note, "text/plain; charset=utf-8", etag=etag(note.split(b"\n")[1].decode()))


@get("/.well-known/ledger-policy")
async def show_policy(signer: SignerClient) -> Bytes:
    """The tlog-policy that a verifier needs: get it from here once, and not from a bundle."""
    try:
        return Bytes((await policy(signer)).encode(), "text/plain; charset=utf-8")
    except SignerUnavailable as error:
        raise Overloaded("The signer can't be reached right now.", headers={"Retry-After": "2"}) from error


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class RefusalsQuery(Input, frozen=True):
    """Which ones: of one type, of one member, recorded from `since` until before `until`; `before` is where the page before ended."""

    before: Annotated[str, msgspec.Meta(max_length=80)] | None = None
    type: Literal["auth.failed", "authz.denied", "rate.limited", "suspicious.activity"] | None = None
    member: UUID | None = None
    since: Moment | None = None
    until: Moment | None = None

    def chosen(self) -> Chosen:
        """As the query takes it."""
        types = (self.type,) if self.type else refused.TYPES
        return Chosen(types, self.member, since=self.since, until=self.until)


class RefusalView(msgspec.Struct, frozen=True):
    """`count` refusals of one `kind` on one `route`, last seen at `last_at`.

    `member` is who was refused, or at whose account somebody tried; an address without either is a `bucket`, a name that means it for a
    day. `kind` is `probed` where somebody of another organisation asked for ids of this one: by whom and for which is not told.
    """

    entry_id: UUID
    type: str
    kind: str
    route: str
    member: UUID | None
    bucket: UUID | None
    count: int
    first_at: datetime
    last_at: datetime
    recorded_at: datetime

    @classmethod
    def of(cls, found: Refused) -> Self:
        """As JSON."""
        return msgspec.convert(found, cls, from_attributes=True)


class RefusalsView(msgspec.Struct, frozen=True):
    """A page of refusals, newest first. Pass `older` as `before` for the next."""

    refusals: tuple[RefusalView, ...]
    older: str | None


@get(
    "/api/v1/ledger/refusals",
    limit=READING,
    permission=Permission.REFUSAL_READ,
)
async def list_refusals(desk: Desk, actor: Actor, query: Query[RefusalsQuery]) -> RefusalsView:
    """What was refused in the organisation, newest first."""
    async with desk.read(actor) as work:
        found, older = await refused.page(work, query.chosen(), read_key(query.before))
    return RefusalsView(tuple(RefusalView.of(each) for each in found), written_key(older) if older else None)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_receipt, show_checkpoint, show_policy, list_refusals)
