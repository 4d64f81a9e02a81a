"""What a transcript tells of one entry, whatever it is then written in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from sealdesk.exports.build.people import People
from sealdesk.exports.build.phrases import phrase
from sealproof.bundle import Disposition
from sealproof.entry import Entry

MESSAGES = ("message.posted", "message.imported")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What imported history says of itself."""

    at: str
    author: str
    channel: str


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry of a conversation: a message with `text`, or an event in one line. `absent` says why a message's text is not shown."""

    index: int
    type: str
    at: str
    name: str
    role: str
    internal: bool
    message: bool
    text: str
    absent: str = ""
    claimed: Claimed | None = None


def tell(
    index: int,
    found: Entry,
    opened: Mapping[str, bytes],
    states: Mapping[str, Disposition],
    people: People,
    replacements: Mapping[str, str],
) -> Happening:
    """The happening that an entry is. `opened` and `states` go by slot; `replacements` are masked texts by message id."""
    name, role = author(found, opened, people)
    internal = found.stream.kind == "ticket"
    at = found.at
    if found.type not in MESSAGES:
        words = phrase(found.type, found.body, people.name)
        said = next((opened[slot].decode() for slot in ("reason", "note") if slot in opened), "")
        return Happening(index, found.type, at, name, role, internal, False, f"{words}: {said}" if said else words)
    text, absent = _body(found, opened, states, replacements)
    return Happening(index, found.type, at, name, role, internal, True, text, absent, _claimed(opened))


def author(found: Entry, opened: Mapping[str, bytes], people: People) -> tuple[str, str]:
    """Who acted, by name and role, and `people` learns of it."""
    if "author" in opened:
        told = _document(opened["author"])
        name, role = told.get("name", ""), told.get("role", "")
        if found.type != "message.imported":
            people.meet(found.actor_kind, found.actor_id, name, role)
        return name, role
    if found.actor_kind in ("system", "operator"):
        return "The desk", found.actor_kind
    return people.name(found.actor_id), found.actor_kind


def _body(
    found: Entry, opened: Mapping[str, bytes], states: Mapping[str, Disposition], replacements: Mapping[str, str]
) -> tuple[str, str]:
    if "body" in opened:
        return opened["body"].decode(), ""
    state = states["body"]
    if state.state == "erased":
        return "", f"Erased under entry {state.excused_by}"
    if state.state == "withheld":
        return replacements.get(found.body["message"], ""), f"Redacted under entry {state.excused_by}"
    return "", "Not disclosed in this bundle"


def _claimed(opened: Mapping[str, bytes]) -> Claimed | None:
    if "claim" not in opened:
        return None
    told = _document(opened["claim"])
    return Claimed(told.get("at", ""), told.get("author", ""), told.get("channel", ""))


@lru_cache(maxsize=256)
def _document(data: bytes) -> dict[str, str]:
    return {key: str(value) for key, value in cast("dict[str, object]", json.loads(data)).items()}
