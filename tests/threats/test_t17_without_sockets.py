"""T17: what a socket tells, had by asking: the same to each, no more, and nobody is there by asking."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import httpx
import pytest

from running import Client, RunningDesk, running
from threats.test_t17_sockets import House


@pytest.fixture(scope="module")
def house(running_desk: RunningDesk) -> House:
    return House(running_desk, "asking")


@pytest.fixture(scope="module")
def two() -> Iterator[House]:
    with running(WEB_PROCESSES="2") as desk:
        yield House(desk, "askers")


def ask(client: Client, thread: str, known: str = "", wait: int = 0) -> httpx.Response:
    headers = {"if-none-match": known} if known else {}
    return client.get(f"/api/v1/threads/{thread}/live", params={"wait": wait} if wait else {}, headers=headers)


def names(answer: httpx.Response, what: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()[what]]


def test_it_works(house: House) -> None:
    """Who is there, writes, has read; without news after as long as was asked for, with it at once."""
    thread = house.requester.open()
    house.agent.say(thread, "to you")
    with house.watching(house.requester, thread) as theirs, ThreadPoolExecutor() as pool:
        first = ask(house.agent, thread)
        assert (names(first, "present"), names(first, "writing"), names(first, "read")) == (["Requester"], [], [])
        began = time.monotonic()
        same = ask(house.agent, thread, first.headers["etag"], 2)
        assert (same.status_code, same.content) == (304, b"")
        assert 1.8 < time.monotonic() - began < 6
        waiting = pool.submit(ask, house.agent, thread, first.headers["etag"], 20)
        time.sleep(0.5)
        began = time.monotonic()
        theirs.say(type="typing", thread=thread)
        second = waiting.result()
        assert names(second, "writing") == ["Requester"]
        assert names(ask(house.agent, thread, second.headers["etag"], 20), "writing") == [], (
            "six seconds without a word"
        )
        assert 5 < time.monotonic() - began < 15
        began = time.monotonic()
        theirs.say(type="typing", thread=thread)
        theirs.say(type="read", thread=thread, seq=3)
        theirs.say(type="typing", thread=thread, on=False)
        while names(third := ask(house.agent, thread), "writing") or not names(third, "read"):
            assert time.monotonic() - began < 10
            time.sleep(0.1)
        assert third.json()["read"] == [{"member": house.member(house.requester), "name": "Requester", "seq": 3}]
        assert theirs.silent("present", 0.5), "whoever asks is not there by that"
        waiting = pool.submit(ask, house.agent, thread, third.headers["etag"], 20)
        time.sleep(0.5)
        began = time.monotonic()
        theirs.connection.close()
        assert names(waiting.result(), "present") == []
        assert time.monotonic() - began < 10, "and not after the twenty seconds"


def test_of_the_desk_s_own_work_requesters_are_told_nothing(house: House) -> None:
    """Nobody who has not written to them is named; that somebody of the desk writes, they are told."""
    thread = house.requester.open()
    with ExitStack() as stack:
        ours, auditor = (stack.enter_context(house.watching(each, thread)) for each in (house.agent, house.auditor))
        before = ask(house.requester, thread)
        assert before.json() == {"present": [], "writing": [], "read": []}
        assert names(ask(house.admin, thread), "present") == ["Agent", "Auditor"]
        ours.say(type="read", thread=thread, seq=1)
        ours.say(type="typing", thread=thread)
        told = ask(house.requester, thread, before.headers["etag"], 20).json()
        assert [(each["name"], UUID(each["member"]).int) for each in told["writing"]] == [("Somebody of the desk", 0)]
        assert (told["present"], told["read"]) == ([], [])
        assert names(ask(house.admin, thread), "writing") == ["Agent"]
        auditor.say(type="typing", thread=thread)
        assert auditor.hear("refused")["status"] == 403
        house.agent.say(thread, "to you")
        ours.say(type="read", thread=thread, seq=3)
        ours.hear("bell")
        until = time.monotonic() + 10
        now = ask(house.requester, thread)
        while names(now, "present") != ["Agent"] or not now.json()["read"]:
            assert time.monotonic() < until, now.json()
            time.sleep(0.2)
            now = ask(house.requester, thread)
        # The name is the one that stands over what they wrote.
        assert now.json()["read"] == [{"member": house.member(house.agent), "name": "", "seq": 3}]


@pytest.mark.parametrize("who", ["stranger", "foreign", "nobody"])
def test_out_of_reach_is_as_if_it_were_not(house: House, who: str) -> None:
    asker: dict[str, Client] = {"stranger": house.stranger, "nobody": house.agent}
    if who == "foreign":
        asker[who] = House(house.desk, "askers-next-door").agent
    thread = house.thread if who != "nobody" else "01a00000-0000-7000-8000-000000000000"
    began = time.monotonic()
    answer = ask(asker[who], thread, '"x"', 20)
    assert (answer.status_code, time.monotonic() - began < 5) == (404, True)
    for odd in ("wait=-1", "wait=26", "wait=x", "wait=1&wait=2", "more=1"):
        assert house.agent.get(f"/api/v1/threads/{house.thread}/live?{odd}").status_code == 400, odd


def test_what_is_taken_away_ends_the_waiting(house: House) -> None:
    """Within a second, as with a socket."""
    agent = house.desk.client(house.people[2])
    first = ask(agent, house.thread)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ask, agent, house.thread, first.headers["etag"], 20)
        time.sleep(0.5)
        began = time.monotonic()
        agent.act("DELETE", "/api/v1/session")
        assert waiting.result().status_code == 401
        assert time.monotonic() - began < 3


def test_what_happens_in_one_process_is_told_by_the_other(two: House) -> None:
    """Whichever of two answers, from the first answer on."""
    with two.watching(two.requester) as theirs:
        for _ in range(6):
            agent = two.desk.client(two.people[2])  # a connection of its own
            assert names(ask(agent, two.thread), "present") == ["Requester"]
        seen = list[Any]()
        for round_ in range(4):
            agent = two.desk.client(two.people[2])
            with ThreadPoolExecutor() as pool:
                known = ask(agent, two.thread).headers["etag"]
                waiting = pool.submit(ask, agent, two.thread, known, 20)
                time.sleep(0.4)
                theirs.say(type="typing", thread=two.thread, on=round_ % 2 == 0)
                seen.append(names(waiting.result(), "writing"))
        assert seen == [["Requester"], [], ["Requester"], []]
