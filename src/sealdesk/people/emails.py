"""E-mail addresses as the key of a person."""

import re
import unicodedata

from sealdesk.core.errors import BadRequest
from sealdesk.core.seen import UNSEEN

# What needs no quotes in a header (RFC 5322, 3.2.3), in any script: so an address is one address wherever it is written.
_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"]+")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_UNPLAIN = (
    "This address has a character that stands for others or shows nothing, such as a wide letter or two letters in one."
    " Type it with plain letters instead."
)


def checked_email(email: str) -> str:
    """An address as it is kept, shown and mailed to: trimmed and composed (NFC). `BadRequest` if it is none.

    What only looks like others (NFKC would make others of it) is refused: two mailboxes that look alike are no one's to tell apart.
    """
    kept = unicodedata.normalize("NFC", email.strip())
    local, _, domain = kept.rpartition("@")
    if not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) and len(kept) <= 254 and kept.isprintable()):
        raise BadRequest("An e-mail address looks like name@example.org.")
    if unicodedata.normalize("NFKC", kept) != kept or UNSEEN.search(kept):
        raise BadRequest(_UNPLAIN)
    if "=?" in kept:  # begins an encoded word (RFC 2047): in a header it would be read as something else
        raise BadRequest("An e-mail address can't hold an equals sign before a question mark.")
    return kept


def normalise_email(email: str) -> str:
    """The form by which an e-mail is unique: as it is kept, in small letters. `BadRequest` if it is none.

    Whoever is found by it is who gets the mail, so it makes one of two only where no host keeps them apart: capital and small letter, one
    for one. It is not `casefold`, by which straße is strasse and ς is σ: those are other mailboxes, and other people's. Nor is it `lower`
    on the whole text, which looks at what stands around a letter and makes two characters of one: Σ is σ also at the end of a word (ς is
    a letter of its own), and İ, whose small letter would be two characters, stays as it is. In doubt there are two people.
    """
    small = "".join(map(_small, checked_email(email)))
    # A small letter and its mark may be one character where the capital and the mark are two.
    return unicodedata.normalize("NFC", small)


def _small(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 else character
