"""A session that turns up in another browser than it was opened in: its holder confirms again, before anything that matters."""

from dataclasses import replace
from datetime import UTC, datetime

import structlog

from sealdesk.access.actor import Actor
from sealdesk.people.browsers import label_of

MOST = 10_000
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger("security")


class Moves:
    """What this process has told of sessions that moved: each once."""

    def __init__(self) -> None:
        self._told: set[bytes] = set()

    def judged(self, actor: Actor, agent: str) -> Actor:
        """The actor, unconfirmed where `agent` (a User-Agent field) is not of the browser and system that the session was opened in.

        A cookie that was carried off seldom meets the same ones; an update of the browser changes neither (ASVS 8.2.4).
        """
        if actor.kind != "session" or not actor.label or actor.label == label_of(agent):
            return actor
        if actor.session_hash not in self._told:
            if len(self._told) >= MOST:
                self._told.clear()
            self._told.add(actor.session_hash)
            log.warning("session_moved", owasp="authn_token_reuse", org=str(actor.org), member=str(actor.member))
        return replace(actor, confirmed_at=_LONG_AGO)
