"""The signer: judge, remember, sign, in that order. It is the first witness of every log it signs for."""

import structlog

from sealdesk.core import clock
from sealdesk.ledger.signer import wire
from sealdesk.ledger.signer.key import SigningKey
from sealdesk.ledger.signer.memory import Memory
from sealdesk.ledger.signer.refusal import Code, SignerRefused
from sealdesk.ledger.signer.witness import demand_genesis, demand_growth, demand_own
from sealproof import note

_log = structlog.get_logger("sealdesk.signer")


class Signer:
    """Answers one request after the other. Nothing in here awaits, so a judgement and what follows are one step."""

    def __init__(self, memory: Memory, key: SigningKey) -> None:
        self._memory = memory
        self._key = key

    def answer(self, request: wire.Request) -> wire.Reply:
        """The reply to `request`; `SignerRefused`, or `sqlite3.Error` if the memory fails and the process must end."""
        match request:
            case wire.AskCheckpoint():
                return self._sign_checkpoint(request)
            case wire.AskHead(origin):
                return wire.HeadReply(self._memory.head(origin))
            case wire.AskExportSeal():
                return self._sign_export(request)
            case wire.AskFreeze():
                return self._freeze(request)
            case wire.AskThaw():
                return self._thaw(request)
            case wire.AskIdentity():
                return self._memory.identity
            case wire.AskStatus():
                return wire.Status(self._memory.identity, self._memory.logs(), self._memory.freezes())

    def _sign_checkpoint(self, asked: wire.AskCheckpoint) -> wire.NoteReply:
        identity, wanted = self._memory.identity, wire.SignedHead(asked.size, asked.root)
        demand_own(asked.origin, identity.ledger_name)
        freeze = self._memory.frozen(asked.origin)
        if freeze is not None:
            raise SignerRefused(Code.FROZEN, f"{asked.origin} is frozen since {freeze.at}: {freeze.reason}")
        remembered = self._memory.head(asked.origin)
        if wanted != remembered:
            if remembered is None:
                demand_genesis(identity, asked)
            else:
                demand_growth(remembered, asked)
            # A crash here, judged but not remembered, changes nothing: nothing was signed, and a repeat is judged anew.
            self._memory.remember(asked.origin, wanted, clock.stamp(clock.now()))
            # On the disk. A crash from here to the reply leaves a size remembered whose signature nobody has. The repeat
            # finds it equal to what is remembered and is signed below, with the same bytes, because Ed25519 is
            # deterministic. Another root for that size is refused from now on: there never are two signed histories.
        checkpoint = note.Checkpoint(asked.origin, asked.size, asked.root)
        return wire.NoteReply(self._signed(checkpoint.text(), asked.origin))

    def _sign_export(self, asked: wire.AskExportSeal) -> wire.NoteReply:
        """A seal promises no order between exports, so nothing is remembered."""
        text = f"desk-evidence/export/v1\n{asked.export_id}\n{asked.tagmanifest_sha256}\n"
        return wire.NoteReply(self._signed(text, f"{self._memory.identity.ledger_name}/export"))

    def _signed(self, text: str, name: str) -> bytes:
        signature = self._key.sign(text.encode())
        return note.assemble(text, [note.sign_line(name, self._key.public_key, signature)])

    def _freeze(self, asked: wire.AskFreeze) -> wire.FreezeReply:
        demand_own(asked.origin, self._memory.identity.ledger_name)
        freeze = self._memory.freeze(wire.Freeze(asked.origin, asked.reason, clock.stamp(clock.now())))
        _log.critical("signer.frozen", origin=freeze.origin, reason=freeze.reason, since=freeze.at)
        return wire.FreezeReply(freeze)

    def _thaw(self, asked: wire.AskThaw) -> wire.ThawReply:
        was_frozen = self._memory.thaw(asked.origin)
        if was_frozen:
            _log.warning("signer.thawed", origin=asked.origin)
        return wire.ThawReply(was_frozen)
