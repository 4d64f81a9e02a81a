"""The proof card."""

from uuid import UUID

from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core import clock
from sealdesk.core.errors import OutsideReach
from sealdesk.record import queries
from sealdesk.threads.view import ProofView
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html
from sealdesk.web.pages import Page
from sealdesk.web.routes import get
from sealdesk.web.view import Moment


@get("/c/{thread:str}/proof/{entry:str}", permission=Permission.LEDGER_READ)
async def show_proof(desk: Desk, actor: Actor, page: Page, thread: UUID, entry: UUID) -> Html:
    """What is known of one entry's place in the ledger: a card, or a page where scripts are off."""
    async with desk.read(actor) as work:
        place = await queries.place(work, entry)
        if place.stream_id != thread:
            raise OutsideReach
        around = None if page.fragment else await frame(work, page, "Proof", "/")
    now = clock.now()
    view = ProofView(
        entry_id=str(entry),
        state="sealed" if place.size is not None else "recorded",
        recorded=Moment.of(place.at, now),
        leaf_hash=place.leaf_hash.hex(),
        origin=desk.origin(actor.org),
        close_href=f"/c/{thread}",
        index=place.index + 1 if place.index is not None and place.size is not None else None,  # people count from one
        size=place.size,
        signed=Moment.of(place.signed_at, now) if place.signed_at else None,
        download_href=f"/api/v1/ledger/receipts/{entry}" if place.size is not None else None,
    )
    if around is None:
        return page.render("proof.html", view=view)
    return page.render("proof_page.html", frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_proof,)
