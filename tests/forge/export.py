"""Exports of a throw-away desk, as an honest exporter makes them; each step can be bent by a test."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from forge.ledger import Desk
from sealproof import bundle, proof
from sealproof.bundle import Disposition, Opening
from sealproof.entry import Entry
from sealproof.writer import BundleWriter, Sealing, Written

EXPORTER = ("sealdesk", "1")


class Exporter:
    """Builds the bundle of one `export.requested`. Override or assign to make a dishonest one."""

    def __init__(self, desk: Desk, request: Entry) -> None:
        self.desk = desk
        self.request = request
        self.disclosed = set(request.body["disclosure"]["slots"])
        listed = request.body["streams"]
        if listed is None:
            commit = next(c.commit for c in request.content if c.slot == "streams")
            listed = json.loads(desk.vault[commit][1])
        self.scope = {(s["kind"], s["id"]) for s in listed} | {request.stream[:2]}
        self.size = len(desk.log.entries)
        self.originals = False

    def build(self, out: Path | None = None) -> tuple[bytes, Written]:
        """The container's bytes; also written to `out`."""
        buffer = io.BytesIO()
        with TemporaryDirectory() as folder:
            writer = BundleWriter(Path(folder) / "work")
            try:
                self.add_entries(writer)
                self.add_documents(writer)
                sealing = self.finish(writer)
                writer.seal(self.seal_note(sealing))
                written = writer.write(buffer)
            finally:
                writer.close()
        if out:
            out.write_bytes(buffer.getvalue())
        return buffer.getvalue(), written

    def chosen(self) -> list[tuple[int, Entry]]:
        """Entries of the scope, and those elsewhere that excuse content of it."""
        entries = list(enumerate(self.desk.log.entries[: self.size]))
        commits = {c.commit for _, e in entries if e.stream[:2] in self.scope for c in e.content}
        return [
            (index, e)
            for index, e in entries
            if e.stream[:2] in self.scope or (e.type == "content.erased" and commits & set(e.body["commits"]))
        ]

    def written(self) -> list[tuple[int, Entry]]:
        """What of it goes into the bundle: all of it, honestly."""
        return self.chosen()

    def excuses(self) -> tuple[dict[str, str], dict[str, str]]:
        erased: dict[str, str] = {}
        withheld: dict[str, str] = {}
        for _, e in self.chosen():
            for commit in e.body.get("commits", ()):
                match e.type:
                    case "content.erased":
                        erased[commit] = e.id
                    case "message.redacted":
                        withheld[commit] = e.id
                    case _:
                        withheld.pop(commit, None)
        return erased, withheld

    def add_entries(self, writer: BundleWriter) -> None:
        tree = self.desk.log.tree(self.size)
        erased, withheld = self.excuses()
        for index, e in self.written():
            contents: list[Opening | Disposition] = []
            for content in e.content:
                disposition = bundle.dispose(e.type, content, self.disclosed, erased, withheld)
                if disposition is None or (self.originals and disposition.state == "withheld"):
                    salt, data = self.desk.vault[content.commit]
                    contents.append(writer.open_content(content, salt, data))
                else:
                    contents.append(disposition)
            cited = e.stream[:2] not in self.scope
            writer.entry(index, e, tree.inclusion_proof(index), contents, cited=cited)

    def add_documents(self, writer: BundleWriter) -> None:
        operator, sys = self.desk.operator, self.desk.sys
        checkpoint = next(
            i for i, e in enumerate(sys.entries) if e.type == "log.checkpoint" and e.body["size"] == self.size
        )
        hashes = tuple(sys.tree().inclusion_proof(checkpoint))
        writer.add(bundle.ORG_CHECKPOINT, operator.checkpoint(self.desk.log, self.size))
        writer.add(bundle.SYS_ENTRY, sys.entries[checkpoint].raw)
        writer.add(bundle.ORG_IN_SYS, proof.TlogProof(checkpoint, hashes, operator.checkpoint(sys)).encode())
        writer.add(bundle.PEOPLE, b"{}")
        writer.add("data/review/transcript/thread.txt", b"A transcript.\n")
        writer.add(bundle.CLAIMED_POLICY, operator.policy.encode())
        writer.add("verify/README.txt", b"How to verify this.\n")

    def finish(self, writer: BundleWriter) -> Sealing:
        index = next(i for i, e in enumerate(self.desk.log.entries) if e.id == self.request.id)
        log, sys = self.desk.log.checkpoint(self.size), self.desk.sys.checkpoint()
        return writer.finish(self.request, index, log, sys, EXPORTER)

    def seal_note(self, sealing: Sealing) -> bytes:
        return self.desk.operator.sign(f"{self.desk.operator.name}/export", sealing.text)


def story(seed: int = 1) -> tuple[Desk, Entry]:
    """A small desk with something of everything, and a request for all of it."""
    desk = Desk(seed)
    first, second = desk.create_thread(), desk.create_thread()
    hello = desk.post(first, "Hello, my card is 4111 1111 1111 1111.")
    desk.post(second, "Grüße 🙂\n")
    desk.post(first, "An internal word.", internal=True)
    desk.redact(hello, replacement="Hello, my card is [REDACTED].")
    gone = desk.post(second, "Please forget me.")
    desk.act(first, "locked")
    desk.append("member.added", ("user", desk.uuid()), {"member": desk.uuid(), "role": "agent"})
    desk.act(first, "unlocked")
    desk.post(first, "An answer.")
    desk.erase(gone)
    withdrawn = desk.post(second, "Never mind.")
    desk.redact(withdrawn)
    desk.unredact(withdrawn)
    streams: Sequence[tuple[str, str]] = [("thread", first), ("thread", second), ("ticket", first)]
    slots = ["author", "body", "purpose", "reason", "redacted_body", "scope", "subject"]
    request = desk.request_export(streams, slots=slots)
    desk.checkpoint_org()
    desk.post(second, "After the pin.")
    desk.checkpoint_org()
    return desk, request
