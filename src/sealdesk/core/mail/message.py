"""A letter as a message of RFC 5322. Nothing in a header may begin another (ASVS V1.3.11)."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import parseaddr

_BREAKS = re.compile(r"[\r\n\0]")
_ENCODED = "=?"
"""What begins an encoded word (RFC 2047), which the library decodes: a line break may come out of it."""


class UnfitHeader(ValueError):
    """A value that would break out of its header; it is refused, never cleaned."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What one person is sent: plain text, and the same as HTML."""

    to: str
    subject: str
    text: str
    html: str


def compose(letter: Letter, sender: str, number: str, at: datetime) -> EmailMessage:
    """The message; `number` makes its Message-ID, the same for each try, so that a receiver can tell a repeat. Raises `UnfitHeader`."""
    name, address = parseaddr(checked(sender))
    plain = address.isascii() and letter.to.isascii()
    message = EmailMessage(policy=SMTP if plain else SMTPUTF8)
    message["From"] = _address(address, name)
    message["To"] = _address(letter.to)
    message["Subject"] = checked(letter.subject).replace(_ENCODED, "= ?")  # names stand in it, which may hold anything
    message["Date"] = at
    message["Message-ID"] = f"<{checked(number)}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def checked(value: str) -> str:
    """`value` if it stays on its line; `UnfitHeader` otherwise."""
    if _BREAKS.search(value):
        raise UnfitHeader("a header value holds a line break or NUL")
    return value


def _address(address: str, name: str = "") -> Address:
    local, _, domain = checked(address).rpartition("@")
    if not local or not domain or _ENCODED in address or _ENCODED in name:
        raise UnfitHeader("no address")
    return Address(name, local, domain)
