"""Composition root of the web process: the only file that lists slices."""

import asyncio
import gc
import signal
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from litestar.handlers import HTTPRouteHandler

from sealdesk.abuse import api as abuse
from sealdesk.abuse import pages as abuse_pages
from sealdesk.access.actor import Actor
from sealdesk.account import api as account
from sealdesk.account import email_pages, links_api, password_pages
from sealdesk.account import pages as account_pages
from sealdesk.account import tokens_api as tokens
from sealdesk.account import tokens_pages as token_pages
from sealdesk.core import clock, production
from sealdesk.core.bells import Bells
from sealdesk.core.blobs import Blobs
from sealdesk.core.clock import stamp
from sealdesk.core.errors import OutsideReach, Refusal
from sealdesk.core.faults import Fault
from sealdesk.core.log import configure
from sealdesk.core.settings import Settings
from sealdesk.core.valkey import ValkeyCounts, checked_url
from sealdesk.core.valkey_bells import ValkeyBells
from sealdesk.exports import api as exports
from sealdesk.exports import pages as export_pages
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.ledger.signer.places import socket_path
from sealdesk.live import api as live_api
from sealdesk.live.hub import Hub
from sealdesk.live.policy import Bounds
from sealdesk.live.serving import serve as serve_socket
from sealdesk.members import api as members
from sealdesk.members import invitation_pages, recovery_api, recovery_pages, rules_pages
from sealdesk.members import pages as member_pages
from sealdesk.people import api as people
from sealdesk.people import confirm_pages, hasher, password_rules, refused
from sealdesk.people import pages as people_pages
from sealdesk.people.commands import tell_of
from sealdesk.people.fields import agent_of
from sealdesk.people.moving import Moves
from sealdesk.people.presence import Presence
from sealdesk.record import api as record
from sealdesk.record import pages as record_pages
from sealdesk.record import refusals, security_pages
from sealdesk.redactions import api as redactions
from sealdesk.redactions import hold_pages, redaction_pages
from sealdesk.threads import api as threads
from sealdesk.threads import reach
from sealdesk.threads import states_api as states
from sealdesk.tickets import api as tickets
from sealdesk.tickets import pages as ticket_pages
from sealdesk.tickets import state_pages, taking_pages
from sealdesk.unit import Desk
from sealdesk.web.actor import presented
from sealdesk.web.answers import Bytes
from sealdesk.web.app import build
from sealdesk.web.counters import ProcessCounters
from sealdesk.web.exchange import Exchange, current
from sealdesk.web.limits import Limiter, address_bucket, read_policies
from sealdesk.web.outer import Outer
from sealdesk.web.probes import asked_ids
from sealdesk.web.routes import get
from sealdesk.web.server import bind, make_server
from sealdesk.web.telemetry import is_visit
from sealdesk.widget import api as widget
from sealdesk.widget import frame_pages as widget_frame
from sealdesk.widget import settings_api as widget_api
from sealdesk.widget import settings_pages as widget_settings

HERE = Path(__file__).parent
TEMPLATES = [
    HERE / name / "templates"
    for name in ("web", "people", "threads", "account", "members", "abuse", "exports", "redactions", "record", "widget")
]


@get("/healthz")
async def health(desk: Desk) -> Bytes:
    """Whether this process answers and reaches the database."""
    await (await desk.database.pool("desk_gate")).fetchval("select 1")
    return Bytes(b"ok\n", "text/plain; charset=utf-8")


@get("/.well-known/security.txt")
async def security_contact(settings: Settings) -> Bytes:
    """Whom to tell about a weakness (RFC 9116), where the operator has said so."""
    if not settings.security_contact:
        raise OutsideReach("The operator of this desk has named no contact.")
    expires = stamp(clock.now() + timedelta(days=180)).replace(".000000", "")
    return Bytes(f"Contact: {settings.security_contact}\nExpires: {expires}\n".encode(), "text/plain; charset=utf-8")


SLICES: tuple[tuple[HTTPRouteHandler, ...], ...] = (
    (health, security_contact),
    people.ROUTES,
    people_pages.ROUTES,
    confirm_pages.ROUTES,
    account.ROUTES,
    account_pages.ROUTES,
    threads.ROUTES,
    states.ROUTES,
    live_api.ROUTES,
    tickets.ROUTES,
    ticket_pages.ROUTES,
    state_pages.ROUTES,
    taking_pages.ROUTES,
    password_pages.ROUTES,
    email_pages.ROUTES,
    links_api.ROUTES,
    members.ROUTES,
    member_pages.ROUTES,
    invitation_pages.ROUTES,
    rules_pages.ROUTES,
    recovery_api.ROUTES,
    recovery_pages.ROUTES,
    exports.ROUTES,
    export_pages.ROUTES,
    tokens.ROUTES,
    token_pages.ROUTES,
    redactions.ROUTES,
    redaction_pages.ROUTES,
    hold_pages.ROUTES,
    abuse.ROUTES,
    abuse_pages.ROUTES,
    record.ROUTES,
    record_pages.ROUTES,
    security_pages.ROUTES,
    widget.ROUTES,
    widget_frame.ROUTES,
    widget_api.ROUTES,
    widget_settings.ROUTES,
)


def application(settings: Settings, desk: Desk, signer: SignerClient, secret: bytes) -> Outer:
    """The ASGI application over an opened desk."""
    presence, moves, notes, hub = Presence(desk), Moves(), refusals.Notes(desk), Hub(desk, Bounds(*settings.sockets))

    async def peek(token_hash: bytes) -> Actor | None:
        actor, exchange = await desk.peek(token_hash), current.get()
        if actor is None:
            return None
        await presence.seen(actor, exchange.path, exchange.query)
        return moves.judged(actor, agent_of(exchange))

    async def note(exchange: Exchange, refusal: Refusal) -> None:
        if not is_visit(exchange, refusal):
            asked = refusals.Asked(
                UUID(exchange.request_id),
                exchange.actor.session_hash if exchange.actor else presented(exchange),
                exchange.route or "unknown",
                asked_ids(exchange, refusal),
                address_bucket(exchange.address),
            )
            await notes.note(asked, refusal)
            await tell_of(desk, refusal)

    return build(
        peek,
        [handler for routes in SLICES for handler in routes],
        origins=settings.origins,
        secret=secret,
        static_dir=HERE / "web" / "static" / "built",
        templates_dirs=TEMPLATES,
        resources={
            Desk: desk,
            SignerClient: signer,
            Settings: settings,
            Blobs: Blobs(settings.blobs),
            Hub: hub,
        },
        sockets={"/api/v1/live": partial(serve_socket, hub, desk)},
        lifespan=hub.running,
        limiter=Limiter(ProcessCounters(), read_policies(settings.limits), desk.counters, off=settings.limits == "off"),
        problem_page=partial(refused.problem_page, desk, settings),
        note=note,
        proxies=settings.trusted_proxies,
        whose=partial(refusals.whose, desk),
        trace=notes.trace,
    )


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `Fault` with what to do about it."""
    production.refuse(settings, production.look_at_settings(settings))
    password_rules.configure(settings)
    async with Desk.opened(settings) as desk:
        production.refuse(settings, await production.look_at_database(desk.database))
        secret = await (await desk.database.pool("desk_gate")).fetchval("select sec.web_secret()")
        if secret is None:
            raise Fault("This desk is not founded yet; run `sealdesk init` first.")
        desk.bells = bells = Bells(secret, partial(desk.database.connect, "desk_gate"))
        way = None
        if url := checked_url(settings.valkey_url):
            desk.counters.valkey = ValkeyCounts(url, desk.ledger_name)
            bells.way = way = ValkeyBells(url, desk.ledger_name, bells)
        app = application(settings, desk, SignerClient(socket_path(settings.data)), secret)
        server = make_server(app)
        loop = asyncio.get_running_loop()

        def end() -> None:
            server.should_exit = True
            bells.close()  # whoever waits for news is answered now

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        # What is here now stays. Walking it would hold everybody up for a tenth of a second, each time the collector walks all.
        gc.collect()
        gc.freeze()
        works = [bells.run(), reach.run(desk.database, bells.guests), *([way.run()] if way else [])]
        running = [asyncio.create_task(work) for work in works]
        try:
            with hasher.apart():
                await server.serve(sockets=[bind(settings.host, settings.port, shared=settings.web_processes > 1)])
        finally:
            for task in running:
                task.cancel()
            if desk.counters.valkey is not None:
                await desk.counters.valkey.close()


def main() -> int:
    """The web process."""
    settings = Settings.load()
    configure(settings.log, part="web server")
    try:
        import uvloop  # noqa: PLC0415 - not on every platform

        uvloop.run(serve(settings))
    except (Fault, OSError) as error:
        print(f"sealdesk: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
