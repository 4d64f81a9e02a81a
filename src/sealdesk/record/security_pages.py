"""What was refused, as a page for admins and auditors: counts over time, and the entries behind them."""

import re
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core import clock
from sealdesk.core.errors import BadRequest
from sealdesk.members import recovery
from sealdesk.record import refused
from sealdesk.record.api import READING
from sealdesk.record.security_showing import NOBODY, PATH, Asked, PeriodName, security
from sealdesk.record.security_view import Errand
from sealdesk.tickets.frame import frame
from sealdesk.unit import Desk
from sealdesk.web.answers import Html
from sealdesk.web.binding import Query
from sealdesk.web.pages import Page
from sealdesk.web.paging import read_key
from sealdesk.web.routes import get
from sealdesk.web.schema import Input

_STEP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_MEMBER = re.compile(rf"(?:[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|{NOBODY})?")


class SecurityQuery(Input, frozen=True):
    """The period, a kind, a member's id or `nobody`, and the begin of one step; `before` is where the page before ended."""

    period: PeriodName = "day"
    kind: Literal["", "failed", "denied", "limited", "suspicious"] = ""
    member: Annotated[str, msgspec.Meta(max_length=36)] = ""
    at: Annotated[str, msgspec.Meta(max_length=20)] = ""
    before: Annotated[str, msgspec.Meta(max_length=80)] | None = None

    def asked(self) -> Asked:
        """As the page is made from it; `BadRequest` for what is no member's id, or no time."""
        if not _MEMBER.fullmatch(self.member):
            raise BadRequest("Choose a member from the list.", pointer="/member")
        return Asked(self.period, self.kind, self.member, self._step())

    def _step(self) -> datetime | None:
        if not self.at:
            return None
        try:
            if _STEP.fullmatch(self.at):
                return datetime.fromisoformat(self.at)
        except ValueError:
            pass
        raise BadRequest("Choose a step of a chart.", pointer="/at")


@get("/security", limit=READING, permission=Permission.REFUSAL_READ)
async def show_security(desk: Desk, actor: Actor, page: Page, query: Query[SecurityQuery]) -> Html:
    """What was refused in the organisation."""
    actor.demand(Permission.REFUSAL_READ)
    asked, now = query.asked(), clock.now()
    before = read_key(query.before)
    async with desk.read(actor) as work:
        whole = asked.chosen(now, whole=True)
        assert whole.since is not None
        counted = await refused.sums(work, whole.since, asked.span.step, whole)
        found, older = await refused.page(work, asked.chosen(now), before)
        members = {each.member for each in found} | set(counted.members) | {whole.member}
        names = await refused.names(work, {member for member in members if member})
        waiting = await recovery.waiting(work) if actor.may(Permission.RECOVERY_APPROVE) else []
        around = await frame(work, page, "Security", PATH)
    errands = tuple(
        Errand(
            f"{each.asker} asks to remove the lost second factors of {each.name}.", f"/members/{each.member}/recovery"
        )
        for each in waiting
    )
    paged = before is not None
    view = security(asked, counted, found, names, now, older=older, paged=paged, errands=errands)
    return page.render("security.html", frame=around, view=view)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_security,)
