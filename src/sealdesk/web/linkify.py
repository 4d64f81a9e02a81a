"""Plain text as HTML: escaped, with http and https links and line ends, nothing else."""

import re
from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup, escape

_LINK: Final = re.compile(
    r"\bhttps?://[^\s<>\"'`\\{}|^\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]{1,2000}",
    re.ASCII | re.IGNORECASE,
)
_TRAILING: Final = ".,;:!?*_~"
_REL: Final = "nofollow noopener noreferrer ugc"


def linkify(text: str) -> Markup:
    """`text` as HTML in which web addresses are links.

    The scheme is part of the pattern, so no other can become one; an address with a name or password in it, which could pose as another
    host, stays text.
    """
    parts: list[Markup] = []
    position = 0
    for match in _LINK.finditer(text):
        address = _trim(match[0])
        if not _plain_host(address):
            continue
        start = match.start()
        parts.append(escape(text[position:start]))
        parts.append(Markup('<a href="{}" rel="{}">{}</a>').format(address, _REL, address))
        position = start + len(address)
    parts.append(escape(text[position:]))
    return Markup("").join(parts).replace("\n", Markup("<br>\n"))


def _trim(address: str) -> str:
    """Without the punctuation of the sentence around it; a closing bracket stays if it has its opening one."""
    surplus = address.count(")") - address.count("(")
    end = len(address)
    while end and (address[end - 1] in _TRAILING or (address[end - 1] == ")" and surplus > 0)):
        surplus -= address[end - 1] == ")"
        end -= 1
    return address[:end]


def _plain_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.username is None and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
