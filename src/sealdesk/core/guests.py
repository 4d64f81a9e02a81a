"""Who waits or watches in a process by what can be taken from them: a session, and the conversation they look at."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from uuid import UUID

Stay = tuple[bytes, UUID | None]
"""The hash of a session, and a conversation, or None where the session alone matters."""


class Guests:
    """Registers stays, and tells of those that are over. Who looks whether they are is `threads.reach`."""

    def __init__(self) -> None:
        self._staying: defaultdict[Stay, set[Callable[[], None]]] = defaultdict(set)

    @contextmanager
    def staying(self, stay: Stay, lost: Callable[[], None]) -> Generator[None]:
        """For as long as the block lasts, `lost` is called when the stay is over, perhaps more than once."""
        self._staying[stay].add(lost)
        try:
            yield
        finally:
            self._staying[stay].discard(lost)
            if not self._staying[stay]:
                del self._staying[stay]

    def stays(self) -> list[Stay]:
        """All there are."""
        return list(self._staying)

    def lose(self, stays: Iterable[Stay]) -> None:
        """Tell whoever stays so that it is over: first of sessions, then of the conversations that end with them."""
        for stay in sorted(stays, key=lambda stay: stay[1] is not None):
            for lost in tuple(self._staying.get(stay, ())):
                lost()
