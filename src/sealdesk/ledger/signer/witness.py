"""What the signer demands to see before it signs a checkpoint: the rules of a witness, judged without a database."""

from sealdesk.ledger.signer.refusal import Code, SignerRefused
from sealdesk.ledger.signer.wire import AskCheckpoint, Genesis, Identity, SignedHead
from sealproof import entry as entries
from sealproof import kinds, merkle


def demand_own(origin: str, ledger_name: str) -> None:
    """Refuse an origin that is no log of this ledger. An origin with a later epoch is not known here yet either."""
    rest = origin.removeprefix(f"{ledger_name}/ledger/")
    if rest not in (origin, "sys") and not (rest.startswith("org/") and kinds.uuid(rest.removeprefix("org/"))):
        rest = origin
    if rest == origin:
        raise SignerRefused(Code.FOREIGN_ORIGIN, f"This signer signs for the logs of {ledger_name} only.")


def demand_growth(remembered: SignedHead, asked: AskCheckpoint) -> None:
    """Refuse unless the tree asked for extends the one remembered (RFC 9162, 2.1.4)."""
    if asked.size < remembered.size:
        raise SignerRefused(
            Code.SMALLER,
            f"{asked.origin} was signed at {remembered.size} entries and is now said to have {asked.size}.",
        )
    if asked.size == remembered.size:
        raise SignerRefused(Code.OTHER_ROOT, f"{asked.origin} was signed at {asked.size} entries with another root.")
    if asked.old_size not in (None, remembered.size):
        raise SignerRefused(
            Code.MOVED_ON, f"{asked.origin} was last signed at {remembered.size} entries: prove from there."
        )
    try:
        merkle.verify_consistency(remembered.size, asked.size, asked.proof, remembered.root, asked.root)
    except merkle.ProofError as error:
        raise SignerRefused(
            Code.INCONSISTENT,
            f"{asked.origin} with {asked.size} entries is not shown to extend the {remembered.size} signed: {error}.",
        ) from error


def demand_genesis(identity: Identity, asked: AskCheckpoint) -> None:
    """Refuse a first checkpoint unless it shows that its log began after this memory did.

    A signer whose memory was lost and begun anew thus signs for no log that it may have signed before.
    """
    if asked.genesis is None:
        raise SignerRefused(
            Code.UNKNOWN_ORIGIN, f"{asked.origin} is not known here: send its genesis with the first checkpoint."
        )
    if asked.proof:
        raise SignerRefused(Code.GENESIS_REFUSED, "Nothing was signed yet that a consistency proof could start from.")
    entry = _genesis_entry(asked.origin, asked.genesis)
    try:
        merkle.verify_inclusion(entries.leaf_hash(entry.raw), 0, asked.size, asked.genesis.inclusion, asked.root)
    except merkle.ProofError as error:
        raise SignerRefused(
            Code.GENESIS_REFUSED, f"The genesis of {asked.origin} is not shown to be entry 0: {error}."
        ) from error
    if entry.at < identity.initialised_at:  # one fixed format, so that text sorts as time does
        raise SignerRefused(
            Code.GENESIS_TOO_OLD,
            f"{asked.origin} began at {entry.at}, before this signer's memory ({identity.initialised_at}).",
        )


def _genesis_entry(origin: str, genesis: Genesis) -> entries.Entry:
    try:
        entry = entries.parse(genesis.entry)
    except entries.EntryError as error:
        raise SignerRefused(Code.GENESIS_REFUSED, f"The genesis of {origin} is not an entry: {error}.") from error
    first = entry.type == "ledger.genesis" and entry.stream.seq == 1
    if not first or entry.log != origin or entry.body["epoch"] != 1 or entry.body["previous"] is not None:
        raise SignerRefused(Code.GENESIS_REFUSED, f"That is not the entry that begins {origin}.")
    return entry
