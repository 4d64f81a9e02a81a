"""Whose address a request counts for: the peer's, or what a trusted proxy says of its own peer.

Of all fields that claim an address only X-Forwarded-For is read, and only from a peer within `SEALDESK_TRUSTED_PROXIES`: each proxy appends
whom it was called by, so the list is believed from its right end, as far as those who wrote it are trusted. `Forwarded` and `X-Real-IP`
are never read: whoever may write them differs from proxy to proxy.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address


class Peers:
    """The networks whose word on addresses is taken."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._networks = tuple(ip_network(each) for each in trusted)

    def client(self, peer: str, forwarded: bytes | None) -> str:
        """The address that a request counts for; `forwarded` is X-Forwarded-For, several fields joined in order.

        It is the rightmost one that is not itself trusted. Anything that is no list of addresses is not believed: then it is the peer.
        """
        direct = _read(peer)
        if direct is None:
            return peer
        if forwarded is None or not self._trusts(direct):
            return str(direct)
        client = direct
        for text in reversed(forwarded.decode("latin-1").split(",")):
            found = _read(text.strip(" \t"))
            if found is None:
                return str(direct)
            client = found
            if not self._trusts(found):
                break
        return str(client)

    def _trusts(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)


def _read(text: str) -> Address | None:
    """An address without zone or port; one of IPv4 in IPv6's clothes (RFC 4291, 2.5.5.2) is what it stands for."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            return None
        return found.ipv4_mapped or found
    return found
