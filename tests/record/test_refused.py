"""Reading refusals: every page follows on the one before, and sums are those of the entries."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from record.test_refusals import note, settle_all
from sealdesk.core.errors import NotPermitted, SignedOut, TooMany
from sealdesk.record import refused
from sealdesk.record.refused import Chosen, Refused
from world import World


async def read(world: World, chosen: Chosen | None = None) -> list[Refused]:
    """All pages, as an auditor reads them."""
    found: list[Refused] = []
    async with world.desk.read(world.acme.auditor) as work:
        page, older = await refused.page(work, chosen or Chosen(), None)
        found += page
        while older:
            page, older = await refused.page(work, chosen or Chosen(), older)
            found += page
    return found


async def fill(world: World, number: int) -> None:
    """Refusals of one member on many routes, so that each is an entry; they are recorded at the very same time."""
    pool = await world.desk.database.pool("desk_gate")
    session = world.acme.agent.session_hash
    rows = [(session, "authz.denied", "not_permitted", f"/r/{n}", [], None, UUID(int=n)) for n in range(number)]
    await pool.executemany("select sec.note_refusal($1, $2, $3, $4, $5, $6, $7)", rows)
    await settle_all(world)
    connection = await world.superuser()
    await connection.execute("alter table ledger.entry disable trigger user")
    await connection.execute("update ledger.entry set at = date_trunc('hour', at) where type = 'authz.denied'")
    await connection.close()


async def test_reading(world: World) -> None:
    """Pages follow on each other without a gap; what is chosen is what is read; sums are those of the entries."""
    number, requester = 2 * refused.PAGE + 7, world.acme.requester
    await fill(world, number)
    found = await read(world)
    assert len({each.entry_id for each in found}) == len(found) == number
    keys = [(each.recorded_at, each.entry_id) for each in found]
    assert keys == sorted(keys, reverse=True)
    for _ in range(3):
        await note(world, requester, TooMany())
    await note(world, None, SignedOut())
    await settle_all(world)
    now, hour = datetime.now(UTC), timedelta(hours=1)
    for chosen, kinds in (
        (Chosen(), {"not_permitted", "too_many_requests"}),
        (Chosen(("rate.limited",)), {"too_many_requests"}),
        (Chosen(member=requester.member), {"too_many_requests"}),
        (Chosen(member=world.acme.admin.member), set()),
        (Chosen(nobody=True), set()),
        (Chosen(("rate.limited",), since=now - hour, until=now + hour), {"too_many_requests"}),
        (Chosen(since=now + hour), set()),
        (Chosen(until=now - hour), set()),
    ):
        assert {each.kind for each in await read(world, chosen)} == kinds, chosen
    await the_sums(world, now - 2 * hour, hour)


async def the_sums(world: World, since: datetime, hour: timedelta) -> None:
    """By steps and by member; what is older than the period is not in it, and none of it is for agents."""
    requester = world.acme.requester.member
    async with world.desk.read(world.acme.admin) as work:
        counted = await refused.sums(work, since - hour, hour, Chosen(("rate.limited",)))
        assert sum(counted.steps.values()) == counted.members[requester] == 3
        assert {step for _, step in counted.steps} <= {2, 3}
        assert not (await refused.sums(work, since, hour, Chosen(nobody=True))).steps
        assert sum((await refused.sums(work, since, hour, Chosen(member=requester))).steps.values()) == 3
        assert not (await refused.sums(work, since + 4 * hour, hour, Chosen())).steps
    async with world.desk.read(world.acme.agent) as work:
        with pytest.raises(NotPermitted):
            await refused.sums(work, since, hour, Chosen())
