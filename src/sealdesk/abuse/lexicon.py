"""Lexicons: what an organisation looks for, and what may be written in one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from sealdesk.abuse.matching import Matcher, letters_through, misplaced, shortest, ways_through
from sealdesk.core.errors import BadRequest

LexiconName = Literal["threat", "abuse", "self-harm", "custom"]
LEXICONS: Final[tuple[LexiconName, ...]] = ("threat", "abuse", "self-harm", "custom")
EDITION: Final = 1
"""Of the lexicons that are shipped: a flag under version 0 means a line of this edition, so another line is another edition."""
MOST_LINES: Final = 1000
MOST_LINE: Final = 400
"""Bytes of UTF-8 in a line."""
MOST_LEXICON: Final = 32_768
"""Bytes of UTF-8 in all lines of a lexicon."""
MOST_WAYS: Final = 1000
"""Terms that one line may stand for."""
MOST_TERMS: Final = 5000
"""Terms that a lexicon may stand for."""
MOST_LETTERS: Final = 80_000
"""Letters of those terms together."""
MOST_WATCHED: Final = 150_000
"""Letters of the terms of all lexicons of an organisation: half more than what is shipped and a full lexicon of its own."""
LEAST_LETTERS: Final = 2
MOST_RULES: Final = 16
"""Rules that one flag names."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The terms of one kind that an organisation looks for. Version 0 is what is shipped."""

    name: LexiconName
    enabled: bool
    version: int
    lines: tuple[str, ...]


@cache
def shipped(name: LexiconName) -> tuple[str, ...]:
    """The lines that come with the program; none for `custom`."""
    if name == "custom":
        return ()
    text = (Path(__file__).parent / "lexicons" / f"{name}.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if line)


def tidied(lines: Sequence[str]) -> dict[str, int]:
    """Lines without blanks around them, each once, none empty, and which they are (from 1)."""
    wanted = dict[str, int]()
    for number, line in enumerate(lines, 1):
        if text := " ".join(line.split()):
            wanted.setdefault(text, number)
    return wanted


def checked_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """The same lines, tidied; `BadRequest` where they are too much, or names the first that can't be looked for by its number.

    A few bytes may stand for thousands of terms: what they stand for is written out only once it is counted.
    """
    wanted = tidied(lines)
    _measured(tuple(wanted))
    for text, number in wanted.items():
        if "\x00" in text:
            raise BadRequest(f"Line {number} has a character that no text has (U+0000).", pointer="/lines")
        if len(text.encode()) > MOST_LINE:
            raise BadRequest(f"Line {number} is longer than {MOST_LINE} bytes.", pointer="/lines")
        if misplaced(text):
            told = f"Line {number} has a brace or a bar too many: a choice is {{this|that}}, and no choice lies within another."
            raise BadRequest(told, pointer="/lines")
        if ways_through(text) > MOST_WAYS:
            raise BadRequest(f"Line {number} stands for more than {MOST_WAYS} terms.", pointer="/lines")
    checked_lexicon(tuple(wanted))
    for text, number in wanted.items():
        if shortest(text) < LEAST_LETTERS:
            raise BadRequest(f"Line {number} has a term with fewer than {LEAST_LETTERS} letters.", pointer="/lines")
    return tuple(wanted)


def checked_lexicon(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The same; `BadRequest` where they are too many or too much together."""
    _measured(lines)
    if sum(map(ways_through, lines)) > MOST_TERMS:
        raise BadRequest(f"A lexicon's lines stand for at most {MOST_TERMS:,} terms.", pointer="/lines")
    if sum(map(letters_through, lines)) > MOST_LETTERS:
        raise BadRequest(f"A lexicon's terms have at most {MOST_LETTERS:,} letters together.", pointer="/lines")
    return lines


def checked_together(lexicons: Iterable[Lexicon]) -> None:
    """`BadRequest` where all lexicons of an organisation are too much together, whether they are on or off."""
    if sum(letters_through(line) for lexicon in lexicons for line in lexicon.lines) > MOST_WATCHED:
        raise BadRequest(f"The terms of all lexicons have at most {MOST_WATCHED:,} letters together.", pointer="/lines")


def _measured(lines: tuple[str, ...]) -> None:
    if len(lines) > MOST_LINES or sum(len(line.encode()) for line in lines) > MOST_LEXICON:
        raise BadRequest(f"A lexicon has at most {MOST_LINES:,} lines and {MOST_LEXICON:,} bytes.", pointer="/lines")


@dataclass(frozen=True, slots=True)
class Rule:
    """What was met: a line of a version of a lexicon, by its number from 0."""

    lexicon: LexiconName
    version: int
    term: int


class Watch:
    """All lexicons of an organisation that are switched on, as one matcher.

    A line that stands for more than there is room for is left out: such could be written once, and would hold up everybody.
    """

    def __init__(self, lexicons: Sequence[Lexicon]) -> None:
        self._rules = list[Rule]()
        lines, room = list[str](), MOST_WATCHED
        for lexicon in lexicons:
            for number, line in enumerate(lexicon.lines if lexicon.enabled else ()):
                if ways_through(line) <= MOST_WAYS and (letters := letters_through(line)) <= room:
                    room -= letters
                    lines.append(line)
                    self._rules.append(Rule(lexicon.name, lexicon.version, number))
        self._matcher = Matcher(lines)
        self.size = self._matcher.size

    def find(self, text: str) -> tuple[Rule, ...]:
        """The rules that a text meets, `MOST_RULES` at most: first one of each lexicon, then the others."""
        met = [self._rules[number] for number in self._matcher.find(text)]
        first = {rule.lexicon: rule for rule in reversed(met)}
        return tuple(dict.fromkeys([*reversed(first.values()), *met]))[:MOST_RULES]
