"""Pages: Jinja2 with autoescaping and without silence about missing names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sealdesk.access.actor import Actor
from sealdesk.core.clock import in_words
from sealdesk.core.errors import Refusal
from sealdesk.web.answers import Html
from sealdesk.web.csrf import AntiCsrf
from sealdesk.web.exchange import Exchange
from sealdesk.web.forms import Forms, Standing
from sealdesk.web.linkify import linkify
from sealdesk.web.tokens import PRESESSION_COOKIE, cookie_token, new_token, set_cookie


class Assets(Protocol):
    """Where built files are found under names that carry their hash."""

    def url(self, name: str) -> str:
        """The address of a built file."""
        ...


class Pages:
    """The templates of all slices; folders are searched in order, so names are unique over slices."""

    def __init__(self, folders: Sequence[Path], assets: Assets) -> None:
        self.environment = Environment(
            loader=FileSystemLoader(list(folders)),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        cast("dict[str, object]", self.environment.globals)["asset"] = assets.url
        self.environment.filters["linkify"] = linkify
        self.environment.filters["in_words"] = in_words

    def render(self, template: str, context: Mapping[str, object]) -> str:
        """The text of `template`. Raises what Jinja2 raises, also for a name that the context lacks."""
        return self.environment.get_template(template).render(context)


class Page:
    """One answer to a browser: renders templates with what the kit knows about the request."""

    __slots__ = ("_csrf", "_pages", "_token", "exchange", "forms")

    def __init__(self, exchange: Exchange, pages: Pages, csrf: AntiCsrf, forms: Forms) -> None:
        self.exchange = exchange
        self.forms = forms
        self._pages = pages
        self._csrf = csrf
        self._token: str | None = None

    @property
    def actor(self) -> Actor | None:
        """Who looks at the page."""
        return self.exchange.actor

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return self.exchange.path

    @property
    def standing(self) -> Standing:
        """The page that the form which was sent stands on, or the page that was asked for."""
        return self.forms.standing(self.exchange.path)

    @property
    def nonce(self) -> str:
        """The CSP nonce of this answer."""
        return self.exchange.nonce

    @property
    def fragment(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return self.exchange.fields.get(b"hx-request") == b"true"

    @property
    def csrf(self) -> str:
        """The token for this answer's forms: of the session, or of a browser that is about to sign in."""
        if self._token is None:
            actor = self.exchange.actor
            self._token = (
                self._csrf.for_session(actor.session_hash) if actor else self._csrf.for_presession(self._presession())
            )
        return self._token

    def render(self, template: str, *, status: int = 200, **context: object) -> Html:
        """`template` with `context` and the names `page`, `csrf`, `nonce`, `actor` and `path`."""
        known = {"page": self, "csrf": self.csrf, "nonce": self.nonce, "actor": self.actor, "path": self.path}
        return Html(self._pages.render(template, {**known, **context}), status)

    def framed(self, template: str, ancestors: tuple[str, ...], **context: object) -> Html:
        """`template` for a frame on the sites `ancestors`: it knows nobody, carries no token for forms and sets no cookie."""
        self.exchange.ancestors = ancestors
        return Html(self._pages.render(template, {"nonce": self.nonce, **context}))

    def _presession(self) -> str:
        cookie = cookie_token(self.exchange.fields.get(b"cookie"), PRESESSION_COOKIE)
        if cookie is None:
            cookie = new_token()
            self.exchange.set_cookies.append(set_cookie(PRESESSION_COOKIE, cookie))
        return cookie


_PLAIN = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ refusal.title }}</title>
<h1>{{ refusal.title }}</h1>
<p>{{ refusal.detail }}</p>
<p>Request {{ request_id }}. <a href="/">Back to the start</a></p>
"""
_plain = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PLAIN)


async def plain_problem_page(page: Page, refusal: Refusal) -> str:
    """The error page of a desk that has no template for it."""
    return _plain.render(refusal=refusal, request_id=page.exchange.request_id)


def safe_next(target: str | None) -> str:
    """`target` if it is a path of this desk, else `/`: where to go after signing in must not be chosen by another site."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or len(target) > 2048:
        return "/"
    return target if all(" " < letter <= "~" and letter != "\\" for letter in target) else "/"
