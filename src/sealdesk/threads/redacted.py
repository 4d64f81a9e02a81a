"""What stands in the place of a message that is redacted or erased: who said so, when and why, and what is read instead.

That nobody but an auditor opens the original is held by the database, for every query there is; here is what readers get to see of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sealdesk.core.seen import TURNS
from sealdesk.ledger.read import ENTRY_COLUMNS, Stored
from sealdesk.ledger.seal import Opened
from sealdesk.unit import Reading

ACTS: Final = ("message.redacted", "message.unredacted", "content.erased")
"""Entries after which an earlier message is shown otherwise."""
NAMELESS: Final = (*ACTS, "hold.placed", "hold.released", "erasure.asked", "erasure.refused")
"""Entries that carry of who acted the id alone."""
PREVIEWS: Final = {"withheld": "Message withheld", "erased": "Message erased"}
REASONS: Final = {
    "pii": "personal data",
    "secret": "a secret, such as a password",
    "abuse": "abuse",
    "legal": "legal reasons",
    "mistake": "sent by mistake",
    "error": "the redaction was an error",
    "litigation": "litigation",
    "inquiry": "an inquiry",
    "settled": "settled",
    "other": "another reason",
    "gdpr-17-1": "a request for erasure (GDPR, Article 17)",
    "retention": "the retention period",
    "court-order": "a court order",
    "consent-withdrawn": "withdrawn consent",
}
"""The codes of entries, in words."""
_STANDING = f"""select r.body_commit, r.state, {ENTRY_COLUMNS} from app.redaction r
join ledger.entry e on e.org_id = r.org_id and e.entry_id = r.entry_id
left join ledger.leaf l on l.org_id = e.org_id and l.qid = e.qid
where r.org_id = $1 and r.body_commit = any ($2) and r.state <> 'lifted'"""  # noqa: S608 - columns from code


@dataclass(frozen=True, slots=True)
class Standing:
    """That a message is `masked`, `withheld` or `erased`, and the entry that says so."""

    state: str
    entry: Stored

    @property
    def wanted(self) -> tuple[bytes, ...]:
        """The commitments of what it shows."""
        return tuple(commit for slot, commit in self.entry.commits.items() if slot in ("redacted_body", "reason"))

    @property
    def actors(self) -> tuple[str, ...]:
        """The ids of who is named: one who redacts, two who erase."""
        if self.state == "erased":
            return self.entry.body["asked_by"], self.entry.body["approved_by"]
        return (self.entry.actor_id,)


@dataclass(frozen=True, slots=True)
class Redaction:
    """As a reader gets to see it. `by` are names, `text` is what is read instead, None where there is nothing."""

    state: str
    entry_id: UUID
    at: datetime
    by: tuple[str, ...]
    code: str
    note: str
    text: str | None

    @classmethod
    def of(cls, standing: Standing, opened: Mapping[bytes, Opened], names: Mapping[str, str]) -> "Redaction":
        """With what was opened, and names by id."""
        entry = standing.entry
        code = entry.body["basis"] if standing.state == "erased" else entry.body["reason"]
        told = {slot: _text(opened, commit) for slot, commit in entry.commits.items()}
        by = tuple(names.get(each, "somebody of the desk") for each in standing.actors)
        text = told.get("redacted_body") if standing.state == "masked" else None
        return cls(standing.state, entry.entry_id, entry.at, by, code, told.get("reason") or "", text)

    @property
    def preview(self) -> str:
        """In a line, where a list shows the start of a message."""
        return self.text or PREVIEWS.get(self.state, PREVIEWS["withheld"])

    @property
    def sentence(self) -> str:
        """Who and why, as what stands in the message's place says it."""
        why = REASONS.get(self.code, self.code) + (f" ({self.note.translate(TURNS)})" if self.note else "")
        if self.state == "erased":
            return f"Erased: asked for by {self.by[0]}, approved by {self.by[-1]}, on the basis of {why}"
        return f"{'Masked' if self.state == 'masked' else 'Withheld'} by {self.by[0]}: {why}"


async def standing(work: Reading, bodies: Iterable[bytes]) -> dict[bytes, Standing]:
    """By the commitment of its body, each of these messages that is redacted or erased."""
    wanted = list(set(bodies))
    if not wanted:
        return {}
    rows = await work.rows(_STANDING, work.actor.org, wanted)
    return {row["body_commit"]: Standing(row["state"], Stored.of(row)) for row in rows}


async def names_of(work: Reading, found: Iterable[Standing], entries: Sequence[Stored] = ()) -> dict[str, str]:
    """Names by id, of who is named by the id alone."""
    ids = {actor for each in found for actor in each.actors}
    ids |= {each.actor_id for each in entries if each.type in NAMELESS}
    for each in entries:
        if each.type == "content.erased":
            ids |= {each.body["asked_by"], each.body["approved_by"]}
    if not ids:
        return {}
    rows = await work.rows("select member_id, name from sec.staff_names($1)", [UUID(each) for each in ids])
    return {str(row["member_id"]): row["name"] for row in rows}


def _text(opened: Mapping[bytes, Opened], commit: bytes) -> str | None:
    found = opened.get(commit)
    return found.content.decode() if found else None
