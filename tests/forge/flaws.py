"""Bundles with one flaw each. A few are clumsy; most are what an operator with the key could do."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from forge.export import Exporter, story
from forge.ledger import Desk, Operator
from forge.reseal import Files, pack, reseal, seal, unpack
from sealproof import bundle, canonical, proof
from sealproof.entry import Entry
from sealproof.note import ED25519, sign_line

Flaw = Callable[[], bytes]

SLOTS = ["author", "body", "purpose", "reason", "redacted_body", "scope", "subject"]


def honest(seed: int = 1) -> bytes:
    """The story's bundle, pinned at its request."""
    desk, request = story(seed)
    return _exporter(desk, request).build()[0]


def _exporter(desk: Desk, request: Entry, kind: type[Exporter] = Exporter) -> Exporter:
    exporter = kind(desk, request)
    exporter.size = desk.log.entries.index(request) + 1
    return exporter


def _changed(change: Callable[[Files], None], *, resealed: bool = True) -> bytes:
    top, files = unpack(honest())
    change(files)
    return reseal(top, files, Operator()) if resealed else pack(top, files)


def _line(files: Files, name: str, number: int, change: Callable[[dict[str, Any]], None]) -> None:
    lines = files[name].splitlines()
    value = json.loads(lines[number])
    change(value)
    lines[number] = canonical.encode(value)
    files[name] = b"\n".join(lines) + b"\n"


def _without(matches: Callable[[Entry], bool]) -> bytes:
    """An export from which matching entries were left out as if they had never been."""

    class Omitting(Exporter):
        def written(self) -> list[tuple[int, Entry]]:
            return [(index, e) for index, e in self.chosen() if not matches(e)]

    desk, request = story()
    return _exporter(desk, request, Omitting).build()[0]


def _files(change: Callable[[Files], None]) -> Flaw:
    return lambda: _changed(change)


def _raw(change: Callable[[Files], None]) -> Flaw:
    return lambda: _changed(change, resealed=False)


def _other_body(files: Files) -> None:
    name = next(name for name in sorted(files) if name.endswith(".md"))
    files[name] = b"X" + files[name][1:]


def _renamed_body(files: Files) -> None:
    name = next(name for name in sorted(files) if name.endswith(".md"))
    data = b"X" + files.pop(name)[1:]
    old, new = name[-67:-3], sha256(data).hexdigest()
    files[bundle.content_path(new, "text/markdown")] = data
    for part in (bundle.OPENINGS, bundle.ITEMS):
        files[part] = files[part].replace(name.encode(), bundle.content_path(new, "text/markdown").encode())
        files[part] = files[part].replace(old.encode(), new.encode())


def _orphan(files: Files) -> None:
    files[bundle.content_path(sha256(b"more").hexdigest(), "text/plain")] = b"more"


def _no_opening(files: Files) -> None:
    lines = files[bundle.OPENINGS].splitlines(keepends=True)
    files[bundle.OPENINGS] = b"".join(lines[:-1])


def _salt(files: Files) -> None:
    _line(files, bundle.OPENINGS, 0, lambda opening: opening.update(salt="00" * 32))


def _entry_text(files: Files) -> None:
    files[bundle.ENTRIES] = files[bundle.ENTRIES].replace(b'"channel":"portal"', b'"channel":"widget"', 1)


def _leaf(files: Files) -> None:
    _line(files, bundle.INCLUSION, 3, lambda proof: proof.update(h="00" * 32))


def _index(files: Files) -> None:
    _line(files, bundle.INCLUSION, 3, lambda proof: proof.update(i=proof["i"] + 1))


def _path(files: Files) -> None:
    _line(files, bundle.INCLUSION, 3, lambda proof: proof["p"].reverse())


def _item(files: Files) -> None:
    files[bundle.ITEMS] = files[bundle.ITEMS].replace(b'"state":"withheld"', b'"state":"erased"', 1)


def _manifest(change: Callable[[dict[str, Any]], None]) -> Flaw:
    def apply(files: Files) -> None:
        value = json.loads(files[bundle.MANIFEST])
        change(value)
        files[bundle.MANIFEST] = canonical.encode(value)

    return _files(apply)


def _note(name: str, change: Callable[[bytes], bytes]) -> Flaw:
    def apply(files: Files) -> None:
        files[name] = change(files[name])

    return _files(apply)


def _another_signature(data: bytes) -> bytes:
    return data + sign_line("stranger.example", bytes(32), bytes(64), ED25519).encode()


def _unsealed() -> bytes:
    top, files = unpack(honest())
    del files[bundle.SEAL_NOTE]
    return pack(top, files)


def _sealed_by_another() -> bytes:
    top, files = unpack(honest())
    return pack(top, seal(files, Operator(bytes(32))))


def _seal_of_another_bundle() -> bytes:
    top, files = unpack(honest())
    return pack(top, files | {bundle.SEAL_NOTE: unpack(honest(2))[1][bundle.SEAL_NOTE]})


def _seal_with_more() -> bytes:
    top, files = unpack(honest())
    return pack(top, files | {bundle.SEAL_NOTE: _another_signature(files[bundle.SEAL_NOTE])})


def _org_log_of_another() -> bytes:
    """All is consistent, but the system log says nothing of this tree."""
    desk, request = story()

    class Lying(Exporter):
        def add_documents(self, writer: Any) -> None:
            self.desk.sys.leaves[1] = bytes(32)
            super().add_documents(writer)

    return _exporter(desk, request, Lying).build()[0]


def _own_key() -> bytes:
    """A whole bundle by somebody else under the same names."""
    other = Desk(1, Operator(bytes(32)))
    thread = other.create_thread()
    request = other.request_export([("thread", thread)])
    other.checkpoint_org()
    return _exporter(other, request).build()[0]


def _locked_post() -> bytes:
    desk = Desk(3)
    thread = desk.create_thread()
    desk.act(thread, "locked")
    desk.post(thread, "Let me in.")
    return _requested(desk, thread)


def _backwards() -> bytes:
    desk = Desk(3)
    thread = desk.create_thread()
    desk.now -= desk.now - desk.now.replace(hour=9)
    desk.post(thread, "Earlier.")
    return _requested(desk, thread)


def _requested(desk: Desk, thread: str, **options: Any) -> bytes:
    request = desk.request_export([("thread", thread)], slots=SLOTS, **options)
    desk.checkpoint_org()
    return _exporter(desk, request).build()[0]


def _unapproved() -> bytes:
    desk = Desk(3)
    return _requested(desk, desk.create_thread(), approval="required")


def _erased_opened() -> bytes:
    """What was erased is shown, from a copy that should not exist."""
    desk, request = story()
    gone = next(e for e in desk.log.entries if e.type == "content.erased")
    desk.vault.update(desk.erased)

    class Hoarding(Exporter):
        def excuses(self) -> tuple[dict[str, str], dict[str, str]]:
            erased, withheld = super().excuses()
            return {c: e for c, e in erased.items() if c != gone.body["commits"][0]}, dict(withheld)

    return _exporter(desk, request, Hoarding).build()[0]


def _undeclared_opened() -> bytes:
    """More is opened than the request declared."""
    desk, request = story()

    class Generous(Exporter):
        def add_entries(self, writer: Any) -> None:
            self.disclosed = {*self.disclosed, "origin"}
            super().add_entries(writer)

    return _exporter(desk, request, Generous).build()[0]


def _sys_proof(files: Files) -> None:
    read = proof.parse(files[bundle.ORG_IN_SYS])
    files[bundle.ORG_IN_SYS] = proof.TlogProof(read.index, read.hashes[::-1], read.checkpoint).encode()


def _add(name: str) -> Flaw:
    return _files(lambda files: files.update({name: b"more"}))


def _is(type_: str) -> Callable[[Entry], bool]:
    return lambda e: e.type == type_


FLAWS: dict[str, tuple[int, Flaw]] = {
    # The step that must name each, and the bundle.
    "unknown-file": (1, _add("data/more.bin")),
    "fetch": (1, _add("fetch.txt")),
    "seal-missing": (1, _unsealed),
    "body-replaced-clumsily": (2, _raw(_other_body)),
    "content-misnamed": (3, _files(_other_body)),
    "item-untrue": (3, _files(_item)),
    "manifest-other-scope": (9, _manifest(lambda m: m["scope"].update(audience="agent"))),
    "manifest-other-stream": (9, _manifest(lambda m: m["streams"].pop())),
    "manifest-other-count": (3, _manifest(lambda m: m["counts"].update(erased=0))),
    "manifest-unknown-member": (3, _manifest(lambda m: m.update(more=1))),
    "sys-checkpoint-size": (4, _note(bundle.ORG_IN_SYS, lambda data: data.replace(b"\n3\n", b"\n4\n"))),
    "sys-checkpoint-of-another-key": (4, _own_key),
    "sys-proof-wrong": (5, _files(_sys_proof)),
    "org-checkpoint-not-on-record": (5, _org_log_of_another),
    "org-checkpoint-two-signatures": (5, _note(bundle.ORG_CHECKPOINT, _another_signature)),
    "entry-altered": (8, _files(_entry_text)),
    "leaf-altered": (8, _files(_leaf)),
    "index-altered": (8, _files(_index)),
    "path-altered": (8, _files(_path)),
    "message-omitted": (9, lambda: _without(lambda e: e.type == "message.posted" and e.stream.seq == 2)),
    "last-message-omitted": (9, lambda: _without(lambda e: e.type == "message.unredacted")),
    "first-entry-omitted": (9, lambda: _without(_is("thread.created"))),
    "ticket-stream-omitted": (9, lambda: _without(lambda e: e.stream.kind == "ticket")),
    "request-omitted": (9, lambda: _without(_is("export.requested"))),
    "content-other": (10, _files(_renamed_body)),
    "salt-other": (10, _files(_salt)),
    "opening-omitted": (10, _files(_no_opening)),
    "content-orphaned": (10, _files(_orphan)),
    "erased-yet-opened": (10, _erased_opened),
    "undeclared-yet-opened": (10, _undeclared_opened),
    "posted-to-locked-thread": (11, _locked_post),
    "time-backwards": (11, _backwards),
    "approval-missing": (11, _unapproved),
    "sealed-by-another": (15, _sealed_by_another),
    "seal-of-another-bundle": (15, _seal_of_another_bundle),
    "seal-with-more": (15, _seal_with_more),
}
