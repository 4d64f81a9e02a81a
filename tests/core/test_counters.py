"""Counts that all web processes share: exact whoever asks, kept over a restart and a kill (ASVS V6.3.1).

What a hit of two names costs, measured with PostgreSQL 18 on the same machine, on two cores with a load of 14 by others: 1.4 ms alone, and
0.14 ms each where two hundred come at once, as those go in one statement; a durable one, which waits for the disk, 9.5 and 0.22 ms.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from databases import Clone
from needs import ROOT
from sealdesk.core import clock
from sealdesk.core.counters import KEPT, Counters, Hit, key_of
from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.errors import Overloaded, TooMany
from sealdesk.people import guard
from sealdesk.web.counters import ProcessCounters
from sealdesk.web.limits import Limit, Limiter

WORKER = """
import asyncio, os, sys
from itertools import count
from pathlib import Path
from sealdesk.core.counters import Counters
from sealdesk.core.db import Database
from sealdesk.core.errors import TooMany
from sealdesk.core.log import configure
from sealdesk.core.valkey import ValkeyCounts
from sealdesk.people import guard
from sealdesk.web.counters import ProcessCounters
from sealdesk.web.limits import Limit, Limiter

configure("json")

async def main():
    database = Database.of_credentials(Path(sys.argv[1]))
    counters = Counters(database)
    if url := os.environ.get("SEALDESK_VALKEY_URL"):
        # Eighty tries of eight processes at once: on a busy machine an answer takes longer than a desk would wait for it.
        counters.valkey = ValkeyCounts(url, "desk.test", patience=20)
    limiter = Limiter(ProcessCounters(), shared=counters)
    sign_in = Limit("sign-in", per_address="20/minute")
    posting = Limit(
        "message-post", per_person="60/minute", per_address="1000/minute", per_target="120/minute", per_org="70/minute"
    )
    wide = Limit("thread-state", per_person="60/minute", per_target="50/minute")
    numbers = count(os.getpid() * 1000)
    await counters.hit()
    print("ready", flush=True)
    sys.stdin.readline()
    tries = {
        "address": lambda: limiter.admit_change(sign_in, "203.0.113.9", None, "/sign-in"),
        "account": lambda: guard.admit(counters, guard.Attempt("ada@b.test", None, ())),
        "posting": lambda: limiter.admit_change(posting, "203.0.113.10", "member", "/thread"),
        "thread": lambda: limiter.admit_change(wide, "203.0.113.11", f"member {next(numbers)}", "/thread", "other"),
        "organisation": lambda: limiter.admit_change(
            posting, "203.0.113.12", f"member {next(numbers)}", f"/{next(numbers)}", "acme"
        ),
    }
    async def one(kind):
        try:
            await tries[kind]()
        except TooMany:
            return 0
        return 1
    for kind in tries:
        print(kind, sum(await asyncio.gather(*(one(kind) for _ in range(80)))), flush=True)
    if len(sys.argv) > 2:
        await asyncio.sleep(600)
    await database.close()

asyncio.run(main())
"""
QUOTAS = {"address": 20, "account": guard.PER_ACCOUNT, "posting": 60, "thread": 50, "organisation": 70}


@pytest.fixture
async def counters(database: Clone) -> AsyncIterator[Counters]:
    opened = Database.of_credentials(database.credentials)
    yield Counters(opened)
    await opened.close()


async def start(database: Clone, *arguments: str, valkey: str = "") -> asyncio.subprocess.Process:
    """A process that is about to try each limit eighty times at once."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WORKER,
        str(database.credentials),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "SEALDESK_VALKEY_URL": valkey},
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def admissions(process: asyncio.subprocess.Process) -> dict[str, int]:
    """Let it go, and read how many tries of each kind were let in."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    await process.stdin.drain()
    lines = [(await process.stdout.readline()).decode().split() for _ in QUOTAS]
    return {kind: int(number) for kind, number in lines}


async def ended(process: asyncio.subprocess.Process) -> None:
    """Wait for it, and let go of its pipes."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    await process.stdout.read()
    await process.wait()


async def test_it_works(counters: Counters) -> None:
    found = [(await counters.hit(Hit("a", 60), Hit("b", 60)))[0].number for _ in range(3)]
    assert found == [1, 2, 3]
    assert {name: count.number for name, count in (await counters.counts("a", "b", "c")).items()} == {"a": 3, "b": 3}
    await counters.forget("a")
    assert (await counters.hit(Hit("a", 60)))[0].number == 1


async def test_each_of_many_at_once_learns_its_own_number(counters: Counters) -> None:
    answers = await asyncio.gather(*(counters.hit(Hit("x", 60), Hit(f"y{number % 3}", 60)) for number in range(300)))
    assert sorted(answer[0].number for answer in answers) == list(range(1, 301))


async def test_a_count_begins_anew_when_its_window_has_ended(counters: Counters) -> None:
    (first,) = await counters.hit(Hit("short", 1))
    (second,) = await counters.hit(Hit("short", 1))
    assert (first.number, second.number) == (1, 2)
    assert second.until == first.until
    await asyncio.sleep(max(0.0, (first.until - clock.now()).total_seconds()) + 0.05)
    assert await counters.counts("short") == {}
    assert (await counters.hit(Hit("short", 1)))[0].number == 1


async def test_eight_processes_let_in_exactly_as_many_as_declared(database: Clone, counters: Counters) -> None:
    """Sign-in by address and by account, and a posting route."""
    processes = await asyncio.gather(*(start(database) for _ in range(8)))
    found = await asyncio.gather(*(admissions(process) for process in processes))
    await asyncio.gather(*(ended(process) for process in processes))
    assert {kind: sum(each[kind] for each in found) for kind in QUOTAS} == QUOTAS


async def test_counts_outlive_the_process_that_made_them(database: Clone) -> None:
    """One is killed with SIGKILL right after its admissions, another ends in good order; the next is let in nowhere."""
    killed = await start(database, "stay")
    assert await admissions(killed) == QUOTAS
    killed.kill()
    await ended(killed)
    for _ in range(2):
        later = await start(database)
        assert await admissions(later) == dict.fromkeys(QUOTAS, 0)
        await ended(later)


async def test_waiting_as_long_as_told_lets_in_again(counters: Counters) -> None:
    """Retry-After is right to the second: after it the request passes, and a second less would have been too little."""
    limit, limiter = Limit("brief", per_address="2/2 second"), Limiter(ProcessCounters(), shared=counters)
    for _ in range(2):
        await limiter.admit_change(limit, "203.0.113.9", None, "/")
    with pytest.raises(TooMany) as refused:
        await limiter.admit_change(limit, "203.0.113.9", None, "/")
    seconds = int(refused.value.headers["Retry-After"])
    assert 1 <= seconds <= 2
    await asyncio.sleep(seconds - 1)
    (count,) = (await counters.counts("brief/address/203.0.113.9")).values()
    assert 0 < (count.until - clock.now()).total_seconds() <= 1
    await asyncio.sleep(1)
    await limiter.admit_change(limit, "203.0.113.9", None, "/")


POSTING = Limit("message-post", per_person="2/minute", per_target="1000/minute")


async def asked(counters: Counters, name: str) -> int:
    """How far a count is, one more included."""
    return (await counters.hit(Hit(name, 60)))[0].number


async def test_who_was_refused_a_moment_ago_is_refused_without_the_database(counters: Counters) -> None:
    limiter = Limiter(ProcessCounters(), shared=counters)
    for _ in range(2):
        await limiter.admit_change(POSTING, "203.0.113.9", "ada", "/t")
    waits = set[int | None]()
    for _ in range(5):
        with pytest.raises(TooMany) as refused:
            await limiter.admit_change(POSTING, "203.0.113.9", "ada", "/t")
        waits.add(refused.value.wait)
    assert len(waits) <= 2
    assert await asked(counters, "message-post/person/ada") == 4
    # Somebody else in the same conversation is asked nothing of it.
    await limiter.admit_change(POSTING, "203.0.113.9", "bob", "/t")


async def test_a_locked_account_is_remembered_for_as_long_as_it_is_told(counters: Counters) -> None:
    attempt = guard.Attempt("ada@b.test", None, (), UUID(int=7))
    for _ in range(guard.PER_ACCOUNT):
        await guard.admit(counters, attempt)
    guard.refuse_known(counters, attempt.email, None)
    with pytest.raises(TooMany) as first:
        await guard.admit(counters, attempt)
    with pytest.raises(TooMany) as again:
        guard.refuse_known(counters, attempt.email, None)
    assert first.value.tried is not None
    assert first.value.tried.locks
    assert again.value.tried == replace(first.value.tried, locks=False)
    guard.refuse_known(counters, attempt.email, b"a known browser")
    await guard.passed(counters, attempt)
    guard.refuse_known(counters, attempt.email, None)
    assert await guard.admit(counters, attempt) == 1


async def test_another_process_forgives_within_a_second(database: Clone, counters: Counters) -> None:
    attempt = guard.Attempt("ada@b.test", None, ())
    for _ in range(guard.PER_ACCOUNT):
        await guard.admit(counters, attempt)
    with pytest.raises(TooMany):
        await guard.admit(counters, attempt)
    other = Database.of_credentials(database.credentials)
    await guard.passed(Counters(other), attempt)
    await other.close()
    await asyncio.sleep(KEPT)
    guard.refuse_known(counters, attempt.email, None)
    assert await guard.admit(counters, attempt) == 1


async def test_neither_addresses_nor_accounts_are_stored(database: Clone, counters: Counters) -> None:
    await counters.hit(Hit("sign-in/account/ada@b.test", 60))
    assert len(key_of("sign-in/account/ada@b.test")) == 16
    assert key_of("a") != key_of("b")


async def test_without_the_database_nothing_is_let_in() -> None:
    nowhere = Counters(Database(Whereabouts("/nonexistent", 5432, "none"), {"desk_gate": "x"}))
    with pytest.raises(Overloaded):
        await nowhere.hit(Hit("a", 60))
    with pytest.raises(Overloaded):
        await nowhere.counts("a")


async def test_whoever_insists_is_refused_for_themselves(database: Clone, counters: Counters) -> None:
    """A limit that others may have used up is nobody's, until somebody tries more often than anybody may: in all processes together."""
    opened = Database.of_credentials(database.credentials)
    limiters = [Limiter(ProcessCounters(), shared=each) for each in (counters, Counters(opened))]
    limit = Limit("redaction", per_person="5/minute", per_target="2/minute")

    async def refusals(member: str, tries: int) -> list[str]:
        slugs = list[str]()
        for number in range(tries):
            try:
                await limiters[number % 2].admit_change(limit, None, member, "/thread", "acme")
            except TooMany as refusal:
                slugs.append(refusal.slug if refusal.wait else "without a time")
        return slugs

    assert await refusals("ada", 2) == []
    assert await refusals("ada", 10) == ["crowded"] * 5 + [TooMany.slug] * 5
    assert await refusals("bo", 3) == ["crowded"] * 3
    await opened.close()
