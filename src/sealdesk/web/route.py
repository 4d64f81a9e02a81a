"""A route as it was declared: what the gate, the dispatcher, the checks and the OpenAPI description read."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sealdesk.web.binding import Signature
from sealdesk.web.limits import Limit

ROUTE: Final = "sealdesk_route"
"""The key under which a Litestar handler's `opt` carries our declaration."""
MUTATIONS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Route:
    """One declaration. `permission` and `audience` document who may call it; the unit of work decides, and a test holds both in step.

    `saying` names what a request demands instead where a field of it has that value, as in `{"visibility=internal": ("note.post",)}`;
    `confirms` says that it asks a session for confirmation where its permission does: all that mutate, and reads that begin such an act.

    `cap` is the largest body in bytes, `repeats` how a mutation bears being sent twice: by its key, by the expected version, or because
    the second finds nothing to do, `pending` the JSON of an answer 202 to come again later.
    """

    methods: frozenset[str]
    path: str
    handler: Callable[..., Awaitable[object]]
    signature: Signature
    limit: Limit | None
    status: int
    permission: str | None
    saying: Mapping[str, tuple[str, ...]]
    confirms: bool
    audience: str | None
    summary: str
    cap: int
    repeats: str | None
    hidden: bool
    pending: type[object] | None

    @property
    def page(self) -> bool:
        """Whether the route is meant for a browser's window."""
        return not self.path.startswith("/api/")

    @property
    def mutates(self) -> bool:
        """Whether calling it may change something."""
        return not MUTATIONS.isdisjoint(self.methods)


class RouteTemplates:
    """Finds the route that a path is of, for records of requests that were refused before they were routed."""

    def __init__(self, routes: Iterable[Route]) -> None:
        paths = {route.path for route in routes}
        self._known = [(re.compile(re.sub(r"\\{[^/]*\\}", "[^/]+", re.escape(path))), path) for path in sorted(paths)]

    def find(self, path: str) -> str | None:
        """The template, or None: what somebody typed is not repeated."""
        return next((template for pattern, template in self._known if pattern.fullmatch(path)), None)
