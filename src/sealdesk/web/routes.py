"""How a slice declares its routes.

    @post("/api/v1/threads", limit=OPEN, permission=Permission.THREAD_OPEN, status=201)
    async def open_thread(desk: Desk, actor: Actor, body: Json[NewThread], key: Key) -> ThreadView:
        return ThreadView.of(await commands.open_thread(desk, actor, body.draft(), key))

Parameters are filled by their types (`binding`): path parameters by name, `Json[S]`, `Form[S]`, `Submitted[S]`, `Query[S]`, `Actor`,
`Actor | None` on public routes, `Key` (Idempotency-Key), `Expected` (If-Match), `Page`, and whatever resource the composition root gives.
Routes under /api/ speak JSON; all others are pages, whose refusals are pages too.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypedDict, Unpack

from litestar import Request
from litestar.handlers import HTTPRouteHandler

from sealdesk.web import caps
from sealdesk.web.answers import Sent
from sealdesk.web.binding import BadRoute, read_signature
from sealdesk.web.dispatch import dispatch
from sealdesk.web.limits import Limit
from sealdesk.web.route import MUTATIONS, ROUTE, Route

Handler = Callable[..., Awaitable[object]]
Decorator = Callable[[Handler], HTTPRouteHandler]

_COSTLY: Final = frozenset(
    {"export", "exports", "search", "upload", "uploads", "attachments", "download", "import", "imports"}
)


class Options(TypedDict, total=False):
    """What a declaration may say beside its path.

    `permission`, `saying`, `confirms` and `audience` document who may call it (see `Route`), `cap` is the largest body in bytes,
    `repeats` says how a mutation without Key or Expected bears being sent twice, `hidden` leaves it out of the OpenAPI description,
    `pending` is the JSON of a 202 that asks to come again.
    """

    status: int
    permission: str
    saying: Mapping[str, tuple[str, ...]]
    confirms: bool
    audience: str
    cap: int
    repeats: str
    hidden: bool
    pending: type[object]


def get(path: str, *, limit: Limit | None = None, **options: Unpack[Options]) -> Decorator:
    """A route that reads: GET and HEAD. `limit` is needed where reading is costly."""
    return _declare({"GET", "HEAD"}, path, limit, options)


def post(path: str, *, limit: Limit, **options: Unpack[Options]) -> Decorator:
    """A route that creates or acts."""
    return _declare({"POST"}, path, limit, options)


def put(path: str, *, limit: Limit, **options: Unpack[Options]) -> Decorator:
    """A route that replaces."""
    return _declare({"PUT"}, path, limit, options)


def patch(path: str, *, limit: Limit, **options: Unpack[Options]) -> Decorator:
    """A route that changes."""
    return _declare({"PATCH"}, path, limit, options)


def delete(path: str, *, limit: Limit, **options: Unpack[Options]) -> Decorator:
    """A route that ends something."""
    return _declare({"DELETE"}, path, limit, options)


def _declare(methods: set[str], path: str, limit: Limit | None, options: Options) -> Decorator:
    """A decorator that makes a Litestar handler of a function.

    Raises `BadRoute` for a mutation or costly read without `limit`, and for an API mutation that says not how it may be repeated.
    """

    def decorate(handler: Handler) -> HTTPRouteHandler:
        route = Route(
            methods=frozenset(methods),
            path=path,
            handler=handler,
            signature=read_signature(handler, path),
            limit=limit,
            status=options.get("status", 200),
            permission=options.get("permission"),
            saying=options.get("saying", {}),
            confirms=options.get("confirms", not MUTATIONS.isdisjoint(methods)),
            audience=options.get("audience"),
            summary=(handler.__doc__ or "").strip().partition("\n")[0],
            cap=options.get("cap", caps.BODY_BYTES),
            repeats=options.get("repeats"),
            hidden=options.get("hidden", False),
            pending=options.get("pending"),
        )
        _check(route)
        return _litestar_handler(route)

    return decorate


def _check(route: Route) -> None:
    costly = not _COSTLY.isdisjoint(route.path.split("/"))
    if (route.mutates or costly) and route.limit is None:
        raise BadRoute(f"{route.path}: a route that changes, exports, searches or uploads declares its limit")
    if not route.mutates or route.page:
        return
    if "POST" in route.methods and route.status == 201 and route.signature.of("key") is None:
        raise BadRoute(f"{route.path}: a POST that creates takes a Key")
    if route.signature.of("key", "expected") is None and route.repeats is None:
        raise BadRoute(f"{route.path}: a mutation takes a Key or Expected, or says in `repeats` why it may come twice")


def _litestar_handler(route: Route) -> HTTPRouteHandler:
    async def endpoint(request: Request[Any, Any, Any]) -> Sent:
        return await dispatch(request, route)

    name = f"{'-'.join(sorted(route.methods)).lower()} {route.path}"
    return HTTPRouteHandler(
        route.path,
        http_method=sorted(route.methods),  # pyright: ignore[reportArgumentType]
        name=name,
        status_code=route.status if route.status not in (204, 304) else 200,
        opt={ROUTE: route},
        include_in_schema=False,
    )(endpoint)
