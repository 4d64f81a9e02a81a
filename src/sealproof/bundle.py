"""The parts of an evidence bundle: where each lies, and the bytes it has. Builder and verifier both make them from here.

Every line and document is canonical JSON, so whoever knows the facts knows the bytes: the verifier makes most lines itself
and compares.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from sealproof import b64, bag
from sealproof.entry import Content, Entry

SEAL_FORMAT = "desk-evidence/export/v1"

MANIFEST = "data/manifest.json"
ITEMS = "data/items.jsonl"
FILES = "data/files.jsonl"
ENTRIES = "data/ledger/entries.jsonl"
INCLUSION = "data/ledger/inclusion.jsonl"
OPENINGS = "data/ledger/openings.jsonl"
ORG_CHECKPOINT = "data/ledger/org.checkpoint"
SYS_ENTRY = "data/ledger/sys-entry.json"
ORG_IN_SYS = "data/ledger/org-in-sys.tlog-proof"
PEOPLE = "data/people.json"
REVIEW = "data/review/"
CONTENT = "data/content/"
CLAIMED_POLICY = "anchors/claimed/policy.txt"
SEAL_NOTE = "seal/tagmanifest.note"

SELF_DESCRIBED = (MANIFEST, ITEMS, FILES)
"""Payload that `files.jsonl` does not list, because it is the list or stands above it."""

REQUIRED = frozenset(
    {
        *("bagit.txt", "bag-info.txt", *bag.MANIFESTS, *bag.TAG_MANIFESTS, SEAL_NOTE),
        *(*SELF_DESCRIBED, ENTRIES, INCLUSION, OPENINGS, ORG_CHECKPOINT, SYS_ENTRY, ORG_IN_SYS),
    }
)

EXTENSIONS = {"text/plain": "txt", "text/markdown": "md", "application/json": "json"}

_CONTENT_NAME = re.compile(r"data/content/([0-9a-f]{2})/(\1[0-9a-f]{62})\.(?:txt|md|json|bin)")

State = Literal["present", "withheld", "erased", "undisclosed"]


class Opening(NamedTuple):
    """What opens one commitment: salt (32 bytes) and where the content lies, named by its plain SHA-256 (hex)."""

    commit: str
    salt: bytes
    sha256: str
    length: int
    media: str

    @property
    def path(self) -> str:
        """The content's name in the bag."""
        return content_path(self.sha256, self.media)

    def line(self) -> bytes:
        """The line of `openings.jsonl`, newline included."""
        return (
            f'{{"bytes":{self.length},"commit":"{self.commit}","media":"{self.media}","path":"{self.path}",'
            f'"salt":"{self.salt.hex()}","sha256":"{self.sha256}"}}\n'
        ).encode("ascii")


class Disposition(NamedTuple):
    """What the bundle does with one commitment: shows it (`sha256` of the content), or why not (`excused_by` an entry id)."""

    state: State
    sha256: str | None = None
    excused_by: str | None = None


def content_path(sha256: str, media: str) -> str:
    """Where content of this plain SHA-256 (hex) lies; the extension says no more than the media type does."""
    return f"{CONTENT}{sha256[:2]}/{sha256}.{EXTENSIONS.get(media, 'bin')}"


def content_digest(name: str) -> str | None:
    """The plain SHA-256 (hex) that a content file's name promises; None if no content file is called so."""
    match = _CONTENT_NAME.fullmatch(name)
    return match[2] if match else None


def inclusion_line(index: int, leaf: str, hashes: Sequence[str]) -> bytes:
    """The line of `inclusion.jsonl`, newline included; `leaf` is hex, `hashes` are Base64."""
    path = '"' + '","'.join(hashes) + '"' if hashes else ""
    return f'{{"h":"{leaf}","i":{index},"p":[{path}]}}\n'.encode("ascii")


def inclusion_hashes(hashes: Sequence[bytes]) -> list[str]:
    """Proof hashes as `inclusion_line` takes them."""
    return [b64.encode(h) for h in hashes]


def item_line(index: int, leaf: str, entry: Entry, dispositions: Sequence[Disposition]) -> bytes:
    """The line of `items.jsonl`, newline included: what a reader wants to know of an entry without parsing it."""
    contents = ",".join(_item_content(c, d) for c, d in zip(entry.content, dispositions, strict=True))
    kind, stream, seq, _ = entry.stream
    return (
        f'{{"at":"{entry.at}","content":[{contents}],"id":"{entry.id}","index":{index},"leaf":"{leaf}","seq":{seq},'
        f'"stream":{{"id":"{stream}","kind":"{kind}"}},"type":"{entry.type}"}}\n'
    ).encode("ascii")


def _item_content(content: Content, disposition: Disposition) -> str:
    state, sha256, excused_by = disposition
    path = f'"{content_path(sha256, content.media)}"' if sha256 else "null"
    return (
        f'{{"commit":"{content.commit}","excused_by":{_quoted(excused_by)},"path":{path},"sha256":{_quoted(sha256)},'
        f'"slot":"{content.slot}","state":"{state}"}}'
    )


def file_line(name: str, length: int, sha256: str) -> bytes:
    """The line of `files.jsonl`, newline included."""
    return f'{{"bytes":{length},"path":"{name}","role":"{role(name)}","sha256":"{sha256}"}}\n'.encode("ascii")


def role(name: str) -> Literal["primary", "derived"]:
    """Primary files prove; derived ones are copies for readers, made from the primary ones."""
    return "derived" if name == PEOPLE or name.startswith(REVIEW) else "primary"


def is_disclosed(type_: str, slot: str, slots: Collection[str]) -> bool:
    """Whether a bundle that declares `slots` opens this one. The list of streams is always opened: it bounds the scope."""
    return slot in slots or (type_, slot) == ("export.requested", "streams")


def dispose(
    type_: str, content: Content, slots: Collection[str], erased: Mapping[str, str], withheld: Mapping[str, str]
) -> Disposition | None:
    """Why a commitment is not opened, or None if it must be. `erased`, `withheld`: commitment (hex) to the entry id.

    A withheld content may be opened all the same (to those who read originals); an erased or undisclosed one may not.
    """
    if content.commit in erased:
        return Disposition("erased", excused_by=erased[content.commit])
    if not is_disclosed(type_, content.slot, slots):
        return Disposition("undisclosed")
    if content.commit in withheld:
        return Disposition("withheld", excused_by=withheld[content.commit])
    return None


def seal_text(export: str, tagmanifest_sha256: str) -> str:
    """The text that the seal signs; `tagmanifest_sha256` is the hex SHA-256 of `tagmanifest-sha256.txt`."""
    return f"{SEAL_FORMAT}\n{export}\n{tagmanifest_sha256}\n"


def _quoted(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'
