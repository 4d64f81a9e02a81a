"""Import conversations: all of a file or nothing, and each message once however often it is run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from sealdesk.access.actor import operator
from sealdesk.access.permissions import Permission
from sealdesk.core.errors import StateConflict
from sealdesk.core.ids import new_id
from sealdesk.imports import events
from sealdesk.imports.lines import Numbered
from sealdesk.ledger.events import Recorded, Stream
from sealdesk.threads.model import ThreadLocked, checked_subject
from sealdesk.unit import Change, Desk

NAMESPACE = UUID("5f0c7a52-6ac4-4d0b-9a5e-3a1f6a1d7c11")
CHUNK = 500
_IMPORTED = """select i.thread_key, i.ordinal, i.thread_id, m.body_commit
from app.imported i join app.message m on m.org_id = i.org_id and m.thread_id = i.thread_id and m.entry_id = i.entry_id
where i.org_id = $1 and i.source = $2"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import added."""

    threads: int
    messages: int


async def import_conversations(
    desk: Desk, org: UUID, source_name: str, lines: Sequence[Numbered], progress: Callable[[int], None]
) -> Imported:
    """Import what is new of `lines` in one transaction; `progress` is told how many lines more are done.

    `source_name` says where they come from: a thread and ordinal of one source are imported once.
    """
    source = uuid5(NAMESPACE, f"{org}/{source_name}")
    async with desk.change(operator(org)) as change:
        change.demand(Permission.CONVERSATIONS_IMPORT)
        run = await _Run.begin(change, source)
        fresh = [line for line in lines if (line.line.thread, line.ordinal) not in run.messages]
        await run.compare([line for line in lines if (line.line.thread, line.ordinal) in run.messages])
        progress(len(lines) - len(fresh))
        if not fresh:
            change.nothing()
            return Imported(0, 0)
        await run.lock(fresh)
        for start in range(0, len(fresh), CHUNK):
            await run.write(fresh[start : start + CHUNK])
            progress(len(fresh[start : start + CHUNK]))
        added = Imported(len(run.new_threads), len(fresh))
        change.record(events.import_finished(org, new_id(), source, source_name, added.threads, added.messages))
    return added


@dataclass(slots=True)
class _Run:
    """One run: what earlier ones brought, and the ids that this one gives."""

    change: Change
    source: UUID
    threads: dict[str, UUID] = field(default_factory=dict[str, UUID])
    contacts: dict[str, UUID] = field(default_factory=dict[str, UUID])
    messages: dict[tuple[str, int], bytes] = field(default_factory=dict[tuple[str, int], bytes])
    new_threads: dict[str, UUID] = field(default_factory=dict[str, UUID])
    new_contacts: dict[str, UUID] = field(default_factory=dict[str, UUID])

    @classmethod
    async def begin(cls, change: Change, source: UUID) -> "_Run":
        org, run = change.actor.org, cls(change, source)
        rows = await change.rows(_IMPORTED, org, source)
        for row in rows:
            run.threads[row["thread_key"]] = row["thread_id"]
            run.messages[row["thread_key"], row["ordinal"]] = row["body_commit"]
        rows = await change.rows(
            "select external_key, contact_id from app.contact where org_id = $1 and source = $2", org, source
        )
        run.contacts = {row["external_key"]: row["contact_id"] for row in rows}
        return run

    async def compare(self, known: Sequence[Numbered]) -> None:
        """Raise `StateConflict` naming the first line whose text is another than was imported: what is on record can't be corrected so."""
        for start in range(0, len(known), CHUNK):
            chunk = known[start : start + CHUNK]
            commits = [self.messages[line.line.thread, line.ordinal] for line in chunk]
            opened = await self.change.open(commits)
            for line, commit in zip(chunk, commits, strict=True):
                found = opened.get(commit)
                if found is not None and found.content.decode() != line.line.body:
                    raise StateConflict(
                        f"Line {line.number} says something else than what was imported before. "
                        "What is on record can't be changed; bring a correction as a new message. Nothing was imported."
                    )

    async def lock(self, fresh: Sequence[Numbered]) -> None:
        """Give ids to what is new and lock every stream in one call, in key order. `ThreadLocked` (409) where a conversation is."""
        self.new_threads = {
            key: new_id() for key in dict.fromkeys(x.line.thread for x in fresh) if key not in self.threads
        }
        self.new_contacts = {
            key: new_id() for key in dict.fromkeys(x.line.author.id for x in fresh) if key not in self.contacts
        }
        old = {self.threads[x.line.thread] for x in fresh if x.line.thread in self.threads}
        self.threads |= self.new_threads
        streams = [Stream("thread", thread) for thread in old | set(self.new_threads.values())]
        people = [Stream("user", contact) for contact in self.new_contacts.values()]
        await self.change.lock(Stream("org", self.change.actor.org), *streams, *people)
        locked = await self.change.value(
            "select count(*) from app.thread where org_id = $1 and thread_id = any ($2) and locked",
            self.change.actor.org,
            list(old),
        )
        if locked:
            raise ThreadLocked(
                f"{locked} of these conversations are locked and take no message. Unlock them first. Nothing was imported."
            )

    async def write(self, chunk: Sequence[Numbered]) -> None:
        """Record a part of the lines and write what was recorded, still uncommitted, so that memory stays bounded."""
        contacts: list[dict[str, object]] = []
        threads: list[dict[str, object]] = []
        messages: list[dict[str, object]] = []
        for line in chunk:
            if line.line.author.id not in self.contacts:
                contacts.append(self._contact(line))
            if line.line.subject is not None:
                threads.append(self._thread(line, line.line.subject))
            messages.append(self._message(line))
        await self.change.insert_many("app.contact", contacts)
        await self.change.insert_many("app.thread", threads)
        await self.change.insert_many("app.message", messages)
        columns = ("thread_id", "entry_id")
        places = [
            {
                "source": self.source,
                "thread_key": line.line.thread,
                "ordinal": line.ordinal,
                **{name: row[name] for name in columns},
            }
            for line, row in zip(chunk, messages, strict=True)
        ]
        await self.change.insert_many("app.imported", places)
        await self.change.flush()

    def _contact(self, line: Numbered) -> dict[str, object]:
        author = line.line.author
        contact = self.contacts[author.id] = self.new_contacts[author.id]
        self.change.record(events.contact_added(contact, line))
        return {
            "contact_id": contact,
            "source": self.source,
            "external_key": author.id,
            "role": author.role,
            "name": author.name,
        }

    def _thread(self, line: Numbered, subject: str) -> dict[str, object]:
        thread = self.threads[line.line.thread]
        fact = self.change.record(events.thread_imported(thread, line, checked_subject(subject)))
        return {
            "thread_id": thread,
            "channel": "import",
            "subject_commit": fact.commits["subject"],
            "opener_id": self.contacts[line.line.author.id],
            "opener_kind": "contact",
            "created_at": fact.at,
        }

    def _message(self, line: Numbered) -> dict[str, object]:
        message, thread = new_id(), self.threads[line.line.thread]
        fact: Recorded = self.change.record(events.message_imported(message, thread, self.source, line))
        return {
            "message_id": message,
            "thread_id": thread,
            "stream_kind": fact.stream.kind,
            "seq": fact.seq,
            "visibility": "public",
            "author_id": self.contacts[line.line.author.id],
            "at": fact.at,
            "entry_id": fact.entry_id,
            "body_commit": fact.commits["body"],
        }
