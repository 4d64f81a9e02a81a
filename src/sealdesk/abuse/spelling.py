"""What a text says, however it is spelled: case, width, look-alikes, marks, invisible characters, leetspeak, spacing, repeated letters.

A text becomes a row of letters without gaps, each run of one letter written once; beside each stand how long the run was and whether a
word begins or ends there. So `k.1.l.l  уоu` and `KILLLL you` read alike, while `skill your` does not: no word begins at its k. The
letters i and l, and what stands for either, are one: nobody can tell which of them a 1 or a bar was meant to be. All of it takes time in
proportion to the text, of which no character counts for more than a few.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_LEET: Final = dict(zip("013456789@$", "oieasgtbgas", strict=True))
_CAPITALS: Final = str.maketrans("ϲϹΜΝΥϒ", "ccmnyy")
"""Letters that look like Latin ones until they are folded."""
_INVISIBLE: Final = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters by their category, and nothing to the eye."""
_GONE: Final = frozenset({"Mn", "Mc", "Me", "Cf", "Cc", "Cs"})
_BLANK: Final = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85")
# A mark that may be an i or a t is one where a word goes on after it; a bar also where one ends before it, and the marks with it.
# (No run of them is begun again at each of its signs: that would take the square of its length.)
_BARS: Final = re.compile(r"(?<![!|])[!|]++(?=[^\W_])|(?<=[^\W_])!*+\|[!|]*+")
_CROSS: Final = re.compile(r"(?<=[^\W_])\+(?=[^\W_])")
_GAPS: Final = re.compile(r"[\W_]+")
_ASCII_GAPS: Final = dict.fromkeys(code for code in range(128) if not chr(code).isalnum())
MOST_FOLDED: Final = 7
"""Characters that one may stand for. There are two that stand for more, and both of them are blessings in Arabic."""
MOST_KNOWN: Final = 10_000
"""Characters that are kept folded."""
_RUNS: Final = re.compile(r"(.)\1+", re.DOTALL)


def _table() -> dict[int, str]:
    table = {"l": "i", **_LEET}
    for line in (Path(__file__).parent / "lookalikes.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            letter, _, lookalikes = line.partition(" ")
            table |= dict.fromkeys(lookalikes, "i" if letter == "l" else letter)
    return {ord(character): letter for character, letter in table.items()}


_TABLE: Final = _table()


@dataclass(slots=True)
class Spelled:
    """A text's letters, a run of one as one; `runs` are (all of the run, its part before a gap, its part after the last gap)."""

    letters: list[str] = field(default_factory=list[str])
    runs: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    begins: list[bool] = field(default_factory=list[bool])
    ends: list[bool] = field(default_factory=list[bool])

    @classmethod
    def of(cls, text: str) -> "Spelled":
        """The letters of a text and where its words are."""
        folded = _folded(text)
        spelled, gap = cls(), True
        for original, letter in zip(folded, _mapped(folded), strict=True):
            if letter == "_" or not letter.isalnum():
                gap = True
                if spelled.ends:
                    spelled.ends[-1] = True
                continue
            # A sign in a letter's place may be one, or may stand between two words.
            sign = not original.isalnum()
            spelled._add(letter, gap=gap or sign, sign=sign)
            gap = sign
        if spelled.ends:
            spelled.ends[-1] = True
        return spelled

    def _add(self, letter: str, *, gap: bool, sign: bool) -> None:
        if gap and self.ends:
            self.ends[-1] = True
        if self.letters and self.letters[-1] == letter:
            whole, first, last = self.runs[-1]
            self.runs[-1] = (whole + 1, first if gap or first < whole else first + 1, 1 if gap else last + 1)
            self.begins[-1] |= gap
            self.ends[-1] |= sign
            return
        self.letters.append(letter)
        self.runs.append((1, 1, 1))
        self.begins.append(gap)
        self.ends.append(sign)


def letters_of(text: str) -> str:
    """The same letters alone, several times as fast: most texts hold nothing that is looked for."""
    mapped = _mapped(_folded(text))
    return _RUNS.sub(r"\1", mapped.translate(_ASCII_GAPS) if mapped.isascii() else _GAPS.sub("", mapped))


def most_letters(text: str) -> int:
    """How many letters a text has at most, wherever it stands: nothing but what is blank is left out."""
    return sum(map(len, _folded(text).split()))


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_FOLDS)


class _Folds(dict[int, str]):
    """What a character stands for: folded once, when it is first met. Marks and what is invisible stand for nothing."""

    def __missing__(self, code: int) -> str:
        if len(self) >= MOST_KNOWN:
            self.clear()
        self[code] = folded = _fold(chr(code))
        return folded


_FOLDS: Final = _Folds()


def _fold(character: str) -> str:
    if _is_gone(character):
        return ""
    bare = unicodedata.normalize("NFKC", character.translate(_CAPITALS)).casefold()
    folded = "".join(each for each in unicodedata.normalize("NFD", bare) if not _is_gone(each))
    # A whole sentence in one character would cost many times what it takes to send. It is a sign like others.
    return folded if len(folded) <= MOST_FOLDED else "_"


def _is_gone(character: str) -> bool:
    return character not in _BLANK and (unicodedata.category(character) in _GONE or character in _INVISIBLE)


def _mapped(folded: str) -> str:
    """As long as `folded`: letters for what looks like them."""
    mapped = folded.translate(_TABLE)
    if "!" in mapped or "|" in mapped:
        mapped = _BARS.sub(lambda bars: "i" * len(bars[0]), mapped)
    return _CROSS.sub("t", mapped) if "+" in mapped else mapped
