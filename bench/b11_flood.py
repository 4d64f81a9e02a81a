"""B11: a flood of sign-in attempts, and what everybody else notices of it.

Two hundred attempts a second, each with a wrong password, in three kinds: at many accounts from an address each, so that no count refuses
them and each asks for the cost of a hash; at accounts that are locked; and all from one address. The yardstick is the same requests of
people who are signed in, in the same run, without the flood: quiet and flooded spells take turns.
"""

import asyncio
import os
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench import crowd, desks, paced, spent
from bench.figure import Figure
from bench.load import TEXT
from bench.paced import NUMBER, Plan
from sealdesk.access.permissions import Role
from sealdesk.core.settings import Settings
from sealdesk.people import founding, guard, passwords
from sealdesk.people.founding import NewPerson
from sealdesk.unit import Desk

ATTEMPTS = 200.0
OTHERS = 30.0
"""Requests a second of people who are signed in: a list, a conversation, a post, in turn."""
ROUNDS = 3
LEAD = 1.5
"""Seconds for which a flood is under way before others are counted: that its sender starts takes a core, too, and is no flood."""
ORGANISATIONS, ACCOUNTS = 16, 80
"""So many that neither an organisation's nor an account's count is reached by what is verified."""
AGAINST = "the same without the flood"


def measure(*, quick: bool) -> Sequence[Figure]:
    """For each kind of flood the 99th percentile of other requests, quiet and flooded; and what one verification takes."""
    seconds, rounds = (1.0, 1) if quick else (8.0, ROUNDS)
    with desks.folder() as data, desks.desk(data, log=data / "log", SEALDESK_LIMITS=crowd.UNLIMITED) as (address, _):
        port = int(address.rpartition(":")[2])
        others = Plan(
            port, list(_requests(address, crowd.gather(data, 2 if quick else 10))), OTHERS, seconds, "", kept=16
        )
        fresh, locked = targets(data, 2 if quick else ORGANISATIONS, 4 if quick else ACCOUNTS)
        paced.ended(paced.start(others))
        everywhere, there = [f"127.{10 + n // 250}.1.{n % 250 + 1}" for n in range(6000)], ["127.9.9.9"]
        kinds = (
            ("all worth a hash", fresh, everywhere),
            ("at locked accounts", locked, everywhere),
            ("from one address", fresh, there),
        )
        floods = {
            kind: Plan(port, attempts(port, emails), ATTEMPTS, seconds + LEAD, "", addresses=addresses)
            for kind, emails, addresses in kinds
        }
        return [*(_figure(kind, others, flood, rounds) for kind, flood in floods.items()), _hash()]


def _hash() -> Figure:
    begin = time.process_time()
    for _ in range(20):
        passwords.hash_password("a guess")
    mean = (time.process_time() - begin) / 20 * 1000
    return Figure("B11", "one verification of a password, CPU", mean, "ms", "the goal itself", 25.0, 1.0, "more")


def _figure(kind: str, others: Plan, flood: Plan, rounds: int) -> Figure:
    quiet: list[float] = []
    flooded: list[float] = []
    answers: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    cost: defaultdict[str, float] = defaultdict(float)
    for _ in range(rounds):
        before = spent.by_part(os.getpid())
        quiet += _take(others, statuses)
        between = spent.by_part(os.getpid())
        attackers = paced.start(flood)
        time.sleep(LEAD)
        flooded += _take(others, statuses)
        answers += Counter(paced.ended(attackers).statuses)
        after = spent.by_part(os.getpid())
        for part in after:
            cost[part] += after[part] - 2 * between[part] + before[part]
    number = ATTEMPTS * flood.seconds * rounds
    parts = ", ".join(f"{part} {seconds / number * 1000:.2f}" for part, seconds in cost.items())
    note = (
        f"p50 {at(flooded, 0.5):.1f} ms against {at(quiet, 0.5):.1f} ms; CPU ms an attempt: {parts};"
        f" the attempts were answered {dict(answers)}, the others {dict(statuses)}"
    )
    return Figure(
        "B11",
        f"{ATTEMPTS:.0f} sign-ins/s {kind}: p99 of others",
        at(flooded, 0.99),
        "ms",
        AGAINST,
        at(quiet, 0.99),
        2.0,
        "less",
        note=note,
    )


def at(took: list[float], part: float) -> float:
    """The milliseconds within which that part was answered."""
    return sorted(took)[int(len(took) * part)]


def targets(data: Path, organisations: int, accounts: int) -> tuple[list[str], list[str]]:
    """Accounts to try passwords on, spread over organisations, and accounts that are locked."""
    return asyncio.run(_found(Settings.load({"SEALDESK_DATA": str(data)}), organisations, accounts))


async def _found(settings: Settings, organisations: int, accounts: int) -> tuple[list[str], list[str]]:
    run, emails = secrets.token_hex(4), list[str]()
    async with Desk.opened(settings) as desk:
        orgs = [await founding.add_org(desk, f"{run}-{n}", f"Flooded {n}") for n in range(organisations)]
        for number in range(accounts + organisations):
            person = NewPerson(f"{number}@{run}.example", "Flooded", Role.REQUESTER, secrets.token_urlsafe(12))
            await founding.add_person(desk, orgs[number % organisations], person)
            emails.append(person.email)
        for email in emails[accounts:]:
            for _ in range(guard.PER_ACCOUNT):
                await guard.admit(desk.counters, guard.Attempt(email, None, ()))
    return emails[:accounts], emails[accounts:]


def attempts(port: int, emails: Sequence[str]) -> list[str]:
    """A wrong password for each account."""
    return [_attempt(port, f'{{"email":"{email}","password":"not this one, I guess"}}') for email in emails]


def _attempt(port: int, body: str) -> str:
    return (
        f"POST /api/v1/session HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nuser-agent: flood\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    )


def _requests(address: str, people: list[list[crowd.Member]]) -> Iterator[str]:
    host = address.removeprefix("http://")
    body = f'{{"body":"{TEXT}"}}'
    for seat in crowd.seats(address, people, 32):
        who = f"host: {host}\r\ncookie: __Host-sid={seat.cookie}\r\nuser-agent: sealdesk-bench\r\n"
        yield f"GET / HTTP/1.1\r\n{who}accept: text/html\r\n\r\n"
        yield f"GET /api/v1/threads/{seat.threads[0]}/messages HTTP/1.1\r\n{who}\r\n"
        yield (
            f"POST /api/v1/threads/{seat.threads[0]}/messages HTTP/1.1\r\n{who}origin: {address}\r\n"
            f"x-csrf-token: {seat.csrf}\r\nidempotency-key: {NUMBER}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}"
        )


def _take(plan: Plan, statuses: Counter[str]) -> list[float]:
    # A name of its own, so that no post repeats one of another spell.
    result = paced.ended(paced.start(msgspec.structs.replace(plan, name=f"others-{time.time_ns()}")))
    statuses.update(result.statuses)
    return result.took
