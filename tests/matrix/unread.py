"""Messages that are redacted, or to be erased, and what holds them, for the matrix."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from matrix.stage import Stage
from sealdesk.access.actor import Actor
from sealdesk.core.errors import StateConflict
from sealdesk.redactions import commands, erasure, holds
from sealdesk.redactions.model import AlreadyRedacted, Erased, NotRedacted, Wanted
from sealdesk.threads.commands import post_message
from sealdesk.threads.model import Draft
from world import Cast

_WHERE = {"address": "192.0.2.77", "agent": "canary-browser", "session": "canary-session"}


def judge_message(state: str, method: str, verb: str, _says: Any) -> None:
    """What a message in this state says to a verb."""
    if method != "POST":
        return
    if state == "erased" and verb != "answer":
        raise Erased
    if verb == "redaction" and state == "redacted":
        raise AlreadyRedacted
    if verb == "lift" and state != "redacted":
        raise NotRedacted
    if verb == "erasure" and state == "asked":
        raise StateConflict
    if verb == "answer" and state != "asked":
        raise erasure.NothingWaits


def _whichever(_: str) -> None:
    """Whatever waits."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Makes them on a stage; `actor` gives one of a cast by name, signed in."""

    stage: Stage
    actor: Callable[[Cast, str], Awaitable[Actor]]

    async def said(self, cast: Cast, thread: UUID, state: str) -> UUID:
        """A message of an agent in a state."""
        desk, agent, admin = self.stage.world.desk, await self.actor(cast, "agent"), await self.actor(cast, "admin")
        message = (await post_message(desk, agent, thread, Draft("A message"), key=None, origin=_WHERE)).id
        if state == "redacted":
            await commands.redact(desk, agent, thread, message, Wanted("withhold", "other"), key=None)
        if state in ("asked", "erased"):
            await erasure.ask(desk, admin, thread, message, "retention", "as the matrix has it", key=None)
        if state == "erased":
            auditor, said = await self.actor(cast, "auditor"), erasure.Answer(approve=True)
            await erasure.answer(desk, auditor, thread, message, said, _whichever, key=None)
        return message

    async def turn(self, org: UUID, state: str) -> None:
        """Have an organisation erase, or not; where somebody asked for it, that is an admin who is nobody else here."""
        cast = self._cast(org)
        await self.stage.admin.execute("delete from app.erasing where org_id = $1", org)
        if state == "asked":  # as it is asked: what approves it names the entry
            admin = await self.actor(cast, "admin")
            await erasure.turn(self.stage.world.desk, admin, "ask", "as the matrix has it", lambda _: None)
            return
        await self.stage.admin.execute(
            "insert into app.erasing (org_id, state, asked_by) values ($1, $2, $3)", org, state, cast.admin.member
        )

    async def held(self, thread: UUID) -> UUID:
        """A legal hold on a conversation."""
        org = await self.stage.admin.fetchval("select org_id from app.thread where thread_id = $1", thread)
        auditor = await self.actor(self._cast(org), "auditor")
        return (await holds.place(self.stage.world.desk, auditor, thread, "other", "", key=None)).id

    def _cast(self, org: UUID) -> Cast:
        return self.stage.world.globex if org == self.stage.world.globex.org else self.stage.world.acme
