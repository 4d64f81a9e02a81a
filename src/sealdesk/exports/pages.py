"""The pages of evidence: the history, the form for a bundle, one export and its progress."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated
from uuid import UUID, uuid4

import msgspec
from litestar.handlers import HTTPRouteHandler

from sealdesk.access.actor import Actor, ConfirmFirst, FactorNeeded
from sealdesk.access.permissions import Permission
from sealdesk.core.blobs import Blobs
from sealdesk.core.errors import Refusal
from sealdesk.core.ids import read_id
from sealdesk.exports import commands, queries, showing
from sealdesk.exports.form import ExportForm
from sealdesk.exports.handing import ASKING, FETCHING, LOOKING, QUERYING, hand_out
from sealdesk.exports.view import NewExportView
from sealdesk.threads.model import Thread
from sealdesk.tickets.frame import frame
from sealdesk.tickets.model import PRIORITIES, STATUSES
from sealdesk.unit import Desk, Key, Reading
from sealdesk.web.answers import Download, Html, SeeOther
from sealdesk.web.binding import Query, Submitted
from sealdesk.web.exchange import Exchange
from sealdesk.web.pages import Page
from sealdesk.web.paging import read_key
from sealdesk.web.routes import get, post
from sealdesk.web.schema import Input

PLACE = "/exports"


class HistoryQuery(Input, frozen=True):
    """Where the page before ended."""

    before: Annotated[str, msgspec.Meta(max_length=80)] | None = None


class NewQuery(Input, frozen=True):
    """The conversation that one came from."""

    thread: UUID | None = None


@get("/exports", limit=LOOKING, permission=Permission.EXPORT_READ)
async def show_exports(desk: Desk, actor: Actor, page: Page, query: Query[HistoryQuery]) -> Html:
    """The history of exports."""
    async with desk.read(actor) as work:
        found, older = await queries.exports(work, read_key(query.before))
        around = await frame(work, page, "Evidence", PLACE)
    return page.render("exports.html", frame=around, view=showing.history(found, older))


@get("/exports/new", limit=LOOKING, permission=Permission.EXPORT_REQUEST, confirms=True, away=PLACE)
async def show_new(desk: Desk, actor: Actor, page: Page, query: Query[NewQuery]) -> Html:
    """The form for a bundle."""
    actor.demand(Permission.EXPORT_REQUEST)
    typed = {"thread": str(query.thread), "scope": "thread"} if query.thread else {}
    async with desk.read(actor) as work:
        if query.thread is not None:
            await work.find(Thread, query.thread, Permission.EXPORT_REQUEST)
        return await _form(work, page, typed)


@post(
    "/exports/new",
    limit=ASKING,
    permission=Permission.EXPORT_REQUEST,
    saying={"scope=query": QUERYING},
    act="ask for evidence",
)
async def request_export(
    desk: Desk, actor: Actor, page: Page, form: Submitted[ExportForm], key: Key
) -> Html | SeeOther:
    """Look what the bundle would hold, or have it built. Refused, the form comes back with what was typed."""
    try:
        if form.value is None:
            raise form.refusal or Refusal()
        asked = form.value.asked()
        if form.value.step == "look":
            async with desk.read(actor) as work:
                holds = await queries.preview(work, asked.scope, asked.audience)
                return await _form(work, page, form.kept, holds=holds)
        export = await commands.request_export(desk, actor, asked, key=key)
    except Refusal as refusal:
        if refusal.status == 401 or isinstance(refusal, ConfirmFirst | FactorNeeded):
            raise  # there is something to do first, and the page that says so keeps what was typed
        page.exchange.refusal = refusal
        async with desk.read(actor) as work:
            return replace(await _form(work, page, form.kept, error=_worded(refusal)), status=refusal.status)
    return SeeOther(showing.path_of(export.id))


@get("/exports/{export:str}", limit=LOOKING, permission=Permission.EXPORT_READ)
async def show_export(desk: Desk, actor: Actor, page: Page, export: UUID) -> Html:
    """One export."""
    async with desk.read(actor) as work:
        shown = await queries.export(work, export)
        view = showing.export(shown, await queries.refused(work, shown.export))
        around = await frame(work, page, view.scope, PLACE)
    return page.render("export.html", frame=around, view=view)


@get("/exports/{export:str}/progress", limit=LOOKING, permission=Permission.EXPORT_READ)
async def show_progress(desk: Desk, actor: Actor, page: Page, export: UUID) -> Html:
    """The part of the page that changes while the bundle is built."""
    async with desk.read(actor) as work:
        shown = await queries.export(work, export)
        view = showing.export(shown, await queries.refused(work, shown.export))
        around = await frame(work, page, view.scope, PLACE)
    return page.render("export_progress.html", frame=around, view=view)


@post(
    "/exports/{export:str}/bundle",
    limit=FETCHING,
    permission=Permission.EXPORT_READ,
    stands="/exports/{export:str}",
    act="download the evidence",
)
async def download(desk: Desk, store: Blobs, actor: Actor, export: UUID, exchange: Exchange) -> Download:
    """The bundle. The download is an entry of the ledger before the first byte leaves."""
    return await hand_out(desk, store, actor, export, exchange)


async def _form(
    work: Reading,
    page: Page,
    typed: Mapping[str, str],
    *,
    holds: queries.Holdings | None = None,
    error: str | None = None,
) -> Html:
    actor, thread = work.actor, typed.get("thread", "")
    scope = typed.get("scope", "")
    subject = await _subject(work, thread)
    view = NewExportView(
        idempotency_key=uuid4().hex,
        scope=scope if scope in ("thread", "list", "query") else "list",
        audiences=showing.audience_choices(actor, typed.get("audience", "")),
        statuses=showing.choices(STATUSES, typed.get("status", "")),
        priorities=showing.choices(PRIORITIES, typed.get("priority", "")),
        thread_id=thread if subject else "",
        thread_subject=subject,
        threads=typed.get("threads", ""),
        since=typed.get("since", ""),
        until=typed.get("until", ""),
        purpose=typed.get("purpose", ""),
        error=error,
        holds=showing.holdings(holds) if holds else None,
        may_query=showing.may_query(actor),
    )
    return page.render("export_new.html", frame=await frame(work, page, "New export", PLACE), view=view)


async def _subject(work: Reading, thread: str) -> str | None:
    """The subject of the conversation one came from, if it is within reach."""
    try:
        commit = await work.value(
            "select subject_commit from app.thread where org_id = $1 and thread_id = $2",
            work.actor.org,
            read_id(thread),
        )
    except ValueError:
        return None
    opened = await work.open([commit]) if isinstance(commit, bytes) else {}
    return next((found.content.decode() for found in opened.values()), None)


def _worded(refusal: Refusal) -> str:
    return "No conversation of that number or id is within your reach." if refusal.status == 404 else refusal.detail


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_exports,
    show_new,
    request_export,
    show_export,
    show_progress,
    download,
)
