"""Erasing content as the ledger describes it, until the desk has a command for it."""

from uuid import UUID

from sealdesk.access.actor import system
from sealdesk.ledger.events import Event, Ref, Stream, text
from sealproof.canonical import JSON
from world import Cast, World


async def erase(world: World, cast: Cast, commit: bytes, entry: Ref) -> UUID:
    """Destroy a content and record it in the requester's own stream; gives the entry's id."""
    stream = Stream("user", cast.requester.member)
    body: dict[str, JSON] = {
        "commits": [commit.hex()],
        "basis": "gdpr-17-1",
        "asked_by": str(cast.admin.member),
        "approved_by": str(cast.auditor.member),
        "backups_expire": "2027-01-01T00:00:00.000000Z",
    }
    async with world.desk.change(system(cast.org)) as change:
        change.guarded = True
        await change.lock(stream)
        fact = change.record(Event("content.erased", stream, body, [text("reason", "Asked for")], [entry]))
    superuser = await world.superuser()
    await superuser.execute("delete from ledger.content_key where commit = $1", commit)
    await superuser.execute("delete from ledger.content where commit = $1", commit)
    await superuser.close()
    return fact.entry_id
