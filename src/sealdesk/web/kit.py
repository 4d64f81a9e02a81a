"""What every route of one application shares; made once by `app.build`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from sealdesk.core.errors import Refusal
from sealdesk.web.actor import Peek
from sealdesk.web.answer_headers import AnswerHeaders
from sealdesk.web.csrf import AntiCsrf
from sealdesk.web.forms import Forms
from sealdesk.web.limits import Limiter
from sealdesk.web.pages import Page, Pages
from sealdesk.web.public import PublicRoute


@dataclass(frozen=True, slots=True)
class Kit:
    """The parts that a route's gate and binding reach for.

    `resources` are handed to routes by their type; `rows` is the public table by path and method.
    """

    peek: Peek
    limiter: Limiter
    csrf: AntiCsrf
    pages: Pages
    headers: AnswerHeaders
    public: tuple[PublicRoute, ...]
    resources: Mapping[type, object]
    problem_page: Callable[[Page, Refusal], Awaitable[str]]
    forms: Forms
    rows: Mapping[tuple[str, str], PublicRoute] = field(init=False)

    def __post_init__(self) -> None:
        by_route = {(row.path, method): row for row in self.public for method in row.methods}
        object.__setattr__(self, "rows", by_route)
