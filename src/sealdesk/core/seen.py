"""Whether a text shows anything: what only fills, joins or varies is on the page and says nothing."""

import re
from typing import Final
from unicodedata import category

UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U0001d159\U000e0100-\U000e01ef]"
)
"""What counts as printed and shows nothing by itself: fillers, the empty Braille cell, and what only varies the letter before it."""
JOINERS: Final = str.maketrans("", "", "\u200c\u200d")
"""Takes out what joins letters or keeps them apart: part of names in several scripts, and seen by what it does to them."""
TURNS: Final = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
"""Takes out what turns the direction of the text behind it (UAX 9), for what somebody wrote that stands within a sentence of ours."""
_UNPRINTED: Final = frozenset({"Cc", "Cf", "Cs", "Mn", "Me", "Zs", "Zl", "Zp"})
"""Categories of characters that are blank, or marks on others."""


def shows(text: str) -> bool:
    """Whether there is anything in it to be seen."""
    return any(category(each) not in _UNPRINTED and not UNSEEN.match(each) for each in text)
