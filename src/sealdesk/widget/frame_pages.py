"""What another site loads: the script that shows the widget, and the page inside its frame."""

import json

from litestar.handlers import HTTPRouteHandler

from sealdesk.threads.model import MAX_BODY
from sealdesk.unit import Desk
from sealdesk.web.answers import Bytes, Html
from sealdesk.web.exchange import Exchange
from sealdesk.web.pages import Page
from sealdesk.web.routes import get
from sealdesk.web.static import StaticFiles
from sealdesk.widget import queries
from sealdesk.widget.api import PublicId


@get("/widget.js", hidden=True)
async def send_loader(files: StaticFiles, exchange: Exchange) -> Bytes:
    """The script that a site's one tag names. Asked for anew each time, so that a site need not change with the desk."""
    exchange.shared = True
    return files.find("widget.js", packed=b"gzip" in exchange.fields.get(b"accept-encoding", b""))


@get("/widget/{widget:str}")
async def show_frame(desk: Desk, page: Page, widget: PublicId) -> Html:
    """The conversation window. Browsers show it on the organisation's allowed sites, or by itself."""
    found = await queries.widget_of(desk, widget)
    sites = json.dumps(found.origins)
    return page.framed("widget_frame.html", found.origins, widget=found, sites=sites, most_bytes=MAX_BODY)


ROUTES: tuple[HTTPRouteHandler, ...] = (send_loader, show_frame)
