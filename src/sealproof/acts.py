"""The entries that decide how others are judged, gathered before the rest is read: the request, redactions, erasures."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sealproof import canonical, entry, kinds
from sealproof.entry import Entry
from sealproof.manifest import Manifest
from sealproof.report import Failed
from sealproof.types import STREAM_KINDS

_ACT = re.compile(rb'"type":"(?:message\.(?:un)?redacted|content\.erased|export\.[a-z]+)","v":1\}\Z')

_heads = kinds.array(
    kinds.record(kind=kinds.enum(*STREAM_KINDS), id=kinds.uuid, seq=kinds.positive, head=kinds.hash256)
)

Stream = tuple[str, str]


class Head(NamedTuple):
    """The entry that the request committed to as a stream's last: its seq and leaf hash (hex)."""

    seq: int
    leaf: str


class Excuse(NamedTuple):
    """Why a commitment is not opened: the entry's id, and its line in the bundle."""

    entry: str
    line: int


@dataclass(slots=True)
class Acts:
    """`erased` and `withheld` are by commitment (hex), as of the pinned state; `refs` are leaf hash (hex) to entry id."""

    request: Entry | None = None
    verbs: set[str] = field(default_factory=set[str])
    erased: dict[str, Excuse] = field(default_factory=dict[str, Excuse])
    withheld: dict[str, Excuse] = field(default_factory=dict[str, Excuse])
    refs: dict[str, str] = field(default_factory=dict[str, str])


def gather(lines: Iterable[bytes], manifest: Manifest) -> Acts:
    """A first reading of the entries. All of them are checked in the second; here only these few are even parsed."""
    acts = Acts()
    for number, raw in enumerate(lines):
        if _ACT.search(raw, max(0, len(raw) - 64)):
            try:
                _gather(acts, entry.parse(raw), number, manifest)
            except entry.EntryError as error:
                raise Failed(8, f"entry {number + 1} of the bundle: {error}") from error
    return acts


def _gather(acts: Acts, act: Entry, line: int, manifest: Manifest) -> None:
    commits: list[str] = act.body.get("commits", [])
    match act.type:
        case "content.erased":
            for commit in commits:
                acts.erased.setdefault(commit, Excuse(act.id, line))
        case "message.redacted":
            for commit in commits:
                acts.withheld[commit] = Excuse(act.id, line)
        case "message.unredacted":
            for commit in commits:
                acts.withheld.pop(commit, None)
        case _:
            if act.body["export"] == manifest.export:
                acts.verbs.add(act.type)
            if act.id == manifest.request_entry and act.type == "export.requested":
                acts.request = act
            return
    for ref in act.refs:
        acts.refs[ref.leaf] = ref.id


def committed_heads(request: Entry, streams_content: bytes | None) -> dict[Stream, Head]:
    """What the request committed to, from its body or, where the list is long, from its content."""
    listed: Any = request.body["streams"]
    if listed is None:
        try:
            listed = canonical.decode_sparse(streams_content or b"")
        except canonical.CanonicalError as error:
            raise Failed(9, f"the request's list of streams: {error}") from error
        if not _heads(listed) or len(listed) != request.body["streams_count"]:
            raise Failed(9, "the request's list of streams is not one")
    heads = {(head["kind"], head["id"]): Head(head["seq"], head["head"]) for head in listed}
    if len(heads) != len(listed):
        raise Failed(9, "the request names a stream twice")
    return heads
