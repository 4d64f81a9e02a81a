"""The web application, put together: what `sealdesk.app` calls with its slices."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from sealdesk.core.errors import Refusal
from sealdesk.web.actor import Peek, Trace, Whose, presented
from sealdesk.web.answer_headers import AnswerHeaders
from sealdesk.web.checks import check_routes, declared, routes_of
from sealdesk.web.counters import ProcessCounters
from sealdesk.web.csrf import AntiCsrf
from sealdesk.web.exchange import Exchange
from sealdesk.web.forms import Forms
from sealdesk.web.kit import Kit
from sealdesk.web.limits import Limiter, address_bucket
from sealdesk.web.openapi import Description, send_description
from sealdesk.web.origin import Origins
from sealdesk.web.outer import Outer
from sealdesk.web.pages import Page, Pages, plain_problem_page
from sealdesk.web.peers import Peers
from sealdesk.web.public import PUBLIC, PublicRoute
from sealdesk.web.reports import take_report
from sealdesk.web.route import RouteTemplates
from sealdesk.web.saying import say
from sealdesk.web.sockets import Socket
from sealdesk.web.static import StaticFiles, send_file
from sealdesk.web.telemetry import log_fault, note_refusal

Note = Callable[[Exchange, Refusal], Awaitable[None]]
Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def build(  # noqa: PLR0913 - the whole of what an application is made of
    peek: Peek,
    route_handlers: Sequence[HTTPRouteHandler],
    *,
    origins: Sequence[str],
    secret: bytes,
    static_dir: Path | None,
    templates_dirs: Sequence[Path],
    resources: Mapping[type, object] | None = None,
    limiter: Limiter | None = None,
    public: tuple[PublicRoute, ...] = PUBLIC,
    problem_page: Callable[[Page, Refusal], Awaitable[str]] = plain_problem_page,
    note: Note | None = None,
    lifespan: Lifespan | None = None,
    proxies: Sequence[str] = (),
    whose: Whose | None = None,
    trace: Trace | None = None,
    sockets: Mapping[str, Callable[[Kit, Socket], Awaitable[None]]] | None = None,
) -> Outer:
    """The ASGI application of one web process.

    `peek` finds the actor behind a token, `origins` is the allow-list, `secret` (at least 32 bytes) is shared by all web processes,
    `resources` are what routes take by type (the desk is one), `problem_page` words a refusal as HTML, `note` puts one on record after it
    was answered, `proxies` are the networks whose X-Forwarded-For is believed, `whose` finds the member behind any token, dead ones too,
    `trace` whose account a refused request was a try at, `sockets` serve the addresses that speak WebSocket.
    Raises `BadRoute` for a route without a policy and `BadSetting` for an origin that no browser sends.
    """
    static = StaticFiles(static_dir)
    csrf = AntiCsrf(secret)
    description = Description()
    kit = Kit(
        peek=peek,
        limiter=limiter or Limiter(ProcessCounters()),
        csrf=csrf,
        pages=Pages(templates_dirs, static),
        headers=AnswerHeaders(origins),
        public=public,
        resources={StaticFiles: static, Description: description, **(resources or {})},
        problem_page=problem_page,
        forms=Forms(route.declared for route in map(declared, route_handlers) if route.page and not route.hidden),
    )
    app = Litestar(
        [*route_handlers, send_file, send_description, take_report],
        exception_handlers={Exception: _pass_on},
        lifespan=[lifespan] if lifespan else None,
        logging_config=None,
        openapi_config=None,
        request_max_body_size=None,  # `Intake` counts, route by route
        state=State({"kit": kit}),
    )
    check_routes(app)
    description.describe(routes_of(app), public)
    return Outer(
        app,
        Origins(origins),
        kit.headers,
        partial(say, kit),
        partial(_note, RouteTemplates(routes_of(app)), whose, trace, note),
        Peers(proxies),
        {path: partial(serve, kit) for path, serve in (sockets or {}).items()},
    )


def _pass_on(_: Request[Any, Any, Any], error: Exception) -> NoReturn:
    """Litestar's refusals and ours are worded in one place, `Outer`."""
    raise error


async def _note(
    templates: RouteTemplates,
    whose: Whose | None,
    trace: Trace | None,
    note: Note | None,
    exchange: Exchange,
    refusal: Refusal,
) -> None:
    # Here, after the answer: what it takes to say who asked for what tells the asker nothing by its duration.
    exchange.route = exchange.route or templates.find(exchange.path)
    token = presented(exchange)
    try:
        if exchange.actor is None and token is not None and whose is not None:
            exchange.holder = await whose(token)
        if refusal.tried is not None and trace is not None:
            exchange.traced = await trace(refusal.tried, address_bucket(exchange.address))
        note_refusal(exchange, refusal)
        if note is not None:
            await note(exchange, refusal)
    except Exception as error:
        # The answer is out; a record that could not be made is an operator's matter.
        log_fault("refusal_not_recorded", exchange, error)
