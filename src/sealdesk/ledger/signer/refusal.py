"""How the signer says no, and how its absence is told."""

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """Why the signer refused. Stable: the sequencer decides by it."""

    INCONSISTENT = "inconsistent"  # the proof does not lead from what was signed to what is asked for
    OTHER_ROOT = "other_root"  # a second root for the size that was signed last
    SMALLER = "smaller"  # fewer leaves than were signed
    GENESIS_TOO_OLD = "genesis_too_old"  # a log that is older than this signer's memory
    GENESIS_REFUSED = "genesis_refused"  # not this log's first entry, or not proven to be
    UNKNOWN_ORIGIN = "unknown_origin"  # a first checkpoint without its genesis
    FOREIGN_ORIGIN = "foreign_origin"  # not a log of this ledger
    MOVED_ON = "moved_on"  # the proof starts at another size than the one remembered
    FROZEN = "frozen"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"


ALARMS: Final = frozenset({Code.INCONSISTENT, Code.OTHER_ROOT, Code.SMALLER, Code.GENESIS_TOO_OLD})
"""The codes that mean that history was rewritten or a memory lost; nothing an honest sequencer does leads to them."""


class SignerRefused(Exception):
    """The signer is there and will not do it. Asking again does not help."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence

    @property
    def alarm(self) -> bool:
        """Whether a person must look now."""
        return self.code in ALARMS


class SignerUnavailable(Exception):
    """The signer gave no answer. Every operation may be asked again: a repeat does no harm."""
