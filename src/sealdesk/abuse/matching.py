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

from sealdesk.abuse.spelling import Spelled, letters_of

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


def ways_through(line: str) -> int:
    """How many terms a line stands for."""
    return prod(choice.count("|") + 1 for choice in _CHOICE.findall(line))


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
        parts = _CHOICE.split(line.removeprefix(EXCEPT))
        ways = product(*(part.split("|") if number % 2 else (part,) for number, part in enumerate(parts)))
        return [cls._of("".join(way).strip(), excepts=excepts) for way in ways]

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
        return all(
            self._fits(at - start, text.runs[at], first=at == start, last=at == last) for at in range(start, last + 1)
        )

    def _fits(self, at: int, run: tuple[int, int, int], *, first: bool, last: bool) -> bool:
        # Where the term begins or ends within a run, only the part on its side of a gap is the term's own.
        whole, before, after = run
        lengths = {whole, *((after,) if first else ()), *((before,) if last else ())}
        return any(self._as_long(at, length) for length in lengths)

    def _as_long(self, at: int, length: int) -> bool:
        wanted = self.runs[at]
        loose = len(self.letters) >= _LONG or self.letters[at] not in _DOUBLED
        return length == wanted or (length > wanted and (loose or length >= _LASTING))


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
        for number, term in enumerate(self._terms):
            if term.letters:
                self._plant(number, term.letters)
        self._link()

    def find(self, text: str) -> tuple[int, ...]:
        """The numbers of the lines of which something stands in the text, each once, in order."""
        if next(self._ends(letters_of(text)), None) is None:
            return ()
        spelled = Spelled.of(text)
        found = [
            (end - len(self._terms[number].letters) + 1, end, number)
            for end, state in self._ends(spelled.letters)
            for number in self._here[state]
            if self._terms[number].stands(spelled, end - len(self._terms[number].letters) + 1)
        ]
        excused = _Excused([(start, end) for start, end, number in found if self._terms[number].excepts])
        hits = {n for start, end, n in found if not self._terms[n].excepts and not excused.holds(start, end)}
        return tuple(sorted({self._lines[number] for number in hits}))

    def _ends(self, letters: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Where terms end, as far as their letters go: the place and the state of the automaton."""
        ahead, back, here, state = self._next, self._back, self._here, 0
        for at, letter in enumerate(letters):
            following = ahead[state].get(letter)
            while following is None and state:
                state = back[state]
                following = ahead[state].get(letter)
            state = following or 0
            if here[state]:
                yield at, state

    def _plant(self, number: int, letters: str) -> None:
        state = 0
        for letter in letters:
            if letter not in self._next[state]:
                self._next[state][letter] = len(self._next)
                self._next.append({})
                self._back.append(0)
                self._here.append(())
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
                self._back[child] = self._next[back].get(letter, 0)
                self._here[child] += self._here[self._back[child]]


class _Excused:
    """Stretches of a text, and whether one of them holds another: by the farthest end of those that begin no later."""

    def __init__(self, stretches: list[tuple[int, int]]) -> None:
        self._starts = sorted(start for start, _ in stretches)
        self._ends = list(accumulate((end for _, end in sorted(stretches)), max))

    def holds(self, start: int, end: int) -> bool:
        before = bisect_right(self._starts, start)
        return before > 0 and self._ends[before - 1] >= end
