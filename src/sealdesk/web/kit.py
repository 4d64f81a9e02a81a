"""What every route of one application shares; made once by `app.build`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sealdesk.core.errors import Refusal
from sealdesk.web.actor import Peek
from sealdesk.web.answer_headers import AnswerHeaders
from sealdesk.web.csrf import AntiCsrf
from sealdesk.web.limits import Limiter
from sealdesk.web.pages import Page, Pages
from sealdesk.web.public import PublicRoute


@dataclass(frozen=True, slots=True)
class Kit:
    """The parts that a route's gate and binding reach for. `resources` are handed to routes by their type."""

    peek: Peek
    limiter: Limiter
    csrf: AntiCsrf
    pages: Pages
    headers: AnswerHeaders
    public: tuple[PublicRoute, ...]
    resources: Mapping[type, object]
    problem_page: Callable[[Page, Refusal], str]
