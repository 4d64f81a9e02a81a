"""Redactions, erasures and legal holds; and whether the organisation erases."""

from dataclasses import dataclass, field
from uuid import UUID

from sealdesk.ledger.fsck.logs import View
from sealdesk.ledger.read import Stored
from sealdesk.verification.state.rows import Table, chunks, stored

_STEPS = {"erasure.asked": "asked", "erasure.on": "on", "erasure.off": "off"}


@dataclass(slots=True)
class Unread:
    """What the entries of some conversations make of the tables; an erasure names its message by the entry that posted it."""

    redactions: Table = field(default_factory=lambda: Table("app.redaction", ("message_id",)))
    holds: Table = field(default_factory=lambda: Table("app.hold", ("hold_id",)))
    erasures: Table = field(default_factory=lambda: Table("app.erasure", ("message_id",)))
    posted: dict[UUID, tuple[UUID, bytes]] = field(default_factory=dict[UUID, tuple[UUID, bytes]])

    def tables(self) -> tuple[Table, ...]:
        """All of them."""
        return self.redactions, self.holds, self.erasures

    def apply(self, entry: Stored) -> None:
        """Let one entry have its effect. What was asked stands in `ticket`, which is read first."""
        told = entry.body
        match entry.type:
            case "message.posted" | "message.imported":
                self.posted[entry.entry_id] = UUID(told["message"]), entry.commits["body"]
            case "message.redacted":
                state = "masked" if told["mode"] == "mask" else "withheld"
                self._redact(entry, UUID(told["message"]), bytes.fromhex(told["commits"][0]), state)
            case "message.unredacted":
                self._redact(entry, UUID(told["message"]), bytes.fromhex(told["commits"][0]), "lifted")
            case "content.erased":
                for message, body in (self.posted[ref] for ref in entry.refs if ref in self.posted):
                    self._redact(entry, message, body, "erased")
                    self.erasures.rows.setdefault((message,), {})["state"] = "done"
            case "erasure.asked":
                self.erasures.rows[UUID(told["message"]),] = {
                    "thread_id": entry.stream_id,
                    "basis": told["basis"],
                    "asked_by": UUID(entry.actor_id),
                    "state": "asked",
                    "entry_id": entry.entry_id,
                }
            case "erasure.refused":
                self.erasures.rows.setdefault((UUID(told["message"]),), {})["state"] = "refused"
            case "hold.placed":
                self.holds.rows[UUID(told["hold"]),] = {
                    "thread_id": entry.stream_id,
                    "standing": True,
                    "placed_by": UUID(entry.actor_id),
                    "released_by": None,
                    "entry_id": entry.entry_id,
                }
            case "hold.released":
                row = self.holds.rows.setdefault((UUID(told["hold"]),), {})
                row |= {"standing": False, "released_by": UUID(entry.actor_id)}
            case _:
                pass

    def _redact(self, entry: Stored, message: UUID, body: bytes, state: str) -> None:
        self.redactions.rows[message,] = {
            "thread_id": entry.stream_id,
            "stream_kind": entry.stream_kind,
            "body_commit": body,
            "state": state,
            "entry_id": entry.entry_id,
        }


async def judge(view: View) -> None:
    """`Differs` where the switch of erasure is not as the organisation's entries say."""
    switches = Table("app.erasing", ("org_id",))
    async for _, entries in chunks(view, ("org",), "app.org", "org_id"):
        for entry in entries:
            state = _STEPS.get(entry.body["setting"]) if entry.type == "config.changed" else None
            if state is None:
                continue
            row = switches.rows.setdefault((entry.stream_id,), {"version": 0})
            version = row["version"]
            assert isinstance(version, int)
            row |= {"state": state, "version": version + 1}
            if state == "asked":
                row["asked_by"] = UUID(entry.actor_id)
    switches.compare(view, await stored(view, switches, "org_id", [view.org]))
