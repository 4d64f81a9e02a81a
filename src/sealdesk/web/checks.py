"""What must hold of an application's routes before it may start."""

from collections.abc import Iterator

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from sealdesk.web.binding import BadRoute
from sealdesk.web.kit import Kit
from sealdesk.web.public import PublicRoute, find_public
from sealdesk.web.route import ROUTE, Route


def routes_of(app: Litestar) -> Iterator[Route]:
    """Every declared route. Raises `BadRoute` for one that was not declared with `web.routes`, and so has no policy."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            raise BadRoute(f"{route.path} is not an HTTP route of the kit")
        for handler in route.route_handlers:
            if not _answers_options(handler):
                yield declared(handler)


def declared(handler: HTTPRouteHandler) -> Route:
    """What a handler was declared to be. Raises `BadRoute` where it was not."""
    found = handler.opt.get(ROUTE)
    if not isinstance(found, Route):
        raise BadRoute(f"{sorted(handler.paths)} was not declared with web.routes, so it has no policy")
    return found


def _answers_options(handler: HTTPRouteHandler) -> bool:
    """Litestar's own handler of OPTIONS, which names the methods and nothing else."""
    return handler.http_methods == {"OPTIONS"}


def check_routes(app: Litestar) -> None:
    """Raises `BadRoute` unless every route needs an actor or is a row of the public table, and every resource it takes is there.

    A form stands on a page, too: a person has to find back to it.
    """
    kit: Kit = app.state.kit
    if kit.forms.homeless:
        raise BadRoute(f"{kit.forms.homeless}: a form stands on a page; say in `stands` on which")
    for route in routes_of(app):
        rows = [find_public(kit.public, route.path, method) for method in sorted(route.methods)]
        public = all(rows)
        if any(rows) and not public:
            raise BadRoute(f"{route.path}: the public table has some of its methods and not others")
        if public and route.signature.of("actor"):
            raise BadRoute(f"{route.path} is public, so it may be called by nobody: take Actor | None")
        if not public and not route.signature.of("actor"):
            raise BadRoute(f"{route.path} takes no Actor and has no row in the public table")
        for parameter in route.signature.parameters:
            if parameter.kind == "resource" and parameter.type not in kit.resources:
                raise BadRoute(f"{route.path}: nothing provides {parameter.name}, a {parameter.type.__name__}")


def stale_rows(app: Litestar) -> list[PublicRoute]:
    """Rows of the public table for which no route exists."""
    kit: Kit = app.state.kit
    known = {(route.path, method) for route in routes_of(app) for method in route.methods}
    return [row for row in kit.public if not all((row.path, method) in known for method in row.methods)]
