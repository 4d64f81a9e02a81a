"""How far somebody has read, and tickets: what is kept without entries (decided once, in `desk.keep`)."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sealdesk.access.actor import Actor
from sealdesk.access.permissions import Permission
from sealdesk.core.db import ABSENT
from sealdesk.core.errors import Overloaded
from sealdesk.live.frames import Mark
from sealdesk.threads.model import Thread
from sealdesk.unit import Desk, Reading
from sealdesk.web.tokens import is_token, new_token, token_hash

TICKET_LIFE: Final = timedelta(seconds=30)
# Requesters see no members but themselves: of the others they have the names that stand over messages.
_MARKS: Final = """select r.member_id, coalesce(m.name, '') as name, r.seq
from app.read_mark r left join app.member m using (org_id, member_id)
where r.org_id = $1 and r.thread_id = $2 order by r.seq desc, r.member_id limit 100"""


async def make_ticket(desk: Desk, actor: Actor) -> str:
    """A ticket that opens one socket in the actor's name, within `TICKET_LIFE`, while their session is alive."""
    actor.demand(Permission.THREAD_READ)
    ticket = new_token()
    async with desk.keep(actor) as connection:
        await connection.execute(
            "select sec.keep_live_ticket($1, $2, $3)", token_hash(ticket), actor.session_hash, TICKET_LIFE
        )
    return ticket


async def redeem(desk: Desk, ticket: str) -> Actor | None:
    """Whose ticket it is; None for one that was used, has run out, or never was. It is used up whatever comes of it."""
    if not is_token(ticket):
        return None
    try:
        gate = await desk.database.pool("desk_gate")
        session = await gate.fetchval("select sec.use_live_ticket($1)", token_hash(ticket))
    except ABSENT as error:
        raise Overloaded("The database can't be reached right now.", headers={"Retry-After": "2"}) from error
    return await desk.peek(session) if session is not None else None


async def marks(work: Reading, thread: UUID) -> tuple[Mark, ...]:
    """Who has read how far, as far as the reader may know. `OutsideReach` (404)."""
    await work.find(Thread, thread, Permission.THREAD_READ)
    rows = await work.rows(_MARKS, work.actor.org, thread)
    return tuple(Mark(row["member_id"], row["name"], row["seq"]) for row in rows)


async def mark_read(desk: Desk, actor: Actor, thread: UUID, seq: int) -> tuple[Mark, bool] | None:
    """Move the actor's own mark on; gives it, and whether requesters see it, where it moved. `OutsideReach` (404)."""
    async with desk.read(actor) as work:
        await work.find(Thread, thread, Permission.THREAD_READ)
    async with desk.keep(actor) as connection:
        row = await connection.fetchrow("select * from app.mark_read($1, $2)", thread, seq)
    return (Mark(actor.member, actor.name, row["seq"]), row["shown"]) if row else None
