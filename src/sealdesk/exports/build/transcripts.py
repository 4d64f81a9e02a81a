"""Transcripts while they grow: entries come in the order of the log, conversations are written one after the other."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sealdesk.exports.build import page, sheet
from sealdesk.exports.build.happenings import Happening
from sealdesk.exports.build.page import Cover
from sealproof import bundle
from sealproof.note import Checkpoint
from sealproof.writer import BundleWriter

FOLDER = f"{bundle.REVIEW}transcript/"
_TABLES = """create table piece(thread text, at text, internal int, seq int, page text, sheet text,
  primary key(thread, at, internal, seq)) without rowid;
create table thread(thread text primary key, subject text, number int, first_at text, last_at text, messages int)
  without rowid;"""
_THREAD = """insert into thread values (?1, ?2, ?3, ?4, ?4, ?5) on conflict (thread) do update set
  subject = coalesce(excluded.subject, subject), number = coalesce(excluded.number, number),
  first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),
  messages = messages + excluded.messages"""
_Row = tuple[str, str | None, int | None, str, str, int]


class Transcripts:
    """Pieces of all conversations, on disk until each is written."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(f"pragma journal_mode=off; pragma synchronous=off; {_TABLES} begin")

    def tell(self, thread: str, seq: int, told: Happening, subject: str | None, number: int | None) -> None:
        """Add one entry of a conversation; both its streams are merged by time, the public one first."""
        self._db.execute(_THREAD, (thread, subject, number, told.at, int(told.message)))
        row = (thread, told.at, int(told.internal), seq, page.item(told), sheet.item(told))
        self._db.execute("insert into piece values (?, ?, ?, ?, ?, ?)", row)

    def write(self, writer: BundleWriter, export: str, log: Checkpoint, facts: Mapping[str, str]) -> None:
        """Add all transcripts and the page that leads to them, which tells the `facts` about the export."""
        for cover in self._covers(export, log):
            writer.add(f"{FOLDER}{cover.thread}.html", page.page(cover, self._pieces("page", cover.thread)))
            writer.add(f"{FOLDER}{cover.thread}.txt", sheet.sheet(cover, self._pieces("sheet", cover.thread)))
        writer.add(f"{FOLDER}index.html", page.index(facts, self._covers(export, log)))

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def _covers(self, export: str, log: Checkpoint) -> Iterator[Cover]:
        rows: Iterable[_Row] = self._db.execute("select * from thread order by thread")
        for thread, subject, number, first_at, last_at, messages in rows:
            yield Cover(
                thread,
                subject or "(subject not shown)",
                number,
                first_at,
                last_at,
                messages,
                export,
                log.origin,
                log.size,
                log.root.hex(),
            )

    def _pieces(self, form: str, thread: str) -> Iterator[str]:
        rows: Iterable[tuple[str]] = self._db.execute(
            f"select {form} from piece where thread = ? order by at, internal, seq",  # noqa: S608 - `form` is html or txt
            (thread,),
        )
        return (text for (text,) in rows)
