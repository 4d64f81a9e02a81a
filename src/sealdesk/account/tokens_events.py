"""What happens to API tokens, as facts in their owner's stream. A token's name is what somebody typed, so it is sealed."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sealdesk.core.clock import stamp
from sealdesk.ledger.events import Event, Stream, document
from sealproof.canonical import JSON


def token_issued(member: UUID, token: UUID, name: str, permissions: Iterable[str], until: datetime) -> Event:
    """A token for programs exists; neither it nor its hash is on record."""
    carried: list[JSON] = [*sorted(permissions)]
    body: dict[str, JSON] = {"token": str(token), "permissions": carried, "expires_at": stamp(until)}
    return Event("token.issued", Stream("user", member), body, [document("details", {"name": name})])


def token_revoked(member: UUID, token: UUID, cause: str) -> Event:
    """A token was ended by its owner (`own`; `own_others`, `password`: with all others) or by an admin (`admin`)."""
    return Event("token.revoked", Stream("user", member), {"token": str(token), "cause": cause})
