"""Where signing in or confirming leads: to a page, or to a form that was on its way when the question came."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sealdesk.people.view import GoOnView, Led
from sealdesk.web.answers import Html, SeeOther
from sealdesk.web.forms import Waiting
from sealdesk.web.pages import Page, safe_next
from sealdesk.web.saying import waiting
from sealdesk.web.view import Frame


@dataclass(frozen=True, slots=True)
class Onward:
    """`next` is a path of this desk, `carried` a packed form; `ended` says that a session ended on the way."""

    next: str = "/"
    carried: str = ""
    ended: bool = field(default=False, kw_only=True)

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Onward":
        """As the fields of a form say it."""
        return cls(safe_next(fields.get("next")), fields.get("carried", ""))

    @classmethod
    def after(cls, page: Page) -> "Onward":
        """Back to the form that was refused; a question that was itself refused leads where it would have led."""
        form = page.exchange.form or {}
        if "next" in form:
            return cls.of(form)
        return cls(page.standing.href, waiting(page))

    def led(self, page: Page) -> Led:
        """As the pages on the way show it and hand it on."""
        form = page.forms.unpack(self.carried) if self.carried else None
        standing = page.forms.standing(form.action if form else self.next.partition("?")[0])
        return Led(
            next_path=self.next,
            carried=self.carried if form else "",
            act=standing.act,
            away=standing.away,
            typed=form.shown if form else (),
        )

    def follow(self, page: Page, *, at_once: bool = False) -> Html | SeeOther:
        """There. A form that waits is shown once more; `at_once`: whoever sent it is still the same, and scripts send it again."""
        form = page.forms.unpack(self.carried) if self.carried else None
        return _go_on(page, form, at_once=at_once) if form else SeeOther(self.next)


def _go_on(page: Page, form: Waiting, *, at_once: bool) -> Html:
    standing = page.forms.standing(form.action)
    view = GoOnView(
        action=form.action,
        fields=tuple(form.fields.items()),
        act=standing.act,
        away=standing.href,
        typed=form.shown,
        at_once=at_once,
    )
    return page.render("go_on.html", frame=Frame(title="Go on", nonce=page.nonce, csrf=page.csrf), view=view)
