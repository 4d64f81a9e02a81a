"""A route as it was declared: what the gate, the dispatcher, the checks and the OpenAPI description read."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sealdesk.web.binding import Signature
from sealdesk.web.forms import KEY_FIELD, VERSION_FIELD, Declared, fields_of
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
    the second finds nothing to do, `pending` the JSON of an answer 202 to come again later. Of pages: `stands` is the page that a form
    stands on (its own address, unless said), `act` what sending it does, in words that follow "to", `away` where one goes from a page that
    asks for a confirmation, and `goes_along` whether the form may be carried through a question.
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
    stands: str | None = None
    act: str = ""
    away: str | None = None
    goes_along: bool = True

    @property
    def page(self) -> bool:
        """Whether the route is meant for a browser's window."""
        return not self.path.startswith("/api/")

    @property
    def mutates(self) -> bool:
        """Whether calling it may change something."""
        return not MUTATIONS.isdisjoint(self.methods)

    @property
    def declared(self) -> Declared:
        """What `web.forms` has to know of a page."""
        carried = None
        if self.mutates and self.goes_along and self.signature.of("intake") is None:
            schema = self.signature.form
            fields = fields_of(schema.type) if schema else frozenset[str]()
            ours = {KEY_FIELD} if self.signature.of("key") else set[str]()
            ours |= {VERSION_FIELD} if self.signature.of("expected") else set[str]()
            carried = None if fields is None else fields | ours
        return Declared(self.path, self.mutates, self.stands or self.path, self.act, self.away or "", carried)


class RouteTemplates:
    """Finds the route that a path is of, for records of requests that were refused before they were routed."""

    def __init__(self, routes: Iterable[Route]) -> None:
        paths = {route.path for route in routes}
        self._known = [(re.compile(re.sub(r"\\{[^/]*\\}", "[^/]+", re.escape(path))), path) for path in sorted(paths)]

    def find(self, path: str) -> str | None:
        """The template, or None: what somebody typed is not repeated."""
        return next((template for pattern, template in self._known if pattern.fullmatch(path)), None)
