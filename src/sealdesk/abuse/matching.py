"""Finding the terms of a lexicon in a text, in one pass over it (Aho and Corasick, 1975).

A line of a lexicon is a term; `{a|b}` in it is a choice, `*` at its end lets the word go on, and `except:` before it makes it an exception.
A term is found where its letters stand one after the other, a word begins with the first and one ends with the last; gaps inside do not
matter. What lies within a lexicon's exception is not found.
"""

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from math import prod
from typing import Final

from sealdesk.abuse.spelling import Spelled, letters_of, most_letters

EXCEPT: Final = "except:"
"""What a line begins with that names an exception."""
GOES_ON: Final = "*"
"""What a term ends with after which the word may go on."""
_CHOICE: Final = re.compile(r"\{([^{}]*)\}")
_DOUBLED: Final = frozenset("bcdefgmnoprstz")
"""Letters that English doubles: `god` is not `good`. (An l is an i here, and i is never doubled.)"""
_LONG: Final = 7
"""Letters of a term that is too long to be another word with one of them doubled."""
_LASTING: Final = 3
"""A letter so often in a row is no spelling."""
MOST_STEPS: Final = 1_000_000
"""Letters of terms that are compared with one text. Only lines made for it come so far; what stands behind is not found."""


def ways_through(line: str) -> int:
    """How many terms a line stands for."""
    return prod(choice.count("|") + 1 for choice in _CHOICE.findall(line))


def misplaced(line: str) -> bool:
    """Whether a brace belongs to no choice, lies within one, or a bar stands outside: it is not what whoever wrote it meant."""
    return any(sign in part for part in _CHOICE.split(line)[::2] for sign in "{|}")


def letters_through(line: str) -> int:
    """How many letters those terms have together, at most: counted, none of them is written out."""
    ways, total = ways_through(line), 0
    for number, part in enumerate(_CHOICE.split(line.removeprefix(EXCEPT))):
        choices = part.split("|") if number % 2 else [part]
        total += ways // len(choices) * sum(map(most_letters, choices))
    return total


def texts_of(line: str) -> Iterator[str]:
    """What the terms say, one for each way through the choices of a line."""
    parts = _CHOICE.split(line.removeprefix(EXCEPT))
    for way in product(*(part.split("|") if number % 2 else (part,) for number, part in enumerate(parts))):
        yield "".join(way).strip()


def shortest(line: str) -> int:
    """The letters of the term that has the fewest of them."""
    return min(len(letters_of(text.removesuffix(GOES_ON))) for text in texts_of(line))


@dataclass(frozen=True, slots=True)
class Term:
    """A term as it is looked for: its letters, how often each stands there, whether its word may go on, whether it is an exception."""

    letters: str
    runs: tuple[int, ...]
    goes_on: bool
    excepts: bool

    @classmethod
    def all_of(cls, line: str) -> "list[Term]":
        """What a line of a lexicon asks to look for: a term for each way through its choices."""
        excepts = line.startswith(EXCEPT)
        return [cls._of(text, excepts=excepts) for text in texts_of(line)]

    @classmethod
    def _of(cls, text: str, *, excepts: bool) -> "Term":
        spelled = Spelled.of(text.removesuffix(GOES_ON))
        runs = tuple(whole for whole, _, _ in spelled.runs)
        return cls("".join(spelled.letters), runs, text.endswith(GOES_ON), excepts)

    def stands(self, text: Spelled, start: int) -> bool:
        """Whether it is what begins at `start`, where its letters are."""
        last = start + len(self.letters) - 1
        if not (self.goes_on or text.ends[last]) or not (text.begins[start] or _behind_i(text, start)):
            return False
        for at in range(start, last + 1):
            whole, before, after = text.runs[at]
            # Where the term begins or ends within a run, only the part on its side of a gap is the term's own.
            if not (
                self._as_long(at - start, whole)
                or (at == start and self._as_long(0, after))
                or (at == last and self._as_long(at - start, before))
            ):
                return False
        return True

    def _as_long(self, at: int, length: int) -> bool:
        wanted = self.runs[at]
        return length == wanted or (
            length > wanted and (length >= _LASTING or len(self.letters) >= _LONG or self.letters[at] not in _DOUBLED)
        )


def _behind_i(text: Spelled, start: int) -> bool:
    """Whether all that stands before it in its word is an `I`: what `#Iwanttodie` says is no other word."""
    return start > 0 and text.begins[start - 1] and text.letters[start - 1] == "i" and text.runs[start - 1][2] == 1


class Matcher:
    """Looks for all terms of some lines at once."""

    def __init__(self, lines: Sequence[str]) -> None:
        lined = {term: number for number, line in reversed(list(enumerate(lines))) for term in Term.all_of(line)}
        self._terms, self._lines = list(lined), list(lined.values())
        self._next: list[dict[str, int]] = [{}]
        self._back = [0]
        self._here: list[tuple[int, ...]] = [()]
        self._shorter = [0]
        for number, term in enumerate(self._terms):
            if term.letters:
                self._plant(number, term.letters)
        self._link()

    @property
    def size(self) -> int:
        """The letters that are kept for it: those that terms begin with in common count once."""
        return len(self._next)

    def find(self, text: str) -> tuple[int, ...]:
        """The numbers of the lines of which something stands in the text, each once, in order."""
        if next(self._ends(letters_of(text)), None) is None:
            return ()
        spelled = Spelled.of(text)
        found = list(self._standing(spelled))
        excused = _Excused([(start, end) for start, end, number in found if self._terms[number].excepts])
        hits = {n for start, end, n in found if not self._terms[n].excepts and not excused.holds(start, end)}
        return tuple(sorted({self._lines[number] for number in hits}))

    def _standing(self, text: Spelled) -> Iterator[tuple[int, int, int]]:
        """Which terms stand in it: their first letter, their last, their number."""
        steps = 0
        for end, ending in self._ends(text.letters):
            state = ending
            while state and steps <= MOST_STEPS:
                for number in self._here[state]:
                    term = self._terms[number]
                    start = end - len(term.letters) + 1
                    steps += len(term.letters)
                    if term.stands(text, start):
                        yield start, end, number
                state = self._shorter[state]

    def _ends(self, letters: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Where terms end, as far as their letters go: the place and the state of the automaton."""
        ahead, back, here, shorter, state = self._next, self._back, self._here, self._shorter, 0
        for at, letter in enumerate(letters):
            following = ahead[state].get(letter)
            while following is None and state:
                state = back[state]
                following = ahead[state].get(letter)
            state = following or 0
            if here[state] or shorter[state]:
                yield at, state

    def _plant(self, number: int, letters: str) -> None:
        state = 0
        for letter in letters:
            if letter not in self._next[state]:
                self._next[state][letter] = len(self._next)
                self._next.append({})
                self._back.append(0)
                self._here.append(())
                self._shorter.append(0)
            state = self._next[state][letter]
        self._here[state] += (number,)

    def _link(self) -> None:
        waiting = deque(self._next[0].values())
        while waiting:
            state = waiting.popleft()
            for letter, child in self._next[state].items():
                waiting.append(child)
                back = self._back[state]
                while back and letter not in self._next[back]:
                    back = self._back[back]
                self._back[child] = shorter = self._next[back].get(letter, 0)
                # The next shorter row of letters that ends here and is a term: lists of all of them would grow with their square.
                self._shorter[child] = shorter if self._here[shorter] else self._shorter[shorter]


class _Excused:
    """Stretches of a text, and whether one of them holds another: by the farthest end of those that begin no later."""

    def __init__(self, stretches: list[tuple[int, int]]) -> None:
        self._starts = sorted(start for start, _ in stretches)
        self._ends = list(accumulate((end for _, end in sorted(stretches)), max))

    def holds(self, start: int, end: int) -> bool:
        before = bisect_right(self._starts, start)
        return before > 0 and self._ends[before - 1] >= end
