"""Steps 4, 5 and 15: whose signatures the bundle stands on. No key found in a bundle is ever trusted."""

from collections.abc import Mapping
from dataclasses import dataclass

from sealproof import bundle, entry, merkle, note, proof, source
from sealproof.manifest import Manifest
from sealproof.note import COSIGNATURE, Checkpoint, NoteError, VerifierKey
from sealproof.policy import Policy
from sealproof.report import Failed
from sealproof.source import Source, SourceError

MAX_NOTE = note.MAX_NOTE


@dataclass(frozen=True, slots=True)
class Operator:
    """The key that the policy trusts for the system log, and the keys that follow from it: one key, other names."""

    sys: VerifierKey

    @property
    def ledger(self) -> str:
        """The ledger's name, with which all its origins begin."""
        return self.sys.name.partition("/ledger/sys")[0]

    def key(self, name: str) -> VerifierKey | None:
        """The operator's key under another name of this ledger; None for names that are not this ledger's."""
        if name == self.sys.name:
            return self.sys
        if name == f"{self.ledger}/export" or name.startswith(f"{self.ledger}/ledger/org/"):
            return note.verifier_key(name, self.sys.public_key)
        return None


@dataclass(frozen=True, slots=True)
class Anchored:
    """The system checkpoint as signed, and who else has signed it: witness by name with POSIX time."""

    operator: Operator
    note: str
    witnesses: Mapping[str, int]
    quorum: bool


def check_sys_checkpoint(files: Source, manifest: Manifest, policy: Policy) -> tuple[Anchored, proof.TlogProof]:
    """4. The system checkpoint is of a log that the policy names and signed by that log's key; its cosignatures."""
    try:
        inclusion = proof.parse(_read(files, bundle.ORG_IN_SYS, 4))
        checkpoint = note.parse_checkpoint(note.signed_text(inclusion.checkpoint))
        key = policy.logs.get(checkpoint.origin)
        if key is None:
            raise Failed(4, f"the policy does not name the log {checkpoint.origin}")
        if "/ledger/sys" not in key.name:
            raise Failed(4, f"{key.name} is not the name of a system log")
        opened = note.open_note(inclusion.checkpoint, [key, *policy.witnesses.values()])
    except (NoteError, merkle.ProofError) as error:
        raise Failed(4, f"{bundle.ORG_IN_SYS}: {error}") from error
    signers = {good.key: good.time for good in opened.good}
    if key not in signers:
        raise Failed(4, "the system checkpoint is not signed by its log")
    if checkpoint != manifest.sys:
        raise Failed(4, "the manifest names another system checkpoint")
    cosigned = {k.name: time for k, time in signers.items() if k.algorithm == COSIGNATURE and time is not None}
    return Anchored(Operator(key), opened.text, cosigned, policy.satisfied(signers)), inclusion


def check_org_checkpoint(files: Source, manifest: Manifest, operator: Operator, inclusion: proof.TlogProof) -> None:
    """5. An entry of the system log, at the index of the proof, holds the organisation's checkpoint; the operator signed it."""
    raw = _read(files, bundle.SYS_ENTRY, 5)
    try:
        merkle.verify_inclusion(
            entry.leaf_hash(raw), inclusion.index, manifest.sys.size, inclusion.hashes, manifest.sys.root
        )
        stated = entry.parse(raw)
    except (merkle.ProofError, entry.EntryError) as error:
        raise Failed(5, f"{bundle.SYS_ENTRY}: {error}") from error
    if stated.type != "log.checkpoint" or stated.log != manifest.sys.origin:
        raise Failed(5, f"{bundle.SYS_ENTRY} is not a checkpoint in the system log")
    body = stated.body
    if Checkpoint(body["origin"], body["size"], bytes.fromhex(body["root"])) != manifest.log:
        raise Failed(5, "the system log holds another checkpoint of the organisation's log")
    signed = open_by_operator(_read(files, bundle.ORG_CHECKPOINT, 5), operator, manifest.log.origin, 5)
    if signed != manifest.log.text():
        raise Failed(5, "the organisation's signed checkpoint is another")


def check_seal(files: Source, manifest: Manifest, operator: Operator, tagmanifest_sha256: str) -> None:
    """15. The operator has sealed the tag manifest, and with it every file; the seal has one signature and no more."""
    data = _read(files, bundle.SEAL_NOTE, 15)
    text = open_by_operator(data, operator, f"{operator.ledger}/export", 15)
    if text != bundle.seal_text(manifest.export, tagmanifest_sha256):
        raise Failed(15, "the seal is that of another bundle")


def open_by_operator(data: bytes, operator: Operator, name: str, step: int) -> str:
    """The text of a note that carries exactly one signature, the operator's under `name`."""
    key = operator.key(name)
    if key is None:
        raise Failed(step, f"{name} is not a name of the ledger {operator.ledger}")
    try:
        opened = note.open_note(data, [key])
    except NoteError as error:
        raise Failed(step, f"the note by {name}: {error}") from error
    if len(opened.signatures) != 1:
        raise Failed(step, f"the note by {name} carries another signature")
    return opened.text


def _read(files: Source, name: str, step: int) -> bytes:
    try:
        return source.read(files, name, proof.MAX_BYTES)
    except SourceError as error:
        raise Failed(step, str(error)) from error
