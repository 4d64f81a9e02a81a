"""E-mail addresses as the key of a person."""

import re

from sealdesk.core.errors import BadRequest

# What needs no quotes in a header (RFC 5322, 3.2.3), in any script: so an address is one address wherever it is written.
_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"]+")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+")


def normalise_email(email: str) -> str:
    """The form by which an e-mail is unique: trimmed and case-folded. `BadRequest` if it is none."""
    trimmed = email.strip()
    local, _, domain = trimmed.rpartition("@")
    if not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) and len(trimmed) <= 254 and trimmed.isprintable()):
        raise BadRequest("An e-mail address looks like name@example.org.")
    return trimmed.casefold()
