"""A message that was posted, and what can become of it."""

from dataclasses import dataclass
from typing import Final, Literal, Self
from uuid import UUID

from sealdesk.core.errors import BadRequest, StateConflict, TooLarge
from sealdesk.core.visible import says_something
from sealdesk.ledger.events import Event, Ref, Stream
from sealdesk.redactions import events
from sealdesk.threads.model import MAX_BODY, Thread
from sealdesk.unit import Reading

BOTH: Final = ("thread", "ticket")
"""The streams that are locked for every act: what stops an erasure may stand in either."""
MOST_NOTE: Final = 1000
"""Bytes of UTF-8 in a note."""
MOST_REDACTIONS: Final = 100
"""How often a message is redacted: an erasure names what each of them showed, in one entry."""
Code = Literal["pii", "secret", "abuse", "legal", "mistake", "other"]
LiftCode = Literal["error", "other"]
HoldCode = Literal["litigation", "inquiry", "settled", "error", "other"]
Basis = Literal["gdpr-17-1", "retention", "court-order", "consent-withdrawn"]

_FOUND = """select m.thread_id, m.stream_kind, m.body_commit, m.entry_id, e.leaf_hash, r.state, r.entry_id as said,
  s.leaf_hash as said_leaf, (select count(*) from ledger.entry x where r.state is not null and x.org_id = m.org_id
    and x.stream_kind = m.stream_kind and x.stream_id = m.thread_id and x.type = 'message.redacted'
    and convert_from(x.entry, 'UTF8')::jsonb #>> '{body,message}' = m.message_id::text) as times,
  array(select decode(c ->> 'commit', 'hex') from ledger.entry x, jsonb_array_elements(convert_from(x.entry, 'UTF8')::jsonb -> 'content') c
    where r.state is not null and x.org_id = m.org_id and x.stream_kind = m.stream_kind and x.stream_id = m.thread_id
    and x.type = 'message.redacted' and convert_from(x.entry, 'UTF8')::jsonb #>> '{body,message}' = m.message_id::text
    and c ->> 'slot' = 'redacted_body' order by x.stream_seq) as masks
from app.message m join ledger.entry e on e.org_id = m.org_id and e.entry_id = m.entry_id
left join app.redaction r on r.org_id = m.org_id and r.message_id = m.message_id
left join ledger.entry s on s.org_id = r.org_id and s.entry_id = r.entry_id
where m.org_id = $1 and m.message_id = $2"""


class AlreadyRedacted(StateConflict):
    """Another redaction stands; it has to be taken back first."""

    slug = "already-redacted"
    title = "The message is redacted already"
    sentence = "The message is redacted already. Take that back first if it is to read otherwise."


class NotRedacted(StateConflict):
    """There is no redaction to take back."""

    slug = "not-redacted"
    title = "The message is not redacted"
    sentence = "The message is read as it was written; there is no redaction to take back."


class Erased(StateConflict):
    """What was erased is gone."""

    slug = "erased"
    title = "The message was erased"
    sentence = "The message was erased. Nothing of it is left that could be shown, hidden or erased."


class LegalHold(StateConflict):
    """A hold stands on the conversation."""

    slug = "legal-hold"
    title = "A legal hold stands"
    sentence = "A legal hold stands on this conversation, so nothing of it is erased until the hold is released."


class ErasureOff(StateConflict):
    """The organisation does not erase."""

    slug = "erasure-off"
    title = "Erasure is off"
    sentence = "This organisation has not turned erasure on. An admin asks for it, and a second person approves."


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a message is to be redacted: `text` is read in its place, or nothing where it is withheld."""

    mode: Literal["mask", "withhold"]
    code: Code
    text: str | None = None
    note: str = ""

    def checked(self) -> "Wanted":
        """Itself; `BadRequest` for a mask without a text, or a text without a mask."""
        if self.mode == "withhold" and self.text:
            raise BadRequest("A withheld message has no text in its place; mask it instead.", pointer="/text")
        if self.mode == "mask" and not says_something(self.text or ""):
            raise BadRequest("Write what is to be read instead.", pointer="/text")
        if len((self.text or "").encode()) > MAX_BODY:
            raise TooLarge(f"What is read instead has at most {MAX_BODY:,} bytes.")
        return Wanted(self.mode, self.code, self.text if self.mode == "mask" else None, checked_note(self.note))


def checked_note(note: str, *, needed: bool = False) -> str:
    """The note without blanks around it; `BadRequest` where there is too much of it, or none where one is needed."""
    told = note.strip()
    if len(told.encode()) > MOST_NOTE or (needed and not says_something(told)):
        raise BadRequest(f"Say why, in at most {MOST_NOTE:,} bytes.", pointer="/reason" if needed else "/note")
    return told


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as found under the actor's reach. `state` is plain, masked, withheld, lifted or erased; `said` is the entry that says so.

    `times` is how often it was redacted, `masks` are the commitments of the texts that stood in its place.
    """

    id: UUID
    thread_id: UUID
    stream: Stream
    body: bytes
    entry: Ref
    state: str
    said: Ref | None
    times: int
    masks: tuple[bytes, ...]

    @classmethod
    async def find(cls, work: Reading, key: UUID, lock: tuple[str, ...]) -> Self | None:
        """The message in reach, its state read after its conversation's streams were locked."""
        thread = await work.value(
            "select thread_id from app.message where org_id = $1 and message_id = $2", work.actor.org, key
        )
        if not isinstance(thread, UUID) or (lock and await Thread.find(work, thread, lock) is None):
            return None
        row = await work.row(_FOUND, work.actor.org, key)
        if row is None:
            return None
        said = Ref(row["said"], row["said_leaf"]) if row["said"] and row["said_leaf"] else None
        stream = Stream(row["stream_kind"], row["thread_id"])
        posted = Ref(row["entry_id"], row["leaf_hash"])
        state, masks = row["state"] or "plain", tuple(row["masks"])
        return cls(key, thread, stream, row["body_commit"], posted, state, said, row["times"], masks)

    def redact(self, wanted: Wanted) -> Event:
        """Its redaction, which also takes away what stood in its place before. `AlreadyRedacted` or `Erased` (409)."""
        self._demand_there()
        if self.state in ("masked", "withheld"):
            raise AlreadyRedacted
        if self.times >= MOST_REDACTIONS:
            raise StateConflict(f"A message is redacted at most {MOST_REDACTIONS} times.")
        gone = [self.body, *self.masks]
        return events.message_redacted(self.stream, self.id, gone, wanted.code, wanted.text, wanted.note, self.entry)

    def lift(self, code: str, note: str) -> Event:
        """The end of its redaction. `NotRedacted` or `Erased` (409)."""
        self._demand_there()
        if self.state not in ("masked", "withheld") or self.said is None:
            raise NotRedacted
        return events.message_unredacted(self.stream, self.id, self.body, code, note, [self.entry, self.said])

    def ask_erasure(self, basis: str, reason: str) -> Event:
        """That it be erased. `Erased` (409) where it is."""
        self._demand_there()
        return events.erasure_asked(self.thread_id, self.id, basis, reason, self.entry)

    def _demand_there(self) -> None:
        if self.state == "erased":
            raise Erased
