"""A throw-away desk in memory: real entries in real trees under a key that nobody trusts. Everything follows from a seed."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealproof import canonical, entry, kinds, merkle, note, tiles, types
from sealproof.entry import Content, Entry

NAME = "desk.example"
START = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Operator:
    """Whoever holds the signing key."""

    def __init__(self, seed: bytes = bytes(range(32)), name: str = NAME) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.name = name

    @property
    def policy(self) -> str:
        return f"log {note.make_vkey(f'{self.name}/ledger/sys', self.public)}\nquorum none\n"

    def sign(self, key_name: str, text: str) -> bytes:
        line = note.sign_line(key_name, self.public, self.private.sign(text.encode()))
        return note.assemble(text, [line])

    def checkpoint(self, log: "Log", size: int | None = None) -> bytes:
        return self.sign(log.origin, log.checkpoint(size).text())


class Log:
    """Entries of one origin in order, and their tree."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.entries: list[Entry] = []
        self.leaves: list[bytes] = []
        self.heads: dict[tuple[str, str], tuple[int, str]] = {}

    def tree(self, size: int | None = None) -> tiles.TileTree:
        levels = [self.leaves[:size]]
        while len(levels[-1]) >= 256:
            below = levels[-1]
            levels.append([merkle.root_of(below[i : i + 256]) for i in range(0, len(below) - 255, 256)])

        def read(level: int, n: int, width: int) -> bytes:
            return b"".join(levels[level][n * 256 : n * 256 + width])

        return tiles.TileTree(len(levels[0]), read)

    def checkpoint(self, size: int | None = None) -> note.Checkpoint:
        tree = self.tree(size)
        return note.Checkpoint(self.origin, tree.size, tree.root())


class Desk:
    """One organisation's log, the system log above it, and the acts that fill them."""

    def __init__(self, seed: int = 1, operator: Operator | None = None) -> None:
        self.random = random.Random(seed)
        self.operator = operator or Operator()
        self.org = self.uuid()
        self.member = self.uuid()
        self.log = Log(f"{self.operator.name}/ledger/org/{self.org}")
        self.sys = Log(f"{self.operator.name}/ledger/sys")
        self.vault: dict[str, tuple[bytes, bytes]] = {}
        self.erased: dict[str, tuple[bytes, bytes]] = {}
        self.now = START
        for log in (self.sys, self.log):
            self.append("ledger.genesis", ("log", self.org), {"epoch": 1, "previous": None}, log=log)

    def uuid(self) -> str:
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"

    def stamp(self) -> str:
        self.now += timedelta(milliseconds=self.random.randrange(1, 2000))
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def keep(self, slot: str, content: bytes) -> Content:
        """Commit to `content` and keep what opens it."""
        salt = self.random.randbytes(32)
        commit = entry.commitment(salt, content).hex()
        self.vault[commit] = (salt, content)
        return Content(slot, commit, len(content), types.MEDIA[slot])

    def append(
        self,
        type_: str,
        stream: tuple[str, str],
        body: Mapping[str, Any],
        contents: Mapping[str, bytes] | None = None,
        refs: Sequence[Entry] = (),
        log: Log | None = None,
    ) -> Entry:
        log = log or self.log
        seq, head = log.heads.get(stream, (0, kinds.ZERO_HASH))
        data = entry.build(
            log=log.origin,
            id=self.uuid(),
            type=type_,
            at=self.stamp(),
            nonce=self.random.randbytes(16).hex(),
            actor=("agent", self.member) if stream[0] != "log" else ("system", "ledger"),
            stream=(*stream, seq + 1, head),
            body=dict(body),
            content=[self.keep(slot, content) for slot, content in (contents or {}).items()],
            refs=[(ref.id, entry.leaf_hash(ref.raw).hex()) for ref in refs],
        )
        leaf = entry.leaf_hash(data)
        log.leaves.append(leaf)
        log.heads[stream] = (seq + 1, leaf.hex())
        log.entries.append(entry.parse(data))
        return log.entries[-1]

    # The acts

    def create_thread(self) -> str:
        thread = self.uuid()
        self.append("thread.created", ("thread", thread), {"channel": "portal"}, {"subject": b"About a thing"})
        return thread

    def post(self, thread: str, text: str, *, internal: bool = False) -> Entry:
        return self.append(
            "message.posted",
            ("ticket" if internal else "thread", thread),
            {"message": self.uuid(), "visibility": "internal" if internal else "public"},
            {
                "body": text.encode(),
                "author": canonical.encode({"name": "Ada", "role": "agent"}),
                "origin": canonical.encode({"address": "192.0.2.7", "agent": "browser", "session": self.uuid()}),
            },
        )

    def redact(self, message: Entry, *, replacement: str | None = None) -> Entry:
        return self.append(
            "message.redacted",
            message.stream[:2],
            {
                "message": message.body["message"],
                "mode": "mask" if replacement else "withhold",
                "reason": "pii",
                "commits": [c.commit for c in message.content if c.slot == "body"],
            },
            {"redacted_body": replacement.encode()} if replacement else {},
            [message],
        )

    def unredact(self, message: Entry) -> Entry:
        return self.append(
            "message.unredacted",
            message.stream[:2],
            {
                "message": message.body["message"],
                "reason": "mistake",
                "commits": [c.commit for c in message.content if c.slot == "body"],
            },
            refs=[message],
        )

    def erase(self, message: Entry, *, stream: tuple[str, str] | None = None) -> Entry:
        commits = [c.commit for c in message.content]
        for commit in commits:
            if commit in self.vault:
                self.erased[commit] = self.vault.pop(commit)
        return self.append(
            "content.erased",
            stream or message.stream[:2],
            {
                "commits": commits,
                "basis": "gdpr-17-1",
                "asked_by": self.uuid(),
                "approved_by": self.uuid(),
                "backups_expire": "2027-01-22T00:00:00.000000Z",
            },
            {"reason": b"asked for"},
            [message],
        )

    def act(self, thread: str, verb: str) -> Entry:
        return self.append(f"thread.{verb}", ("thread", thread), {"reason": "abuse"})

    def request_export(
        self,
        streams: Sequence[tuple[str, str]],
        *,
        slots: Sequence[str] = tuple(types.MEDIA),
        audience: str = "auditor",
        approval: str = "none",
    ) -> Entry:
        heads = [
            {"kind": kind, "id": id_, "seq": self.log.heads[kind, id_][0], "head": self.log.heads[kind, id_][1]}
            for kind, id_ in streams
        ]
        listed = len(heads) <= types.MAX_LISTED_STREAMS
        contents = {"purpose": b"Proceedings", "scope": canonical.encode({"streams": len(heads)})}
        if not listed:
            contents["streams"] = canonical.encode(heads)
        export = self.uuid()
        return self.append(
            "export.requested",
            ("export", export),
            {
                "export": export,
                "disclosure": {"audience": audience, "slots": sorted(slots)},
                "scope_kind": "threads",
                "approval": approval,
                "streams": heads if listed else None,
                "streams_count": len(heads),
            },
            contents,
        )

    def checkpoint_org(self) -> Entry:
        """Put the organisation's present checkpoint on record in the system log."""
        checkpoint = self.log.checkpoint()
        body = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
        return self.append("log.checkpoint", ("log", self.org), body, log=self.sys)
