"""What the pages of review and of lexicons show."""

from dataclasses import dataclass

from sealdesk.web.view import Choice, Empty, Moment, Tag


@dataclass(frozen=True, slots=True)
class Tab:
    """One of the lists to look at."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A place that a flag concerns."""

    label: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagCard:
    """One flag. `said` tells what was found in a sentence; `rules` are the lines that were met, in words; `open` is whether it waits."""

    id: str
    title: str
    who: str
    tags: tuple[Tag, ...]
    said: str
    excerpt: str | None
    rules: tuple[str, ...]
    at: Moment
    places: tuple[Link, ...]
    proof_href: str
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewView:
    """The queue. `decides` is whether the reader may."""

    tabs: tuple[Tab, ...]
    cards: tuple[FlagCard, ...]
    empty: Empty
    decides: bool
    error: str | None
    newest_href: str | None
    older_href: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LexiconCard:
    """One lexicon. `state` says whether it is on, and whose it is."""

    name: str
    title: str
    about: str
    state: Tag
    enabled: bool
    lines: tuple[str, ...]
    count: str
    own: bool
    typed: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LexiconsView:
    """All of them. `manages` is whether the reader may change them."""

    cards: tuple[LexiconCard, ...]
    manages: bool
    choices: tuple[Choice, ...] = ()
