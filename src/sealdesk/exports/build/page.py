"""A transcript as a page that stands alone: no script, no other file, nothing from anywhere. This template is pinned by the bundle's format."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from sealdesk.exports.build.happenings import Happening
from sealdesk.exports.build.printing import escaped, moment, on_one_line

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2230;--soft:#5b6475;--line:#d9dde5;--paper:#fff;--ground:#f4f5f8;--staff:#eef3fb;--note:#fff6dc;--seal:#1f6f54}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9f0;--soft:#9aa3b5;--line:#343b49;--paper:#1a1f2a;--ground:#12161e;--staff:#1d2737;--note:#352d16;--seal:#6fcfa8}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:46rem;margin:0 auto;padding:2rem 1rem 4rem}h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 1rem}a{color:inherit}
.kind{font-size:.8rem;letter-spacing:.06em;text-transform:uppercase;color:var(--seal);font-weight:600;margin:0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0 0 2rem;padding:1rem;border:1px solid var(--line);border-radius:.5rem;background:var(--paper);font-size:.9rem}
dt{color:var(--soft)}dd{margin:0}code{font:.85em ui-monospace,monospace}ol{list-style:none;margin:0;padding:0}
.m{border:1px solid var(--line);border-radius:.6rem;background:var(--paper);margin:0 0 .8rem;padding:.7rem 1rem;break-inside:avoid}
.m.staff{background:var(--staff)}.m.note{background:var(--note);border-style:dashed}header{display:flex;flex-wrap:wrap;gap:.1rem .6rem;align-items:baseline;font-size:.85rem;color:var(--soft)}
header b{font-size:1rem;color:var(--ink)}.tag{border:1px solid;border-radius:1rem;padding:0 .5rem;font-size:.75rem}.at{margin-left:auto}
.t{white-space:pre-wrap;margin:.35rem 0 0;unicode-bidi:isolate}.gone{margin:.35rem 0 0;color:var(--soft);font-style:italic}
.e{font-size:.85rem;color:var(--soft);margin:0 0 .8rem;padding:0 1rem;unicode-bidi:isolate}footer{margin-top:2rem;font-size:.85rem;color:var(--soft)}
.list a{display:grid;grid-template-columns:1fr auto;gap:1rem;padding:.5rem .25rem;border-bottom:1px solid var(--line);text-decoration:none}.list span{color:var(--soft);font-size:.85rem}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--ground:#fff;--staff:#fff;--note:#fff;--seal:#000}body{font-size:10.5pt}main{max-width:none;padding:0}}
"""
_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_BEFORE_TITLE = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'\">\n"
    '<meta name="referrer" content="no-referrer">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>'
)
_AFTER_TITLE = f"</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
_FOOT = """<footer>This page is a copy for readers. What proves are the entries and contents of the bundle; <code>verify/README.txt</code> says how
to check them. Times are those of the entries, in UTC.</footer>
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
        words = on_one_line(told.text)
        return f'<li class="e" dir="auto">{moment(told.at)} · <bdi>{escaped(told.name)}</bdi> {escaped(words)}{note} · entry {told.index}</li>\n'
    kind = "note" if told.internal else "staff" if told.role in _STAFF else "theirs"
    text = f'<p class="t" dir="auto">{escaped(told.text)}</p>' if told.text or not told.absent else ""
    gone = f'<p class="gone">{escaped(told.absent)}</p>' if told.absent else ""
    return f'<li class="m {kind}"><header><b><bdi>{escaped(told.name)}</bdi></b>{_tags(told)}<span class="at">{_when(told)}</span></header>{gone}{text}</li>\n'


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
        yield f'<a href="{cover.thread}.html"><bdi>{number}{subject}</bdi><span>{cover.messages:,} messages · {cover.first_at[:10]}</span></a>\n'.encode()
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
