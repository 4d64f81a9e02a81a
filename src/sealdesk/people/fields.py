"""What a sign-in consists of, and where a request says it comes from."""

from typing import Annotated

import msgspec

from sealdesk.web.exchange import Exchange

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


def origin_of(exchange: Exchange) -> dict[str, str]:
    """Where a request comes from, for the sealed slot `origin`: address, user agent and a fingerprint of the session."""
    agent = exchange.fields.get(b"user-agent", b"").decode("latin-1")[:300]
    session = exchange.actor.session_hash[:8].hex() if exchange.actor else ""
    return {"address": exchange.address, "agent": agent, "session": session}
