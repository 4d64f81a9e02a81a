"""A page of entries into the stage: which contents to open, and then entry by entry what the bundle shows."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sealdesk.exports.build.excuses import Erasure, Excuses
from sealdesk.exports.build.happenings import author, tell
from sealdesk.exports.build.source import Line, Sealed
from sealdesk.exports.build.stage import Stage
from sealdesk.ledger.seal import Sealer
from sealproof import bundle, entry
from sealproof.bundle import Disposition, Opening
from sealproof.entry import Entry


class ContentMissing(Exception):
    """A content is neither stored nor excused by an entry that the bundle may hold."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry of the page. `cited` ones are there for what they excuse."""

    index: int
    entry: Entry
    cited: bool


def read_entry(line: Line) -> Entry:
    """The entry as stored. `ValueError` unless it is the one that the log has at its place.

    It was judged when it was recorded, and its hash shows that it is still the same: it is not judged again.
    """
    if entry.leaf_hash(line.entry) != line.leaf:
        raise ValueError(f"the stored entry at {line.index} is not the one in the log")
    value = json.loads(line.entry)
    stream, actor = value["stream"], value["actor"]
    return Entry(
        line.entry,
        value["log"],
        value["id"],
        value["type"],
        value["at"],
        value["nonce"],
        actor["kind"],
        actor["id"],
        entry.Stream(stream["kind"], stream["id"], stream["seq"], stream["prev"]),
        value["body"],
        tuple(entry.Content(c["slot"], c["commit"], c["bytes"], c["media"]) for c in value["content"]),
        tuple(entry.Ref(r["id"], r["leaf"]) for r in value["refs"]),
    )


@dataclass(frozen=True, slots=True)
class Page:
    """Entries with their inclusion proofs, and the sealed contents that they open by commitment."""

    placed: Sequence[Placed]
    proofs: Sequence[Sequence[bytes]]
    contents: Mapping[bytes, Sealed]


class Entries:
    """Puts pages of entries, which come in index order, into the stage."""

    def __init__(self, stage: Stage, sealer: Sealer, org: UUID, slots: Collection[str], excuses: Excuses) -> None:
        self._stage, self._sealer, self._org = stage, sealer, org
        self._slots, self._excuses = frozenset(slots), excuses
        self._outside = list(reversed(excuses.outside))
        self._cited: set[str] = set()
        self.replacements: dict[str, str] = {}
        self.request: Mapping[str, bytes] = {}

    def place(self, lines: list[Line]) -> list[Placed]:
        """The page's entries, parsed, with the erasures outside the scope that are to be cited by then."""
        placed: list[Placed] = []
        for line in lines:
            placed.extend(self._cite(line.index))
            found = read_entry(line)
            self._note_erased(found)
            placed.append(Placed(line.index, found, cited=False))
        return placed

    def remaining(self) -> list[Placed]:
        """The erasures still to be cited behind the last entry."""
        return list(self._cite(None))

    def wanted(self, placed: list[Placed]) -> list[bytes]:
        """The commitments that these entries open."""
        return [bytes.fromhex(c.commit) for p in placed for c in p.entry.content if self._dispose(p.entry, c) is None]

    def add(self, page: Page) -> None:
        """Write the entries. `ContentMissing`, `Unopenable` or `ValueError` where stored content is not what was committed to."""
        for each, proof in zip(page.placed, page.proofs, strict=True):
            self._add(each, proof, page.contents)

    def _add(self, placed: Placed, proof: Sequence[bytes], contents: Mapping[bytes, Sealed]) -> None:
        found, writer = placed.entry, self._stage.writer
        shown: list[Opening | Disposition] = []
        states: dict[str, Disposition] = {}
        opened: dict[str, bytes] = {}
        for content in found.content:
            absent = self._dispose(found, content)
            if absent is not None:
                states[content.slot] = absent
                shown.append(absent)
                continue
            commit = bytes.fromhex(content.commit)
            stored = contents.get(commit)
            if stored is None:
                raise ContentMissing(content.commit)
            salt_and_text = self._sealer.open(self._org, commit, stored.sealed, stored.wrapped)
            opened[content.slot] = salt_and_text.content
            shown.append(writer.open_content(content, salt_and_text.salt, salt_and_text.content))
        writer.entry(placed.index, found, proof, shown, cited=placed.cited)
        if found.stream.kind == "export":
            author(found, opened, self._stage.people)
            if found.type == "export.requested":
                self.request = opened
        elif not placed.cited:
            self._tell(placed, opened, states)

    def _tell(self, placed: Placed, opened: Mapping[str, bytes], states: Mapping[str, Disposition]) -> None:
        found = placed.entry
        told = tell(placed.index, found, opened, states, self._stage.people, self.replacements)
        subject = opened["subject"].decode() if "subject" in opened else None
        number = found.body["number"] if found.type == "ticket.created" else None
        self._stage.transcripts.tell(found.stream.id, found.stream.seq, told, subject, number)

    def _dispose(self, found: Entry, content: entry.Content) -> Disposition | None:
        return bundle.dispose(found.type, content, self._slots, self._excuses.erased, self._excuses.withheld)

    def _note_erased(self, found: Entry) -> None:
        # Only an erasure that took something of the scope is cited.
        for content in found.content:
            if content.commit in self._excuses.erased:
                self._cited.add(self._excuses.erased[content.commit])

    def _cite(self, before: int | None) -> list[Placed]:
        cited: list[Placed] = []
        while self._outside and (before is None or self._outside[-1].index < before):
            erasure: Erasure = self._outside.pop()
            if erasure.entry.id in self._cited:
                cited.append(Placed(erasure.index, erasure.entry, cited=True))
        return cited
