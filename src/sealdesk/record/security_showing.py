"""From refusals as found to the page that shows them: charts as plain numbers, each beside the same in words."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

from sealdesk.record.refused import TYPES, Chosen, Refused, Sums
from sealdesk.record.security_view import Bar, Chart, Errand, Period, RefusalRow, SecurityView, Step
from sealdesk.web.paging import Before, written_key
from sealdesk.web.view import Choice, Empty, Moment, Tone

HEIGHT = 100
WIDTH = 10
PATH = "/security"
NOBODY = "nobody"
PeriodName = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Span:
    """A period: so many steps of such a length, the last of which is now."""

    label: str
    words: str
    step: timedelta
    number: int

    def begin(self, now: datetime) -> datetime:
        """When its first step begins; steps begin at whole hours, or days, of UTC."""
        length = int(self.step.total_seconds())
        last = int(now.timestamp()) // length * length
        return datetime.fromtimestamp(last - (self.number - 1) * length, UTC)


SPANS: dict[PeriodName, Span] = {
    "day": Span("Day", "the last 24 hours", timedelta(hours=1), 24),
    "week": Span("Week", "the last seven days", timedelta(hours=6), 28),
    "month": Span("Month", "the last 30 days", timedelta(days=1), 30),
}
KINDS: dict[str, tuple[str, str, Tone]] = {
    "failed": ("auth.failed", "Failed sign-ins", "warn"),
    "denied": ("authz.denied", "Denials", "plain"),
    "limited": ("rate.limited", "Rate limits", "plain"),
    "suspicious": ("suspicious.activity", "Suspicious activity", "bad"),
}
_OF_TYPE: dict[str, tuple[str, str, Tone]] = {type_: (key, title, tone) for key, (type_, title, tone) in KINDS.items()}
_WORDS = {
    "wrong_password": "Wrong password for this account",
    "wrong_factor": "Wrong second factor",
    "soft_lock": "Too many attempts at this account",
    "signed_out": "A session or token that has ended",
    "not_permitted": "Not within their role",
    "confirm_first": "Not confirmed who they are",
    "factor_needed": "Second factor not set up",
    "held_back": "Held back in a new browser",
    "bad_origin": "Sent from another site",
    "bad_token": "Form without its token",
    "too_many_requests": "More often than allowed",
    "crowded": "More often than allowed to all who share a limit",
    "too_many_sockets": "More pages open at once than are kept live",
    "foreign_id": "Asked for something of another organisation",
    "probed": "Somebody of another organisation asked for something here",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: the period, one key of KINDS or none, a member's id or NOBODY or neither, and the begin of one step."""

    period: PeriodName = "day"
    kind: str = ""
    member: str = ""
    at: datetime | None = None

    @property
    def span(self) -> Span:
        """The period."""
        return SPANS[self.period]

    def chosen(self, now: datetime, *, whole: bool = False) -> Chosen:
        """What to read: of the step alone where one was asked for, unless it is for the `whole` period."""
        types = (KINDS[self.kind][0],) if self.kind else TYPES
        member = UUID(self.member) if self.member and self.member != NOBODY else None
        step = None if whole else self.at
        until = step + self.span.step if step else None
        return Chosen(types, member, self.member == NOBODY, step or self.span.begin(now), until)

    def href(self, **changes: str) -> str:
        """The page with these changes; a change of anything but the step forgets the step."""
        held = {"period": self.period, "kind": self.kind, "member": self.member}
        return f"{PATH}?{urlencode({name: value for name, value in (held | changes).items() if value})}"


def security(
    asked: Asked,
    counted: Sums,
    found: list[Refused],
    names: dict[UUID, str],
    now: datetime,
    *,
    older: Before | None,
    paged: bool,
    errands: tuple[Errand, ...] = (),
) -> SecurityView:
    """The page."""
    begin = asked.span.begin(now)
    at = _key(asked.at) if asked.at else ""
    here = {"at": at} if at else {}
    kinds = [asked.kind] if asked.kind else list(KINDS)
    middle, last = (begin + asked.span.step * n for n in (asked.span.number // 2, asked.span.number - 1))
    return SecurityView(
        errands=errands,
        periods=tuple(
            Period(span.label, asked.href(period=name), name == asked.period) for name, span in SPANS.items()
        ),
        period=asked.period,
        begins=_short(begin, asked.span),
        middle=_short(middle, asked.span),
        ends=_short(last, asked.span),
        charts=tuple(_chart(key, asked, counted, begin) for key in kinds),
        kinds=_kind_choices(asked.kind),
        members=_member_choices(asked.member, counted, names),
        rows=tuple(_row(each, names, now) for each in found),
        empty=_empty(asked, paged=paged),
        step=_long(asked.at, asked.span) if asked.at else None,
        at=at,
        whole_href=asked.href(),
        newest_href=asked.href(**here) if paged else None,
        older_href=asked.href(**here, before=written_key(older)) if older else None,
    )


def _chart(key: str, asked: Asked, counted: Sums, begin: datetime) -> Chart:
    type_, title, tone = KINDS[key]
    span = asked.span
    counts = [counted.steps[type_, number] for number in range(span.number)]
    most, starts = max(counts), [begin + span.step * number for number in range(span.number)]
    places = [asked.href(kind=key, at=_key(start)) + "#entries" for start in starts]
    told = [f"{count:,} on {_long(start, span)}" for count, start in zip(counts, starts, strict=True)]
    # What there is shows, however little it is beside the most.
    heights = [max(3, round(HEIGHT * count / most)) if count else 0 for count in counts]
    bars = tuple(
        Bar(n * WIDTH + 1, HEIGHT - heights[n], heights[n], told[n], places[n], asked.at == starts[n])
        for n in range(span.number)
        if counts[n]
    )
    return Chart(
        key=key,
        title=title,
        total=f"{sum(counts):,}",
        said=_said(counts, starts, span),
        width=span.number * WIDTH,
        most=f"{most:,}",
        bars=bars,
        steps=tuple(
            Step(_long(starts[n], span), f"{counts[n]:,}", places[n]) for n in reversed(range(span.number)) if counts[n]
        ),
        alarming=tone == "bad",
    )


def _said(counts: list[int], starts: list[datetime], span: Span) -> str:
    if not any(counts):
        return f"None in {span.words}."
    total, most = sum(counts), max(counts)
    when = _long(starts[counts.index(most)], span)
    if most == total:
        return f"{total:,} in {span.words}, on {when}."
    return f"{total:,} in {span.words}; the most, {most:,}, on {when}."


def _row(found: Refused, names: dict[UUID, str], now: datetime) -> RefusalRow:
    _, title, tone = _OF_TYPE[found.type]
    who = names.get(found.member, "A member") if found.member else "Nobody signed in"
    if found.kind == "probed":
        who = "Another organisation"
    return RefusalRow(
        kind=title,
        tone=tone,
        what=_WORDS.get(found.kind, found.kind.replace("_", " ").capitalize()),
        who=who,
        route=found.route.replace(":str}", "}"),
        count=f"{found.count:,}",
        first=Moment.of(found.first_at, now),
        last=Moment.of(found.last_at, now),
        proof_href=f"/api/v1/ledger/receipts/{found.entry_id}",
    )


def _kind_choices(chosen: str) -> tuple[Choice, ...]:
    every = Choice("", "Everything", not chosen)
    return every, *(Choice(key, title, key == chosen) for key, (_, title, _) in KINDS.items())


def _member_choices(chosen: str, counted: Sums, names: dict[UUID, str]) -> tuple[Choice, ...]:
    """Everybody, and whoever something was refused to in the period; whom one chose stays, also where there is nothing."""
    listed = {member for member in counted.members if member}
    if chosen and chosen != NOBODY:
        listed.add(UUID(chosen))
    named = sorted((names.get(member, "A member"), str(member)) for member in listed)
    choices = [Choice("", "Everybody", not chosen), *(Choice(key, name, key == chosen) for name, key in named)]
    if None in counted.members or chosen == NOBODY:
        choices.append(Choice(NOBODY, "Nobody signed in", chosen == NOBODY))
    return tuple(choices)


def _empty(asked: Asked, *, paged: bool) -> Empty:
    if paged:
        return Empty("Nothing older", "All that was refused in this period stands on the pages before.")
    if asked.at or asked.kind or asked.member:
        return Empty(
            "Nothing like that", "Nothing of what you chose was refused in this time.", "Show everything", PATH
        )
    return Empty(
        "Nothing was refused",
        f"In {asked.span.words} nobody failed to sign in, was denied anything, came too often or asked for what is not"
        " theirs. What is refused stands here within seconds, and stays on record.",
    )


def _key(start: datetime) -> str:
    return f"{start:%Y-%m-%dT%H:%M:%SZ}"


def _short(start: datetime, span: Span) -> str:
    day = f"{start.day} {start:%b}"
    return day if span.step >= timedelta(hours=6) else f"{start:%H:%M}"


def _long(start: datetime, span: Span) -> str:
    """A step in words, such as `22 Nov, 14:00 to 15:00 UTC`."""
    day = f"{start.day} {start:%b}"
    return day if span.step >= timedelta(days=1) else f"{day}, {start:%H:%M} to {start + span.step:%H:%M} UTC"
