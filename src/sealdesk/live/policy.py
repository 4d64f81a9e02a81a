"""How often frames and what goes with them over HTTP may come, and how many sockets there may be."""

from dataclasses import dataclass, replace
from typing import Final

from sealdesk.web.limits import Limit

LIVE: Final = Limit("live", per_person="120/minute", per_address="1200/minute", per_org="12000/minute")
"""Frames, handshakes, tickets and read marks count together, over all sockets of a person and over HTTP."""
IN_THREAD: Final = replace(LIVE, per_target="1200/minute")
"""The same, for what names a conversation."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Sockets of one member, and from one address (an IPv6 network of 64 bits); seconds without a frame that end one."""

    of_member: int
    of_address: int
    idle: float
