"""What does not hold, and where."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One stored thing that is not as it must be.

    `table` and `key` name the row, `finding` is a stable code (`[a-z0-9_.]{1,64}`) for entries and alarms, `expected` and `found` hold
    ids, numbers and hashes only: nothing that a person typed.
    """

    origin: str
    table: str
    key: str
    finding: str
    expected: str
    found: str

    def sentence(self) -> str:
        """For a person: where, what was due, what is there."""
        return (
            f"{self.origin}: {self.table} [{self.key}] ({self.finding}): expected {self.expected}; found {self.found}"
        )

    def members(self) -> dict[str, str]:
        """For a program."""
        return asdict(self)


class Differs(Exception):
    """The check ends here: the first difference was found."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.sentence())
        self.difference = difference
