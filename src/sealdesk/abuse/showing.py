"""From flags and lexicons as found to the pages that show them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast
from urllib.parse import urlencode

from sealdesk.abuse.lexicon import Lexicon, LexiconName
from sealdesk.abuse.model import Standing
from sealdesk.abuse.patience import MOST_THREADS
from sealdesk.abuse.queries import Flagged
from sealdesk.abuse.view import FlagCard, LexiconCard, LexiconsView, Link, ReviewView, Tab
from sealdesk.web.paging import Before, written_key
from sealdesk.web.view import Empty, Moment, Tag, Tone

REVIEW: Final = "/review"
LEXICONS: Final = "/lexicons"
_TABS: Final[dict[Standing, str]] = {"open": "Waiting", "confirmed": "Confirmed", "dismissed": "Dismissed"}
_KINDS: Final[dict[str, tuple[str, Tone]]] = {
    "threat": ("Threat", "bad"),
    "abuse": ("Abuse", "warn"),
    "self-harm": ("Self-harm", "bad"),
    "custom": ("Own terms", "warn"),
    "rate-limit": ("Rate limits", "warn"),
    "unauthorised": ("Denials", "warn"),
    "cross-tenant": ("Other organisations", "bad"),
}
_TITLES: Final[dict[str, str]] = {
    "threat": "Threats",
    "abuse": "Abuse",
    "self-harm": "Self-harm",
    "custom": "Own terms",
}
_ABOUT: Final[dict[str, str]] = {
    "threat": "Somebody announces violence.",
    "abuse": "Insults, slurs and harassment.",
    "self-harm": "Somebody may be in danger from themselves, or is told to be.",
    "custom": "Whatever this organisation wants to see.",
}
_VIOLATIONS: Final[dict[str, str]] = {
    "rate-limit": "was refused {count} times for coming too often",
    "unauthorised": "was refused {count} times what their role may not do",
    "cross-tenant": "asked {count} times for something of another organisation",
}
_NOTHING: Final[dict[Standing, Empty]] = {
    "open": Empty("Nothing waits", "What a lexicon finds, and who is refused too often, stands here within seconds."),
    "confirmed": Empty("Nothing was confirmed", "What somebody found to be serious stands here."),
    "dismissed": Empty("Nothing was dismissed", "What somebody found to be harmless stands here."),
}


def review(
    found: Sequence[Flagged],
    lexicons: Sequence[Lexicon],
    standing: Standing,
    now: datetime,
    *,
    older: Before | None,
    paged: bool,
    decides: bool,
    error: str | None = None,
) -> ReviewView:
    """The queue."""
    held = {"standing": standing}
    return ReviewView(
        tabs=tuple(
            Tab(label, f"{REVIEW}?{urlencode({'standing': name})}", name == standing) for name, label in _TABS.items()
        ),
        cards=tuple(_card(each, lexicons, now) for each in found),
        empty=Empty("Nothing older", "All there is stands on the pages before.") if paged else _NOTHING[standing],
        decides=decides,
        error=error,
        newest_href=f"{REVIEW}?{urlencode(held)}" if paged else None,
        older_href=f"{REVIEW}?{urlencode({**held, 'before': written_key(older)})}" if older else None,
    )


def lexicons_view(
    found: Sequence[Lexicon], *, manages: bool, refused: tuple[LexiconName, str, str] | None = None
) -> LexiconsView:
    """All lexicons; `refused` is the one that a form was about, what was wrong with it, and what was typed."""
    return LexiconsView(cards=tuple(_lexicon(each, refused) for each in found), manages=manages)


def _card(found: Flagged, lexicons: Sequence[Lexicon], now: datetime) -> FlagCard:
    flag, told = found.flag, found.told
    who = found.author_name or "Somebody"
    person = flag.about == "person"
    title = who if person else found.subject or "A conversation"
    number = f"#{found.number} " if found.number else ""
    said = f"{flag.about.capitalize()} by {who}"
    if person:
        count = format(cast("int", told["count"]), ",")
        said = f"{who} {_VIOLATIONS[str(told['violation'])].format(count=count)}."
    threads = [str(flag.thread)] if flag.thread else cast("list[str]", told.get("threads", []))
    if len(threads) == MOST_THREADS:
        said += f" Of the conversations, the newest {MOST_THREADS} are named."
    return FlagCard(
        id=str(flag.id),
        title=number + title,
        who=who,
        tags=tuple(Tag(*_KINDS[kind]) for kind in flag.kinds),
        said=said,
        excerpt=None if person else found.excerpt or "The text is gone.",
        rules=tuple(_rule(rule, lexicons) for rule in cast("list[dict[str, object]]", told.get("rules", []))),
        at=Moment.of(flag.at, now),
        places=tuple(
            Link("The conversation" if len(threads) == 1 else f"Conversation {n}", f"/c/{thread}")
            for n, thread in enumerate(threads, 1)
        ),
        proof_href=f"/api/v1/ledger/receipts/{flag.entry_id}",
        open=flag.standing == "open",
    )


def _rule(rule: dict[str, object], lexicons: Sequence[Lexicon]) -> str:
    """The line that was met, where that version of the lexicon is the one in force."""
    name, version, term = str(rule["lexicon"]), cast("int", rule["version"]), cast("int", rule["term"])
    held = next((each for each in lexicons if (each.name, each.version) == (name, version)), None)
    place = f"{_TITLES[name]}, line {term + 1}"
    if held is None or term >= len(held.lines):
        return f"{place} of version {version}"
    return f"{place}: {held.lines[term]}"


def _lexicon(lexicon: Lexicon, refused: tuple[LexiconName, str, str] | None) -> LexiconCard:
    of_this = refused is not None and refused[0] == lexicon.name
    version = "as shipped" if not lexicon.version else f"version {lexicon.version}"
    return LexiconCard(
        name=lexicon.name,
        title=_TITLES[lexicon.name],
        about=_ABOUT[lexicon.name],
        state=Tag(f"On, {version}", "good") if lexicon.enabled else Tag(f"Off, {version}", "warn"),
        enabled=lexicon.enabled,
        lines=lexicon.lines,
        count=f"{len(lexicon.lines):,} lines" if len(lexicon.lines) != 1 else "1 line",
        own=lexicon.name == "custom",
        typed=refused[2] if of_this and refused else "",
        error=refused[1] if of_this and refused else None,
    )
