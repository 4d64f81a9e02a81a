"""Imported history, as facts."""

from uuid import UUID

from sealdesk.imports.lines import Numbered
from sealdesk.ledger.events import Event, Stream, document, text
from sealdesk.ledger.seal import Slot


def contact_added(contact: UUID, line: Numbered) -> Event:
    """Somebody is known by name from imported history."""
    author = line.line.author
    body = {"contact": str(contact), "role": author.role}
    return Event(
        "contact.added", Stream("user", contact), body, [document("profile", {"email": None, "name": author.name})]
    )


def thread_imported(thread: UUID, line: Numbered, subject: str) -> Event:
    """A conversation from elsewhere begins here."""
    return Event(
        "thread.created", Stream("thread", thread), {"channel": "import"}, [text("subject", subject), _author(line)]
    )


def message_imported(message: UUID, thread: UUID, source: UUID, line: Numbered) -> Event:
    """A message from elsewhere: what it says of its time and author is content, claimed and not witnessed."""
    told = line.line
    claim = {
        "at": line.claimed_at,
        "author": told.author.id,
        "channel": told.channel,
        "source": str(source),
        "thread": told.thread,
    }
    body = {"message": str(message), "visibility": "public", "source": str(source), "ordinal": line.ordinal}
    return Event(
        "message.imported",
        Stream("thread", thread),
        body,
        [text("body", told.body), _author(line), document("claim", dict(claim))],
    )


def import_finished(org: UUID, run: UUID, source: UUID, name: str, threads: int, messages: int) -> Event:
    """An import is complete."""
    body = {"import": str(run), "source": str(source), "threads": threads, "messages": messages}
    return Event("import.finished", Stream("org", org), body, [text("source", name)])


def _author(line: Numbered) -> Slot:
    return document("author", {"name": line.line.author.name, "role": line.line.author.role})
