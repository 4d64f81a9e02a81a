"""What a run tells while it goes and when it is done."""

from collections.abc import Iterator
from dataclasses import dataclass

from sealdesk.ledger.fsck.difference import Difference


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one log is checked: `done` of `total` entries."""

    origin: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class LogReport:
    """One log: its size and root (32 bytes) as re-derived, or the first difference, where size and root are how far it was good.

    `waiting` entries are no leaves yet, and the last `unsigned` leaves are under no checkpoint yet.
    """

    origin: str
    size: int
    root: bytes
    waiting: int
    difference: Difference | None = None
    unsigned: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All logs that were asked for. `unchecked` says in sentences what could not be checked and why."""

    logs: tuple[LogReport, ...]
    lost: tuple[Difference, ...]
    """Logs that the signer remembers and the database does not have."""
    unchecked: tuple[str, ...]

    def differences(self) -> Iterator[Difference]:
        """The first difference of each log that has one."""
        yield from self.lost
        for log in self.logs:
            if log.difference:
                yield log.difference

    @property
    def clean(self) -> bool:
        """Whether everything that was checked holds."""
        return next(self.differences(), None) is None
