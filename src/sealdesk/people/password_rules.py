"""Which passwords are taken: ASVS 6.2 and nothing beyond it. No rule of composition, no expiry; what is typed is taken as it is.

A password has 8 to 1,024 characters, 12 for an admin. It is refused where it is on a list of common passwords (30,000, from zxcvbn, and
12,063 of 12 and more characters), on the operator's list of breached ones, or made of words about the product, the organisation or the
person: docs/decisions/0015.
"""

import hashlib
import mmap
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sealdesk.core.errors import BadRequest
from sealdesk.core.faults import Fault
from sealdesk.core.settings import Settings
from sealdesk.people import passwords

LEAST, LEAST_OF_ADMINS, MOST = 8, 12, 1024
"""Characters."""
PRODUCT_WORDS = (
    "sealdesk",
    "seal",
    "desk",
    "support",
    "helpdesk",
    "ticket",
    "tickets",
    "password",
    "passwort",
    "welcome",
    "admin",
)
"""Words that lie close to hand at any desk."""
LEAST_LETTERS = 4
"""So many letters must be left when the words are taken out."""
LONG = Path(__file__).with_name("long_passwords.bin")
HASH_BYTES = 8
"""The list of long common passwords: so much of the SHA-256 of each, in order. By chance it refuses one password in 10^15."""
_LOOKALIKES = str.maketrans("0134578@$!", "oieastbasi")
_LINE = re.compile(rb"[0-9A-F]{40}(?::[0-9]+)?\r?\n")


class WeakPassword(BadRequest):
    """A password that is not taken, with the reason; it is never repeated."""


SAMPLES = 1000


class Breached:
    """A file of SHA-1 hashes in order, a line each, as Have I Been Pwned publishes it; searched where it lies, by bisection."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise Fault(f"SEALDESK_BREACHED_PASSWORDS: {path} can't be read.") from error
        if not _LINE.match(self._map):
            raise Fault(f"SEALDESK_BREACHED_PASSWORDS: {path} has no line like 0123...CDEF:42, sorted by hash.")
        if not self._in_order():
            raise Fault(f"SEALDESK_BREACHED_PASSWORDS: {path} is not sorted by hash; take the list that is ordered so.")

    def _in_order(self) -> bool:
        """Whether lines at a thousand places come in order: by bisection in any other order, hardly one is found."""
        size, before = len(self._map), b""
        for number in range(SAMPLES):
            start = self._map.rfind(b"\n", 0, size * number // SAMPLES) + 1
            found = self._map[start : start + 40]
            if found < before:
                return False
            before = found
        return True

    def __contains__(self, password: str) -> bool:
        # The list is made of SHA-1; nothing is protected by it here.
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, len(self._map)
        while low < high:
            start = self._map.rfind(b"\n", low, (low + high) // 2) + 1 or low
            found = self._map[start : start + 40]
            if found == wanted:
                return True
            if found < wanted:
                end = self._map.find(b"\n", start, high)
                low = high if end < 0 else end + 1
            else:
                high = start
        return False


@dataclass(slots=True)
class _Lists:
    breached: Breached | None = None


_lists = _Lists()


def configure(settings: Settings) -> None:
    """Take the operator's list and the cost of hashing from the settings. Raises `Fault` for a list that is none."""
    _lists.breached = Breached(Path(settings.breached_passwords)) if settings.breached_passwords else None
    if settings.argon2:
        memory, passes, lanes = settings.argon2
        passwords.tune(passes, memory, lanes)


def check(password: str, about: Iterable[str], *, admin: bool = False, pointer: str = "/password") -> None:
    """Raise `WeakPassword` unless the password may be chosen by somebody about whom these names and addresses tell."""
    least = LEAST_OF_ADMINS if admin else LEAST
    if not least <= len(password) <= MOST:
        whose = "An admin's password" if admin else "A password"
        raise WeakPassword(f"{whose} has {least} to {MOST:,} characters, of any kind.", pointer=pointer)
    folded = password.casefold()
    if folded in _common() or hashlib.sha256(folded.encode()).digest()[:HASH_BYTES] in _long():
        raise WeakPassword(
            "This is one of the most common passwords. Choose another; a few unrelated words do well.", pointer=pointer
        )
    if _lists.breached is not None and password in _lists.breached:
        raise WeakPassword(
            "This password has been in a data breach, so others know it. Choose another.", pointer=pointer
        )
    if _made_of(password, about):
        raise WeakPassword(
            "This password is made of your name, your organisation's, or words close to hand at any desk, such as password or"
            " support. Choose another.",
            pointer=pointer,
        )


def _made_of(password: str, about: Iterable[str]) -> bool:
    words = sorted(_words(about), key=len, reverse=True)
    folded = password.casefold()
    for text in (folded, folded.translate(_LOOKALIKES)):
        rest = text
        for word in words:
            rest = rest.replace(word, "\0")
        if rest != text and sum(letter.isalpha() for letter in rest) < LEAST_LETTERS:
            return True
    return False


def _words(about: Iterable[str]) -> set[str]:
    found = set(PRODUCT_WORDS)
    for text in about:
        folded = text.casefold()
        found |= {folded, *re.split(r"[\W_]+", folded), re.sub(r"[\W_]+", "", folded)}
    return {word for word in found if len(word) >= 3}


@cache
def _common() -> frozenset[str]:
    # Read when it is first asked for: it is a list of 30,000.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415

    return frozenset(FREQUENCY_LISTS["passwords"])


@cache
def _long() -> frozenset[bytes]:
    raw = LONG.read_bytes()
    return frozenset(raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES))
