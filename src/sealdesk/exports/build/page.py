"""A transcript as a page that stands alone: no script, no other file. This template is pinned by the bundle's format."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sealdesk.exports.build.happenings import Happening
from sealdesk.exports.build.printing import escaped, moment, on_one_line

_STYLE = Path(__file__).with_name("transcript.css").read_text(encoding="utf-8")
_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_BEFORE_TITLE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>"""
_AFTER_TITLE = f"</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
_FOOT = """<footer>This page is a copy for readers. What proves are the entries and contents of the bundle;
<code>verify/README.txt</code> says how to check them. Times are those of the entries, in UTC.</footer>
</main>
</body>
</html>
"""
_STAFF = frozenset({"agent", "admin", "auditor"})


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands above a transcript. `first_at` and `last_at` are times of entries."""

    thread: str
    subject: str
    number: int | None
    first_at: str
    last_at: str
    messages: int
    export: str
    origin: str
    size: int
    root: str


def item(told: Happening) -> str:
    """One entry in the list."""
    if not told.message:
        note = " · internal" if told.internal else ""
        words = f"<bdi>{escaped(told.name)}</bdi> {escaped(on_one_line(told.text))}{note}"
        return f'<li class="e" dir="auto">{moment(told.at)} · {words} · entry {told.index}</li>\n'
    kind = "note" if told.internal else "staff" if told.role in _STAFF else "theirs"
    text = f'<p class="t" dir="auto">{escaped(told.text)}</p>' if told.text or not told.absent else ""
    gone = f'<p class="gone">{escaped(told.absent)}</p>' if told.absent else ""
    who = f"<b><bdi>{escaped(told.name)}</bdi></b>{_tags(told)}"
    return f'<li class="m {kind}"><header>{who}<span class="at">{_when(told)}</span></header>{gone}{text}</li>\n'


def page(cover: Cover, items: Iterable[str]) -> Iterator[bytes]:
    """The page of one conversation, in pieces."""
    title = escaped(on_one_line(cover.subject))
    number = f"Conversation #{cover.number}" if cover.number else "Conversation"
    facts = (
        ("Conversation", f"<code>{cover.thread}</code>"),
        ("From, to", f"{moment(cover.first_at)}, {moment(cover.last_at)}"),
        ("Messages", f"{cover.messages:,}"),
        ("Export", f"<code>{cover.export}</code>"),
        ("Ledger", f"<code>{escaped(cover.origin)}</code>, {cover.size:,} entries"),
        ("Root", f"<code>{cover.root}</code>"),
    )
    told = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    head = f'<p class="kind">{number}</p>\n<h1 dir="auto">{title}</h1>\n<dl>{told}</dl>\n<ol>\n'
    yield f"{_BEFORE_TITLE}{title}{_AFTER_TITLE}{head}".encode()
    for each in items:
        yield each.encode()
    yield f"</ol>\n{_FOOT}".encode()


def index(facts: Mapping[str, str], covers: Iterable[Cover]) -> Iterator[bytes]:
    """The page that leads to all transcripts. `facts` are about the export."""
    told = "".join(f'<dt>{name}</dt><dd dir="auto">{escaped(value)}</dd>' for name, value in facts.items())
    head = f'<p class="kind">Evidence</p>\n<h1>Conversations in this bundle</h1>\n<dl>{told}</dl>\n<div class="list">\n'
    yield f"{_BEFORE_TITLE}Conversations in this bundle{_AFTER_TITLE}{head}".encode()
    for cover in covers:
        subject = escaped(on_one_line(cover.subject))
        number = f"#{cover.number} " if cover.number else ""
        size = f"{cover.messages:,} messages · {cover.first_at[:10]}"
        yield f'<a href="{cover.thread}.html"><bdi>{number}{subject}</bdi><span>{size}</span></a>\n'.encode()
    yield f"</div>\n{_FOOT}".encode()


def _tags(told: Happening) -> str:
    tags = f'<span class="tag">{escaped(told.role)}</span>'
    if told.internal:
        tags += '<span class="tag">internal note</span>'
    if told.claimed:
        tags += '<span class="tag">imported, as claimed</span>'
    return tags


def _when(told: Happening) -> str:
    if told.claimed:
        claimed = escaped(on_one_line(told.claimed.at))
        return f"said to be of <bdi>{claimed}</bdi> · recorded {moment(told.at)} · entry {told.index}"
    return f"{moment(told.at)} · entry {told.index}"
