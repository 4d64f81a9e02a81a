"""T08: counts in a real Valkey server: exact over all web processes, and never open while it is away."""

import asyncio
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest
from valkey.asyncio import Valkey

from core.test_counters import QUOTAS, admissions, ended, start
from databases import Clone
from sealdesk.core import clock, valkey
from sealdesk.core.counters import Counters, Hit
from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.errors import Overloaded, TooMany
from sealdesk.core.faults import Fault
from sealdesk.core.valkey import ValkeyAway, ValkeyCounts, checked_url
from sealdesk.people import guard
from sealdesk.web.counters import ProcessCounters
from sealdesk.web.limits import Limit, Limiter
from valkeyserver import Server

POSTING = Limit("message-post", per_person="3/minute")


@pytest.fixture
async def counters(database: Clone, server: Server) -> AsyncIterator[Counters]:
    await server.there()
    opened = Database.of_credentials(database.credentials)
    counting = Counters(opened)
    counting.valkey = ValkeyCounts(server.url, database.name)
    yield counting
    await counting.valkey.close()
    await opened.close()


async def stored(database: Clone) -> int:
    """How many counts the database has."""
    connection = await asyncpg.connect(database.admin_dsn)
    found = await connection.fetchval("select count(*) from sec.counter")
    await connection.close()
    assert isinstance(found, int)
    return found


async def test_it_works(database: Clone, counters: Counters) -> None:
    answers = await asyncio.gather(*(counters.hit(Hit("x", 60), Hit(f"y{number % 3}", 60)) for number in range(300)))
    assert sorted(answer[0].number for answer in answers) == list(range(1, 301))
    assert 55 < (answers[0][0].until - clock.now()).total_seconds() <= 60
    assert await stored(database) == 0


async def test_a_window_ends_when_it_was_told_to(counters: Counters) -> None:
    (first,), (second,) = await counters.hit(Hit("short", 1)), await counters.hit(Hit("short", 1))
    assert (first.number, second.number) == (1, 2)
    assert abs((second.until - first.until).total_seconds()) < 0.05
    await asyncio.sleep(max(0.0, (first.until - clock.now()).total_seconds()) + 0.05)
    assert (await counters.hit(Hit("short", 1)))[0].number == 1


async def test_eight_processes_let_in_exactly_as_many_as_declared(database: Clone, server: Server) -> None:
    await server.there()
    processes = await asyncio.gather(*(start(database, valkey=server.url) for _ in range(8)))
    found = await asyncio.gather(*(admissions(process) for process in processes))
    await asyncio.gather(*(ended(process) for process in processes))
    assert {kind: sum(each[kind] for each in found) for kind in QUOTAS} == QUOTAS
    # What decides on an account is durable, and so in the database: one count, for the one account.
    assert await stored(database) == 1


async def test_two_desks_on_one_server_count_apart(server: Server) -> None:
    await server.there()
    one, other = ValkeyCounts(server.url, "one.test"), ValkeyCounts(server.url, "other.test")
    for counts in (one, other):
        assert (await counts.hit([b"k"], [1], [60]))[0][0] == 1
        await counts.close()


async def test_neither_addresses_nor_accounts_are_stored(server: Server, counters: Counters) -> None:
    await counters.hit(Hit("sign-in/address/203.0.113.77", 60))
    client = Valkey.from_url(server.url)
    keys = b" ".join(await client.keys())
    await client.aclose()
    assert keys
    assert b"203.0.113" not in keys


async def admitted(counters: Counters, tries: int) -> int:
    limiter = Limiter(ProcessCounters(), shared=counters)
    through = 0
    for _ in range(tries):
        try:
            await limiter.admit_change(POSTING, "203.0.113.9", "ada", "/")
            through += 1
        except TooMany:
            counters.full.drop(["message-post/person/ada"])
    return through


@pytest.mark.parametrize("how", ["killed", "silent"])
async def test_while_it_is_away_the_database_counts(
    database: Clone, server: Server, counters: Counters, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is let in without a count, and nobody waits for it longer than a moment; when it is back, it counts again."""
    monkeypatch.setattr(valkey, "AGAIN_AFTER", 0.3)
    assert await admitted(counters, 5) == 3
    if how == "killed":
        server.end(signal.SIGKILL)
        assert await admitted(counters, 5) == 3
        server.start()
        await server.there()
    else:
        with server.silent():
            assert await admitted(counters, 5) == 3
    assert await stored(database) == 1
    await asyncio.sleep(0.4)
    (count,) = await counters.hit(Hit(f"back/{how}", 60))
    assert count.number == 1
    assert await stored(database) == 1


async def test_with_both_away_nobody_is_let_in() -> None:
    database = Database(Whereabouts("/nonexistent", 5432, "none"), {"desk_gate": "x"})
    counters = Counters(database)
    counters.valkey = ValkeyCounts("valkey://127.0.0.1:1", "desk.test")
    with pytest.raises(ValkeyAway):
        await counters.valkey.hit([b"k"], [1], [60])
    with pytest.raises(Overloaded):
        await counters.hit(Hit("x", 60))
    await counters.valkey.close()


async def test_locks_of_accounts_do_not_hang_on_it(server: Server, counters: Counters) -> None:
    """A server that forgets everything opens no account."""
    attempt = guard.Attempt("ada@b.test", None, ())
    for _ in range(guard.PER_ACCOUNT):
        await guard.admit(counters, attempt)
    client = Valkey.from_url(server.url)
    await client.flushall()
    await client.aclose()
    with pytest.raises(TooMany):
        await guard.admit(counters, attempt)


@pytest.mark.parametrize("text", ["localhost:6379", "http://cache.example", "valkey://", "unix://"])
def test_an_address_that_makes_no_sense_is_told(text: str) -> None:
    with pytest.raises(Fault, match="SEALDESK_VALKEY_URL must look like"):
        checked_url(text)


def test_addresses_that_do() -> None:
    for text in ("", "valkeys://:password@cache.example.org:6379/0", "redis://10.1.2.3", "unix:///run/valkey.sock"):
        assert checked_url(text) == text
