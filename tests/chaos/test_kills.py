"""Kill -9 of each part in the middle of posting: what was acknowledged is there, once, in order, and posting goes on within seconds."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from statistics import median

import asyncpg
import pytest

from chaos.posting import THREAT, Acknowledged, Poster, posters
from counts import count
from running import Client, RunningDesk, apart, running
from sealdesk.access.permissions import Role
from sealdesk.core import credentials

PEOPLE = 6
KILLS = count(5, 200)
VICTIMS = ("web server", "worker", "signer", "postgres", "backend")
WITHIN = 5.0  # seconds
AT_WORST = 20.0
OPENING = "Hello"  # the first message of each thread


@dataclass
class Ordeal:
    """What happened: who posted what, and for each kill its victim and the seconds until the next message was acknowledged."""

    desk: RunningDesk
    posters: list[Poster]
    recoveries: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    sealing: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])

    @property
    def acknowledged(self) -> list[Acknowledged]:
        return [told for poster in self.posters for told in poster.acknowledged]


@pytest.fixture(scope="module")
def ordeal() -> Iterator[Ordeal]:
    """A desk of its own, and all the kills."""
    with running() as desk:
        people = desk.populate("chaos", *((f"Agent {number}", Role.AGENT) for number in range(PEOPLE)))
        stop = threading.Event()
        made = Ordeal(desk, posters(desk, people, stop))
        threads = [threading.Thread(target=poster.run) for poster in made.posters]
        for thread in threads:
            thread.start()
        try:
            for victim in islice(cycle(VICTIMS), KILLS):
                time.sleep(random.uniform(0.3, 1.0))
                kill(made, victim)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        desk.settled(60)
        report(made)
        yield made


def kill(ordeal: Ordeal, victim: str) -> None:
    """Kill one part, and wait until posting works again and the part is back."""
    pid = backend(ordeal.desk) if victim == "backend" else ordeal.desk.pids(victim)[0]
    sealed = sealed_size(ordeal.desk) if victim in ("worker", "signer") else 0
    os.kill(pid, signal.SIGKILL)
    begin = time.monotonic()
    until = begin + 60
    while not (at := first_since(ordeal, begin)) and time.monotonic() < until:
        time.sleep(0.02)
    ordeal.recoveries.append((victim, (at or time.monotonic()) - begin))
    if sealed:
        while sealed_size(ordeal.desk) <= sealed + 1 and time.monotonic() < until:
            time.sleep(0.05)
        ordeal.sealing.append((victim, time.monotonic() - begin))


def first_since(ordeal: Ordeal, begin: float) -> float | None:
    """When the first message was acknowledged whose request was sent after `begin`."""
    return min((told.at for told in ordeal.acknowledged if told.sent > begin), default=None)


def backend(desk: RunningDesk) -> int:
    """A server process of PostgreSQL that serves the agents' login."""
    rows = desk.sql("select pid from pg_stat_activity where usename = 'desk_agent' order by random() limit 1")
    return rows[0]["pid"]


def sealed_size(desk: RunningDesk) -> int:
    """How many entries of the organisation are under a signed checkpoint."""
    return desk.sql("select coalesce(max(size), 0) from ledger.checkpoint where org_id = $1", desk.orgs["chaos"])[0][0]


def report(ordeal: Ordeal) -> None:
    """Print the measured times."""
    print(f"\n{len(ordeal.acknowledged)} messages acknowledged, {sum(p.retries for p in ordeal.posters)} retries")
    for surprise in [surprise for poster in ordeal.posters for surprise in poster.surprises]:
        request = surprise.rpartition("urn:uuid:")[2][:36]
        print(surprise, *(line for line in ordeal.desk.log.read_text().splitlines() if request in line), sep="\n")
    for name, times in (("posting", ordeal.recoveries), ("sealing", ordeal.sealing)):
        by_victim: defaultdict[str, list[float]] = defaultdict(list)
        for victim, seconds in times:
            by_victim[victim].append(seconds)
        for victim, seconds in by_victim.items():
            print(f"{name} again after {victim}: " + " ".join(f"{each:.2f}" for each in seconds) + " s")


def test_posting_works_again_within_five_seconds_of_each_kill(ordeal: Ordeal) -> None:
    assert len(ordeal.recoveries) == KILLS
    # The median is held to the promise; one kill may take longer where the machine does other things, but never end in standstill.
    assert median(seconds for _, seconds in ordeal.recoveries) <= WITHIN
    assert not [(victim, seconds) for victim, seconds in ordeal.recoveries if seconds > AT_WORST]


def test_nothing_but_a_plea_for_patience_was_answered(ordeal: Ordeal) -> None:
    assert not [surprise for poster in ordeal.posters for surprise in poster.surprises]


def test_every_acknowledged_message_is_there_exactly_once(ordeal: Ordeal) -> None:
    reader = ordeal.posters[0].client
    found: Counter[str] = Counter()
    ids: dict[str, str] = {}
    for thread in {told.thread for told in ordeal.acknowledged}:
        for message in messages(reader, thread):
            found[message["body"]] += message["body"] != OPENING
            ids[message["body"]] = message["id"]
    assert len(ordeal.acknowledged) > KILLS
    assert {told.body: told.id for told in ordeal.acknowledged}.items() <= ids.items()
    assert [body for body, times in found.items() if times > 1] == []
    extra = set(ids) - {told.body for told in ordeal.acknowledged} - {OPENING}
    assert extra <= {body for poster in ordeal.posters for body in poster.unanswered}


def test_every_threat_is_flagged_exactly_once(ordeal: Ordeal) -> None:
    """Whatever was killed while the follower read: nothing is left out, nothing twice."""
    query = """select m.message_id::text as id, count(f.flag_id) as flags from app.message m
        left join app.flag f on f.org_id = m.org_id and f.evidence = m.entry_id where m.org_id = $1 group by 1"""
    threats = {told.id for told in ordeal.acknowledged if told.body.endswith(THREAT)}
    until, found = time.monotonic() + 60, dict[str, int]()
    while not threats <= {id_ for id_, flags in found.items() if flags} and time.monotonic() < until:
        found = {row["id"]: row["flags"] for row in ordeal.desk.sql(query, ordeal.desk.orgs["chaos"])}
        time.sleep(0.2)
    assert len(threats) > KILLS / 2
    assert {id_: found[id_] for id_ in threats if found[id_] != 1} == {}
    assert max(found.values()) == 1
    harmless = {told.id for told in ordeal.acknowledged} - threats
    assert {id_ for id_ in harmless if found[id_]} == set()


def test_a_repeat_still_gets_the_first_answer(ordeal: Ordeal) -> None:
    for poster in ordeal.posters[:2]:
        for told in poster.acknowledged[:5]:
            again = poster.client.say(told.thread, told.body, key=told.body)
            assert (again.status_code, again.json()["id"]) == (201, told.id)


def test_what_one_person_said_stands_in_the_order_said(ordeal: Ordeal) -> None:
    for poster in ordeal.posters:
        said = [told.seq for told in poster.acknowledged if told.thread == poster.own]
        assert said == sorted(set(said))


def test_the_order_of_each_stream_is_the_order_of_the_ledger(ordeal: Ordeal) -> None:
    rows = ordeal.desk.sql(
        "select e.stream_kind, e.stream_id, array_agg(e.stream_seq order by l.idx) as seqs from ledger.entry e"
        " join ledger.leaf l using (org_id, qid) where e.org_id = $1 group by 1, 2",
        ordeal.desk.orgs["chaos"],
    )
    assert len(rows) >= 2 * PEOPLE
    for row in rows:
        assert row["seqs"] == list(range(row["seqs"][0], row["seqs"][0] + len(row["seqs"])))
        assert row["seqs"][0] == 1


def test_fsck_is_clean(ordeal: Ordeal) -> None:
    ordeal.desk.settled()
    done = ordeal.desk.command("fsck", "--json", "--content")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["clean"]
    assert document["differences"] == []
    assert sum(log["size"] for log in document["logs"]) > len(ordeal.acknowledged)


def test_a_rewrite_that_is_killed_leaves_no_copy_of_the_keys(ordeal: Ordeal) -> None:
    """PostgreSQL keeps the file for good that it was filling (`ledger.rewrite_keys`); the worker deletes it within seconds."""
    desk = ordeal.desk
    left = desk.settings.postgres / apart(killed_rewrite(desk))
    until = time.monotonic() + 60
    while left.exists() or not desk.answers():  # everybody is sent away first, and the database's own log played back
        assert time.monotonic() < until
        time.sleep(0.1)
    assert '"stray_files_deleted"' in desk.log.read_text()
    assert desk.sql("select count(*) as n from ledger.content_key")[0]["n"] > len(ordeal.acknowledged)


async def killed_rewrite(desk: RunningDesk) -> str:
    """The file that was being filled when its process was killed, its COMMIT still to come."""
    connection = await asyncpg.connect(str(credentials.read(desk.settings.credentials)["admin"]))
    pid = await connection.fetchval("select pg_backend_pid()")
    await connection.execute("begin")
    await connection.execute("cluster ledger.content_key using content_key_pkey")
    path = await connection.fetchval("select pg_relation_filepath('ledger.content_key')")
    os.kill(pid, signal.SIGKILL)
    connection.terminate()
    return path


def messages(reader: Client, thread: str) -> Iterator[dict[str, str]]:
    """All messages of a thread."""
    cursor, more = "0", True
    while more:
        page = reader.get(f"/api/v1/threads/{thread}/messages", params={"after": cursor}).json()
        yield from page["messages"]
        cursor, more = page["cursor"], page["more"]
