"""Where a request may come from: the allow-list of origins, and what a browser says about the sender.

The order is that of Go 1.25's CrossOriginProtection, made stricter: a mutation that carries a cookie and neither an allowed Origin nor
`Sec-Fetch-Site: same-origin` is refused; a present Origin is checked whatever else the request carries, has to be that of the very Host
asked, and does not help a request of which the browser says that it comes from another site.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from sealdesk.core.errors import BadOrigin

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE: Final = (None, b"same-origin", b"none")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_ORIGIN: Final = re.compile(r"(?P<scheme>https?)://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?")


class BadSetting(ValueError):
    """An origin in the configuration that no browser would send."""


def serialised_origin(text: str) -> str:
    """`text` if it is an origin as browsers serialise it (RFC 6454, 6.2): scheme, lower-case host, port unless default."""
    match = _ORIGIN.fullmatch(text)
    if match is None or match["port"] == _DEFAULT_PORTS[match["scheme"]]:
        raise BadSetting(f"not an origin as browsers send it: {text}")
    return text


class Origins:
    """The allow-list. `hosts` are the Host values that it implies."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._allowed = frozenset(serialised_origin(origin).encode() for origin in origins)
        if not self._allowed:
            raise BadSetting("a desk needs at least one origin")
        self.hosts = frozenset(origin.split(b"://")[1] for origin in self._allowed)

    def allows(self, origin: bytes | None) -> bool:
        """Exact comparison, byte for byte: no suffix, no case folding, no `null`."""
        return origin in self._allowed

    def check(self, fields: Mapping[bytes, bytes]) -> None:
        """Refuse a mutation whose header `fields` say or may hide that it comes from another site.

        Raises `BadOrigin`. A bearer token without a cookie needs no Origin: no browser attaches it by itself.
        """
        origin, site = fields.get(b"origin"), fields.get(b"sec-fetch-site")
        if origin is not None:
            # Of two origins of one desk each is another site to the other: a page under one does nothing under the other.
            if not self.allows(origin) or origin.partition(b"://")[2] != fields.get(b"host") or site not in _OWN_SITE:
                raise BadOrigin("The Origin of the request is not that of this desk.")
            return
        if b"cookie" in fields:
            trusted = site == b"same-origin"
        elif b"authorization" in fields:
            trusted = True
        else:
            trusted = site in _OWN_SITE
        if not trusted:
            raise BadOrigin("A request that changes something needs an Origin of this desk.")

    def demand(self, fields: Mapping[bytes, bytes]) -> None:
        """The same where a browser always sends an Origin: with a handshake (RFC 6455, 4.1). Programs say it too. Raises `BadOrigin`."""
        if b"origin" not in fields:
            raise BadOrigin("A socket is opened with an Origin of this desk.")
        self.check(fields)
