"""Whether a text says anything to the eye."""

import unicodedata
from typing import Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me", "Zs", "Zl", "Zp"})
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and a symbol by their category, and nothing to the eye."""


def says_something(text: str) -> bool:
    """False for one of blanks, marks on nothing and invisible characters alone."""
    return any(unicodedata.category(each) not in _UNSEEN and each not in _BLANK for each in text)
