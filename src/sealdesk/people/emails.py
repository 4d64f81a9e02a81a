"""E-mail addresses as the key of a person."""

from sealdesk.core.errors import BadRequest


def normalise_email(email: str) -> str:
    """The form by which an e-mail is unique: trimmed and case-folded. `BadRequest` if it is none."""
    trimmed = email.strip()
    local, at, domain = trimmed.rpartition("@")
    if not (at and local and "." in domain and len(trimmed) <= 254 and trimmed.isprintable() and " " not in trimmed):
        raise BadRequest("An e-mail address looks like name@example.org.")
    return trimmed.casefold()
