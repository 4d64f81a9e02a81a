"""What every page shows around its own content: the frame, moments in time, and the error page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from sealdesk.core.clock import stamp

Tone = Literal["plain", "good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One point in time as a page shows it; the script in the browser turns all but `full` into local time.

    `iso` is UTC with microseconds, `day` a heading such as "Sunday 22 November 2026", `short` what fits a list (the time today, the weekday
    in the week that has passed, else the date), `clock` hours and minutes, `date` the day with its year, `when` both, `full` the
    unambiguous UTC form.
    """

    iso: str
    day: str
    short: str
    clock: str
    date: str
    when: str
    full: str

    @classmethod
    def of(cls, at: datetime, now: datetime) -> Self:
        """Describe `at` as seen from `now`; both are aware and in UTC."""
        clock = f"{at:%H:%M}"
        date = f"{at.day} {at:%b}"
        days = (now.date() - at.date()).days
        short = (
            clock if days == 0 else f"{at:%a}" if 0 < days < 7 else date if at.year == now.year else f"{date} {at.year}"
        )
        day = f"{at:%A} {at.day} {at:%B} {at.year}"
        dated = f"{date} {at.year}"
        return cls(
            iso=stamp(at),
            day=day,
            short=short,
            clock=clock,
            date=dated,
            when=f"{dated}, {clock}",
            full=f"{dated}, {at:%H:%M:%S} UTC",
        )


@dataclass(frozen=True, slots=True)
class Tag:
    """A short mark on a row or in a heading."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Empty:
    """What a page says when there is nothing to list: what is so, and what to do next."""

    title: str
    text: str
    action: str | None = None
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a select or a group of radio buttons. `hint` is a sentence under the label."""

    value: str
    label: str
    chosen: bool = False
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One link of the navigation. `icon` is a symbol's name in `icons.html`; `more` says that `count` is only where counting stopped."""

    label: str
    href: str
    icon: str
    current: bool = False
    count: int | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class PlaceGroup:
    """Links under one heading; the first group of a page has none."""

    heading: str | None
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page. `portal` is true for requesters, who get the calmer frame; `elsewhere`: they belong to others too."""

    name: str
    organisation: str
    role: str
    portal: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Flash:
    """One sentence on what was just done, or was not; shown once."""

    text: str
    tone: Tone = "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the layout needs. `csrf` is the session-bound token of every form; `nonce` is the one of this answer's CSP."""

    title: str
    nonce: str
    csrf: str = ""
    viewer: Viewer | None = None
    groups: tuple[PlaceGroup, ...] = ()
    flash: Flash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """An error as a page (RFC 9457 members as far as a person needs them).

    `detail` says what is so, `kept` what was kept, `action` and `href` what to do next; `retry_after` is in seconds, `written` is what
    was typed into the form that was refused: names and texts.
    """

    status: int
    title: str
    detail: str
    request_id: str
    kept: str | None = None
    action: str = "Back to the start"
    href: str = "/"
    retry_after: int | None = None
    written: tuple[tuple[str, str], ...] = ()
