"""What the page of refusals shows."""

from dataclasses import dataclass

from sealdesk.web.view import Choice, Empty, Moment, Tone


@dataclass(frozen=True, slots=True)
class Period:
    """One of the periods to look at."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of a chart, in units of its drawing; `href` leads to the entries of the step."""

    x: int
    y: int
    height: int
    said: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The same as a row of a table."""

    label: str
    count: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One kind of refusal over the period. `said` is the chart in a sentence; steps without any are left out of the table."""

    key: str
    title: str
    total: str
    said: str
    width: int
    most: str
    bars: tuple[Bar, ...]
    steps: tuple[Step, ...]
    alarming: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRow:
    """One entry. `who` is a member's name or what stands for one; `proof_href` is its receipt."""

    kind: str
    tone: Tone
    what: str
    who: str
    route: str
    count: str
    first: Moment
    last: Moment
    proof_href: str


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that waits for the reader, in a sentence."""

    said: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityView:
    """The page. `begins`, `middle` and `ends` stand under each chart; `step` is the chosen step in words, where one is."""

    errands: tuple[Errand, ...]
    periods: tuple[Period, ...]
    period: str
    begins: str
    middle: str
    ends: str
    charts: tuple[Chart, ...]
    kinds: tuple[Choice, ...]
    members: tuple[Choice, ...]
    rows: tuple[RefusalRow, ...]
    empty: Empty
    step: str | None
    at: str
    whole_href: str
    newest_href: str | None
    older_href: str | None
