"""T03: one tenant reads or writes another's rows.

A walk of thousands of drafted requests through two organisations full of canaries (`tests/town.py`); every place where a route takes an
id, with every kind of id of the other tenant, against one that nobody has; and the same straight on the database.
"""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from canaries import NO_ADDRESS, Tenant, ids_of, settle_in
from counts import count
from direct import Caller, Reply, serve
from intruder import DESK_ROLES, attempt, entered
from probing import essence, probes, statements
from ranks import mann_whitney_z
from sealdesk import app
from sealdesk.people import passwords
from sealdesk.record import refusals
from sealdesk.threads import queries
from sealdesk.unit import Reading
from town import Town, plan, put_right, send, walk
from world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUESTS = count(1_800, 10_000)
STRAYS = count(2, 20)
KINDS = {
    "organisation", "member", "email", "subject", "other", "body", "answer", "note", "purpose", "token", "factor", "device",
    "invited", "newcomer", "contact", "history", "past",
}  # fmt: skip

UNREAD = {
    ("/exports/new", "thread"),
    ("/exports/new", "threads"),
    ("/api/v1/ledger/refusals", "thread"),
    ("/security", "thread"),
    ("/api/v1/flags", "thread"),
    ("/review", "thread"),
}
"""Fields of a form of which its scope reads one or none, and the key of a page: what stands there is looked up by nobody."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(stage: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Both organisations settled in."""
    folder = tmp_path_factory.mktemp("town")
    passwords.tune(1, 8, 1)  # the walk shows passwords that are wrong; what that costs is not its business
    application = serve(stage, stage.folder)
    tenants = (Tenant(stage.acme), Tenant(stage.globex))
    for tenant in tenants:
        await settle_in(application, tenant, folder)
    yield Town(application, tenants)
    passwords.tune(2, 19_456, 1)


async def test_no_answer_holds_a_word_or_an_id_of_the_other_organisation(town: Town) -> None:
    await walk(town, plan(town, REQUESTS, town.application.routes))
    assert sum(town.statuses.values()) == REQUESTS
    assert town.leaks == []
    assert town.faults == []


async def test_the_walkers_got_somewhere(town: Town) -> None:
    """Each kind of canary was seen by its own organisation, and a good part of the requests were not refused."""
    for tenant in town.tenants:
        assert KINDS - town.seen[tenant.mark] == set()
    assert sum(number for status, number in town.statuses.items() if status < 400) > REQUESTS / 4
    assert town.statuses[404] > REQUESTS / 10


async def test_every_refusal_was_told(town: Town) -> None:
    """An answer of 400 and above that no record knows of would be an attempt that nobody hears about."""
    assert town.untold == []


async def test_another_tenants_id_answers_like_nobodys_in_every_place_and_leaves_a_record(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, statement for statement; and the record names each request that had one, and none of the others."""
    one, two = town.tenants
    await start_anew(town)
    expected, unread = dict[str, str](), set[str]()
    for number, probe in enumerate(probes(town.application, one, two, STRAYS)):
        if number % 50 == 0:
            await put_right(town)
        pair: list[tuple[Reply, list[str]]] = []
        for draft, _ in (probe.foreign, probe.absent):
            with statements(monkeypatch) as sent:
                pair.append((await send(one.callers[probe.role], draft, as_browser=number % 2 == 0), sent))
        (foreign, asked), (absent, asked_too) = pair
        assert essence(foreign, probe.foreign[1]) == essence(absent, probe.absent[1]), probe.name
        assert asked == asked_too, probe.name
        assert (foreign.exchange.refusal is None) == (foreign.status < 400), probe.name
        if foreign.status == 404 or (foreign.status == 400 and not probe.in_path):
            expected[foreign.exchange.request_id] = probe.name
        elif foreign.status != 403 and (probe.route.path, probe.place) not in UNREAD:
            unread.add(f"{probe.name} {foreign.status}")
    assert unread == set()
    assert len(expected) > 100
    pool = await town.application.world.desk.database.pool("desk_worker")
    told = await pool.fetch("select * from sec.classify_probes(100000)")
    named = {str(row["request_id"]) for row in told}
    assert named <= set(expected)
    assert [name for request, name in expected.items() if request not in named] == []
    assert await probed(town) == sorted(
        [(one.cast.org, "foreign_id", len(expected)), (two.cast.org, "probed", len(expected))]
    )


async def start_anew(town: Town) -> None:
    """Nothing waits to be recorded."""
    superuser = await town.application.world.superuser()
    await superuser.execute("delete from sec.refusal; delete from sec.refusal_window")
    await superuser.close()


async def probed(town: Town) -> list[tuple[UUID, str, int]]:
    """What is on record of probes since `start_anew`: in whose log, of what kind, how many."""
    world = town.application.world
    superuser = await world.superuser()
    before = await superuser.fetchval("select coalesce(max(qid), 0) from ledger.entry")
    while await refusals.settle(world.desk):
        pass
    rows = await superuser.fetch(
        "select org_id, entry from ledger.entry where type = 'suspicious.activity' and qid > $1", before
    )
    await superuser.close()
    bodies = [(row["org_id"], json.loads(row["entry"])["body"]) for row in rows]
    totals = Counter[tuple[UUID, str]]()
    for org, body in bodies:
        totals[org, body["kind"]] += body["count"]
    return sorted((org, kind, number) for (org, kind), number in totals.items())


async def test_the_two_take_as_long(town: Town) -> None:
    """An alarm, not a stopwatch: it rings when three samples in a row lie so far apart that chance would not do it in a thousand runs."""
    one, two = town.tenants
    caller = one.callers["agent"]
    for path in ("/api/v1/threads/{}/messages", "/api/v1/ledger/receipts/{}"):
        foreign_id = two.thread if "threads" in path else two.ids["entry_id"][-1]
        assert not await told_apart(caller, path, foreign_id), path


async def told_apart(caller: Caller, path: str, foreign_id: str) -> bool:
    """Whether three samples in a row tell the id of the other tenant from ids that nobody has."""
    for _ in range(3):
        foreign, absent = list[float](), list[float]()
        for number in range(2 * count(60, 1_000)):
            times, asked = (foreign, foreign_id) if number % 2 else (absent, str(uuid4()))
            began = time.perf_counter()
            assert (await caller.ask("GET", path.format(asked))).status == 404
            times.append(time.perf_counter() - began)
        if mann_whitney_z(foreign, absent) < 3.3:  # p > 0.001
            return False
    return True


@pytest.mark.parametrize("role", DESK_ROLES)
async def test_straight_on_the_database_there_is_nothing_of_the_other_tenant(town: Town, role: str) -> None:
    """Free SQL as each login, table by table: not a row is read, changed, removed, or put in."""
    assert await reached(town.application.world, role) == []


async def reached(world: World, role: str) -> list[str]:
    """What a login, entered for one organisation, can do to the other's rows."""
    superuser = await world.superuser()
    tables = await superuser.fetch(
        "select a.attrelid::regclass::text as name, array_agg(quote_ident(a.attname)) as columns,"
        " min(quote_ident(a.attname)) filter (where has_column_privilege('desk_' || $1, a.attrelid, a.attnum, 'update')) as own"
        " from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind = 'r'"
        " where c.relnamespace in ('app'::regnamespace, 'ledger'::regnamespace) and a.attnum > 0 and not a.attisdropped"
        " and a.attgenerated = '' and exists (select from pg_attribute o where o.attrelid = c.oid and o.attname = 'org_id') group by 1",
        role,
    )
    found, theirs = list[str](), f"where org_id = '{world.globex.org}'"
    async with entered(world, getattr(world.acme, role)) as connection:
        for table in tables:
            name, column, columns = table["name"], table["own"] or "org_id", ", ".join(table["columns"])
            row = await superuser.fetchval(f"select to_jsonb(t)::text from {name} t {theirs} limit 1")
            attempts = [
                f"select from {name} {theirs}",
                f"update {name} set {column} = {column} {theirs}",
                f"delete from {name} {theirs}",
            ]
            if row is not None:
                attempts.append(
                    f"insert into {name} ({columns}) overriding system value"
                    f" select {columns} from jsonb_populate_record(null::{name}, $row${row}$row$)"
                )
            for statement in attempts:
                ending = await attempt(connection, statement)
                if ending not in ("SELECT 0", "UPDATE 0", "DELETE 0", "42501"):
                    found.append(f"{statement[:60]}: {ending}")
    await superuser.close()
    return found


async def test_every_kind_of_id_is_known_for_whose_it_is(town: Town) -> None:
    """Every id in every table of an organisation is seen as another's; but for those by which nothing can be asked for."""
    one, two = town.tenants
    superuser = await town.application.world.superuser()
    whose = "select array(select sec.others_with($1, $2::uuid[]))"
    present = await ids_of(town.application, two)
    for column in sorted(set(present) - NO_ADDRESS):
        ids = present[column]
        assert await superuser.fetchval(whose, two.cast.org, ids) == [], column
        for each in ids[:5]:
            assert two.cast.org in await superuser.fetchval(whose, one.cast.org, [each]), column
    await superuser.close()


async def test_sabotage_on_the_database(town: Town) -> None:
    """A policy too many, and rows are reached."""
    superuser = await town.application.world.superuser()
    await superuser.execute("create policy hole on app.ticket for all to desk_agent using (true)")
    found = " ".join(await reached(town.application.world, "agent"))
    assert "select from app.ticket" in found
    assert "update app.ticket" in found
    await superuser.execute("drop policy hole on app.ticket")
    await superuser.close()


def none_at_all(*_: object) -> tuple[UUID, ...]:
    """What is left of the looking when it was taken out."""
    return ()


async def test_sabotage_of_the_answer(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that looks whose an id is before it answers is seen by its statements; two samples that lie apart are told apart."""
    one, two = town.tenants
    asked = queries.timeline

    async def curious(work: Reading, thread: UUID, *rest: Any) -> Any:
        if str(thread) == two.thread:
            await work.value("select 1")
        return await asked(work, thread, *rest)

    monkeypatch.setattr(queries, "timeline", curious)
    told: list[list[str]] = []
    for thread in (two.thread, str(uuid4())):
        with statements(monkeypatch) as sent:
            await one.callers["agent"].ask("GET", f"/api/v1/threads/{thread}/messages")
        told.append(sent)
    assert told[0] != told[1]
    assert mann_whitney_z([1.0 + each / 100 for each in range(40)], [1.5 + each / 100 for each in range(40)]) > 3.3


async def test_sabotage_of_the_record(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the path is looked at, a foreign id in a body leaves no trace."""
    one, two = town.tenants
    agent, wanted = one.callers["agent"], {"purpose": "x", "scope": {"threads": [two.thread]}}
    await put_right(town)
    for expected in (2, 0):
        await start_anew(town)
        assert (await agent.ask("POST", "/api/v1/exports", document=wanted)).status == 404
        ticket = {"assignee": str(two.cast.agent.member)}
        assert (await agent.ask("PATCH", f"/api/v1/threads/{one.thread}/ticket", document=ticket)).status == 400
        assert [number for _, _, number in await probed(town)] == [expected] * 2 * bool(expected)
        monkeypatch.setattr(app, "asked_ids", none_at_all)


async def test_sabotage_of_the_policies(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that asks for the other organisation's rows gets none; with the policies taken out too, the walk finds what leaks."""
    one, two = (tenant.cast.org for tenant in town.tenants)
    swapped = {one: two, two: one}
    for name in ("rows", "row", "value"):
        monkeypatch.setattr(Reading, name, wrong(getattr(Reading, name), swapped))
    reading = [each for each in town.application.routes if each[0] == "GET" and each[1].permission]
    superuser = await town.application.world.superuser()
    # A walker may have given a token, a member or a lexicon the other's id for a name: that is no leak, and the walk that knows who wrote
    # what is over.
    await superuser.execute("update sec.session set label = 'a name' where kind = 'token'")
    await superuser.execute(
        "update app.member set name = 'a name' where name ~ '[0-9a-f]{8}-[0-9a-f]{4}'; delete from app.lexicon"
    )
    held = Town(town.application, town.tenants)
    await walk(held, plan(held, 4 * len(reading), reading))
    assert held.leaks == []
    tables = await superuser.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'app'"
    )
    for table in tables:
        await superuser.execute(f"alter table {table['name']} disable row level security")
    await superuser.close()
    open_ = Town(town.application, town.tenants)
    await walk(open_, plan(open_, 8 * len(reading), reading))
    assert len({place for place, _, _ in open_.leaks}) > 1
    assert {word for _, _, found in open_.leaks for word in found} >= {tenant.mark.encode() for tenant in town.tenants}


def wrong(asked: Callable[..., Awaitable[Any]], swapped: dict[UUID, UUID]) -> Callable[..., Awaitable[Any]]:
    """A query that takes one organisation for the other."""

    async def query(work: Reading, text: str, *arguments: Any) -> Any:
        return await asked(
            work, text, *(swapped.get(each, each) if isinstance(each, UUID) else each for each in arguments)
        )

    return query
