"""Lexicons: what an organisation looks for, and what may be written in one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from sealdesk.abuse.matching import Matcher, Term, ways_through
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


def checked_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Lines without blanks around them, each once, none empty; `BadRequest` names the first that can't be looked for by its number."""
    wanted = dict[str, None]()
    for number, line in enumerate(lines, 1):
        text = " ".join(line.split())
        if not text:
            continue
        if len(text.encode()) > MOST_LINE or "\x00" in text:
            raise BadRequest(f"Line {number} is longer than {MOST_LINE} bytes.", pointer="/lines")
        if ways_through(text) > MOST_WAYS:
            raise BadRequest(f"Line {number} stands for more than {MOST_WAYS} terms.", pointer="/lines")
        if any(len(term.letters) < LEAST_LETTERS for term in Term.all_of(text)):
            raise BadRequest(f"Line {number} has a term with fewer than {LEAST_LETTERS} letters.", pointer="/lines")
        wanted[text] = None
    return tuple(wanted)


def checked_lexicon(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The same; `BadRequest` where they are too many or too much together."""
    if len(lines) > MOST_LINES or sum(len(line.encode()) for line in lines) > MOST_LEXICON:
        raise BadRequest(f"A lexicon has at most {MOST_LINES:,} lines and {MOST_LEXICON:,} bytes.", pointer="/lines")
    if sum(map(ways_through, lines)) > MOST_TERMS:
        raise BadRequest(f"A lexicon's lines stand for at most {MOST_TERMS:,} terms.", pointer="/lines")
    return lines


@dataclass(frozen=True, slots=True)
class Rule:
    """What was met: a line of a version of a lexicon, by its number from 0."""

    lexicon: LexiconName
    version: int
    term: int


class Watch:
    """All lexicons of an organisation that are switched on, as one matcher."""

    def __init__(self, lexicons: Sequence[Lexicon]) -> None:
        used = [lexicon for lexicon in lexicons if lexicon.enabled]
        self._rules = [Rule(lexicon.name, lexicon.version, n) for lexicon in used for n in range(len(lexicon.lines))]
        self._matcher = Matcher([line for lexicon in used for line in lexicon.lines])

    def find(self, text: str) -> tuple[Rule, ...]:
        """The rules that a text meets, `MOST_RULES` at most: first one of each lexicon, then the others."""
        met = [self._rules[number] for number in self._matcher.find(text)]
        first = {rule.lexicon: rule for rule in reversed(met)}
        return tuple(dict.fromkeys([*reversed(first.values()), *met]))[:MOST_RULES]
