"""What a benchmark answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, what it was held against, and the goal.

    `better` is "more" or "less": which way `ratio` (value through yardstick) or, with `as_difference`, value less yardstick, is to go.
    """

    id: str
    work: str
    value: float
    unit: str
    against: str
    yardstick: float
    goal: float
    better: str
    as_difference: bool = False
    note: str = ""

    @property
    def ratio(self) -> float:
        """The figure through its yardstick."""
        return self.value / self.yardstick if self.yardstick else float("inf")

    @property
    def compared(self) -> float:
        """What the goal is about."""
        return self.value - self.yardstick if self.as_difference else self.ratio

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.compared >= self.goal if self.better == "more" else self.compared <= self.goal
