"""What organisations look for, kept ready: of each the lexicons as they are now, within one bound for all of them."""

from typing import Final

import msgspec

from sealdesk.abuse.lexicon import Lexicon, Rule, Watch

MOST_KEPT: Final = 600_000
"""Letters that are kept ready, of all organisations together."""


class Look(msgspec.Struct, frozen=True):
    """A text to be read as `whose` lexicons say, of an `edition`; with these, where they are to be made ready."""

    text: str
    whose: str
    edition: str
    lexicons: tuple[Lexicon, ...] | None = None


class Watches:
    """One for each organisation. The one that was not asked for the longest goes first."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Watch]] = {}

    def find(self, look: Look) -> tuple[Rule, ...] | None:
        """The rules that the text meets; None where one has to ask again, with the lexicons."""
        edition, watch = self._kept.pop(look.whose, ("", None))
        if watch is None or edition != look.edition:
            if look.lexicons is None:
                return None
            watch = Watch(look.lexicons)
        while self._kept and self.size + watch.size > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[look.whose] = look.edition, watch
        return watch.find(look.text)

    @property
    def size(self) -> int:
        """The letters that are kept."""
        return sum(watch.size for _, watch in self._kept.values())
