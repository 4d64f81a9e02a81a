"""Refusals on record: the first at once, then counted, none lost, and nobody's probe told to its victim by name (ASVS V16.3.2)."""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest

from counts import count
from needs import ROOT
from sealdesk.access.actor import Actor
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, Refusal, SignedOut, TooMany
from sealdesk.record import refusals, refused
from sealdesk.record.refused import Chosen
from sealdesk.threads import commands
from sealdesk.threads.model import Draft
from world import World

ROUTE = "/api/v1/threads/{thread:str}/messages"


async def note(
    world: World, actor: Actor | None, refusal: Refusal, *targets: UUID, address: str = "198.51.100.9"
) -> None:
    """One refusal, as the web process notes it."""
    session = actor.session_hash if actor else None
    await refusals.Notes(world.desk).note(refusals.Asked(uuid4(), session, ROUTE, targets, address), refusal)


async def recorded(world: World, org: UUID) -> list[dict[str, Any]]:
    """The refusals in a log, oldest first."""
    connection = await world.superuser()
    try:
        rows = await connection.fetch(
            "select entry from ledger.entry where org_id = $1"
            " and type in ('auth.failed', 'authz.denied', 'rate.limited', 'suspicious.activity') order by qid",
            org,
        )
    finally:
        await connection.close()
    return [json.loads(row["entry"]) for row in rows]


async def close_windows(world: World) -> None:
    """A minute goes by."""
    connection = await world.superuser()
    await connection.execute("update sec.refusal_window set until = now()")
    await connection.close()


async def hold_windows(world: World) -> None:
    """However long it takes from here on, no window ends."""
    connection = await world.superuser()
    await connection.execute("update sec.refusal_window set until = now() + interval '1 hour'")
    await connection.close()


async def settle_all(world: World) -> None:
    """Record until nothing is due."""
    while await refusals.settle(world.desk):
        pass


async def a_thread(world: World) -> UUID:
    """A conversation of the other organisation."""
    return await commands.open_thread(
        world.desk, world.globex.requester, "x", Draft("y"), "chat", key=None, origin=None
    )


async def test_the_first_is_recorded_at_once_and_the_rest_are_counted(world: World) -> None:
    """A flood writes by windows, and the counts sum exactly."""
    await note(world, world.acme.requester, NotPermitted())
    await refusals.settle(world.desk)
    for _ in range(25):
        await note(world, world.acme.requester, NotPermitted())
    await refusals.settle(world.desk)
    assert [entry["body"]["count"] for entry in await recorded(world, world.acme.org)] == [1]
    await close_windows(world)
    await refusals.settle(world.desk)
    entries = await recorded(world, world.acme.org)
    assert [entry["body"]["count"] for entry in entries] == [1, 25]
    assert {entry["stream"]["id"] for entry in entries} == {str(world.acme.requester.member)}


async def test_a_probe_of_anothers_id_is_suspicious_and_of_nobodys_is_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The prober's organisation gets the entry and the operator a record; nobody's id is nobody's business (ASVS V8.4.1)."""
    thread = await a_thread(world)
    await note(world, world.acme.agent, OutsideReach(), thread)
    await note(world, world.acme.agent, OutsideReach(), uuid4())
    await note(world, world.acme.agent, OutsideReach(), world.acme.admin.member)
    await settle_all(world)
    assert [entry["body"]["kind"] for entry in await recorded(world, world.acme.org)] == ["foreign_id"]
    told = capsys.readouterr()
    said = told.out + told.err
    assert said.count("malicious_direct_reference") == 1
    assert str(world.acme.agent.member) in said
    assert str(thread) not in said


async def test_a_probe_of_a_factor_is_suspicious_where_its_person_is_no_neighbour(world: World) -> None:
    """A factor belongs to a person: it is foreign to an organisation in which they are no member (ASVS V8.4.1)."""
    factor = uuid4()
    connection = await world.superuser()
    person = await connection.fetchval(
        "select person_id from app.member where member_id = $1", world.globex.agent.member
    )
    await connection.execute(
        "insert into sec.factor (factor_id, person_id, kind, name, secret) values ($1, $2, 'totp', 'app', 'x')",
        factor,
        person,
    )
    await note(world, world.acme.agent, OutsideReach(), factor)
    await settle_all(world)
    assert [entry["body"]["kind"] for entry in await recorded(world, world.acme.org)] == ["foreign_id"]
    assert [entry["body"]["kind"] for entry in await recorded(world, world.globex.org)] == ["probed"]
    await connection.execute(
        "update app.member set person_id = $1 where member_id = $2", person, world.acme.stranger.member
    )
    await connection.close()
    await close_windows(world)
    await note(world, world.acme.agent, OutsideReach(), factor)
    await settle_all(world)
    assert len(await recorded(world, world.acme.org)) == 1


async def test_one_of_many_is_enough_and_a_request_counts_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Among its own ids and those of nobody; two ids of one organisation are one probe of it."""
    other = await a_thread(world)
    padding = (*(actor.member for actor in world.acme.everybody()), *(uuid4() for _ in range(500)), world.acme.org)
    await note(world, world.acme.agent, OutsideReach(), *padding)
    await note(world, world.acme.agent, BadRequest(), *padding, other, world.globex.agent.member)
    await settle_all(world)
    for org, kind in ((world.acme.org, "foreign_id"), (world.globex.org, "probed")):
        (entry,) = await recorded(world, org)
        assert (entry["body"]["kind"], entry["body"]["count"]) == (kind, 1)
    told = capsys.readouterr()
    assert (told.out + told.err).count("malicious_direct_reference") == 1


async def test_its_victim_sees_a_count_and_neither_who_nor_what(world: World) -> None:
    """Admins of the organisation whose ids were probed are told that, how often and where, and nothing of the other one."""
    thread = await a_thread(world)
    for actor in (world.acme.agent, world.acme.requester, world.acme.admin):
        await note(world, actor, OutsideReach(), thread)
    await settle_all(world)
    (notice,) = await recorded(world, world.globex.org)
    assert (notice["type"], notice["body"]["kind"], notice["body"]["count"]) == ("suspicious.activity", "probed", 3)
    text = json.dumps(notice)
    for secret in (thread, world.acme.org, *(actor.member for actor in world.acme.everybody())):
        assert str(secret) not in text
    assert notice["body"]["bucket"] is None
    for reader in (world.globex.admin, world.globex.auditor):
        async with world.desk.read(reader) as work:
            assert [str(each.entry_id) for each in (await refused.page(work, Chosen(), None))[0]] == [notice["id"]]
    for reader in (world.globex.agent, world.globex.requester):
        async with world.desk.read(reader) as work:
            with pytest.raises(NotPermitted):
                await refused.page(work, Chosen(), None)


async def test_without_an_organisation_it_goes_to_sys_under_a_bucket(world: World) -> None:
    """Never an address."""
    await note(world, None, SignedOut())
    await note(world, None, TooMany())
    await refusals.settle(world.desk)
    entries = await recorded(world, UUID(int=0))
    assert sorted(str(entry["type"]) for entry in entries) == ["auth.failed", "rate.limited"]
    assert all(entry["body"]["bucket"] for entry in entries)
    assert "198.51.100.9" not in json.dumps(entries)


async def test_many_addresses_share_an_entry_and_few_do_not(world: World) -> None:
    """A flood from everywhere writes an entry each time the worker looks, not one for each address; no refusal goes uncounted."""
    notes = refusals.Notes(world.desk)

    async def from_addresses(number: int, refusal: Refusal) -> None:
        asked = [refusals.Asked(uuid4(), None, ROUTE, (), f"198.51.100.{n}") for n in range(number)]
        await asyncio.gather(*(notes.note(each, refusal) for each in asked))

    await from_addresses(refusals.MOST_ADDRESSES, SignedOut())
    await from_addresses(refusals.MOST_ADDRESSES + 80, TooMany())
    await settle_all(world)
    bodies = [(entry["type"], entry["body"]) for entry in await recorded(world, UUID(int=0))]
    few = [body for kind, body in bodies if kind == "auth.failed"]
    assert [body["count"] for body in few] == [1] * refusals.MOST_ADDRESSES
    assert len({body["bucket"] for body in few} - {None}) == len(few)
    many = [body for kind, body in bodies if kind == "rate.limited"]
    assert [(body["count"], body["bucket"]) for body in many] == [(refusals.MOST_ADDRESSES + 80, None)]


async def test_one_that_can_not_be_written_takes_no_other_with_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """What comes at once goes in one transaction; PostgreSQL takes no NUL in a text."""
    notes = refusals.Notes(world.desk)
    asked = [refusals.Asked(uuid4(), None, ROUTE if n % 5 else "\0", (), f"198.51.100.{n}") for n in range(10)]
    await asyncio.gather(*(notes.note(each, SignedOut()) for each in asked))
    await settle_all(world)
    assert len(await recorded(world, UUID(int=0))) == 8
    assert capsys.readouterr().out.count("refusal.not_recorded") == 2


async def test_a_dead_session_is_put_down_to_whoever_held_it(world: World) -> None:
    """Use of an ended session stands in its holder's own stream (ASVS V7.4.1)."""
    connection = await world.superuser()
    await connection.execute("update sec.session set ended_at = now() where hash = $1", world.acme.agent.session_hash)
    await connection.close()
    assert await world.desk.peek(world.acme.agent.session_hash) is None
    holder = await refusals.whose(world.desk, world.acme.agent.session_hash)
    assert holder is not None
    assert (holder.org, holder.member, holder.live) == (world.acme.org, world.acme.agent.member, False)
    await note(world, world.acme.agent, SignedOut())
    await settle_all(world)
    (entry,) = await recorded(world, world.acme.org)
    assert (entry["type"], entry["stream"]["id"]) == ("auth.failed", str(world.acme.agent.member))


async def test_bad_input_is_no_refusal(world: World) -> None:
    """Only 401, 403, 429, and 400 and 404 to who asked for an id go on record."""
    await note(world, world.acme.agent, BadRequest())
    await note(world, world.acme.agent, OutsideReach())
    await refusals.settle(world.desk)
    assert await recorded(world, world.acme.org) == []


BATCH = 5_000
_NOTE = """select count(*) from unnest($1::bytea[], $2::text[], $3::text[], $4::text[]) r(session, type, kind, address),
    lateral (select sec.note_refusal(r.session, r.type, r.kind, $5, array[]::uuid[], r.address, gen_random_uuid())) noted(done)"""


async def fill_spool(world: World, number: int) -> Counter[tuple[str, str]]:
    """`number` refusals by many actors, through the web process's own door; gives how many there are by organisation and type."""
    people = [*world.acme.everybody(), *world.globex.everybody()]
    chance = random.Random(7)
    kinds = [(401, "auth.failed"), (403, "authz.denied"), (429, "rate.limited")]
    expected: Counter[tuple[str, str]] = Counter()
    rows: list[tuple[bytes | None, str, str, str]] = []
    for _ in range(number):
        actor = chance.choice([*people, None, None])
        status, name = chance.choice(kinds)
        org = actor.org if actor else UUID(int=0)
        expected[str(org), name] += 1
        address = f"198.51.100.{chance.randrange(40)}"
        rows.append((actor.session_hash if actor else None, name, f"kind_{status}", address))
    pool = await world.desk.database.pool("desk_gate")
    for begin in range(0, number, BATCH):
        columns = [list(column) for column in zip(*rows[begin : begin + BATCH], strict=True)]
        await pool.execute(_NOTE, *columns, ROUTE)
    return expected


async def sums(world: World) -> tuple[Counter[tuple[str, str]], int]:
    """What the entries of all logs count, by organisation and type, and how many entries there are."""
    found: Counter[tuple[str, str]] = Counter()
    number = 0
    for org in (UUID(int=0), world.acme.org, world.globex.org):
        for entry in await recorded(world, org):
            found[str(org), entry["type"]] += entry["body"]["count"]
            number += 1
    return found, number


async def test_the_counts_sum_exactly_and_the_ledger_grows_by_windows(world: World) -> None:
    number = count(1_000, 100_000)
    expected = await fill_spool(world, number)
    await settle_all(world)
    first, entries = await sums(world)
    assert first == expected
    actors = 10 + 40
    assert entries <= actors * 3
    await hold_windows(world)
    expected += await fill_spool(world, number)
    await settle_all(world)
    assert (await sums(world))[1] == entries, "within the window nothing is added"
    await close_windows(world)
    await settle_all(world)
    second, entries = await sums(world)
    assert second == expected
    assert entries <= 2 * actors * 3


SETTLER = """
import asyncio, sys
from pathlib import Path
from sealdesk.core.db import Database
from sealdesk.ledger.seal import Sealer
from sealdesk.record import refusals
from sealdesk.unit import Desk

async def main():
    folder = Path(sys.argv[1])
    database = Database.of_credentials(folder / "credentials.json")
    desk = Desk(database, Sealer.of_file(folder / "keys" / "kek.bin"), sys.argv[2])
    print("ready", flush=True)
    while await refusals.settle(desk):
        pass
    print("done", flush=True)

asyncio.run(main())
"""


async def test_killed_in_the_middle_it_loses_and_doubles_nothing(world: World) -> None:
    """The worker dies by SIGKILL while it records, several times over."""
    expected = await fill_spool(world, count(2_000, 20_000))
    chance = random.Random(11)
    killed = 0
    for _ in range(count(4, 40)):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SETTLER,
            str(world.folder),
            world.desk.ledger_name,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(chance.uniform(0.01, 0.2))
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
        killed += process.returncode == -signal.SIGKILL
    assert killed
    await settle_all(world)
    assert (await sums(world))[0] == expected
