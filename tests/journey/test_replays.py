"""Idempotency keys, expected versions and ids on the real server."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from counts import count
from journey.crowd import Crowd
from journey.storage import stored
from journey.test_bad_bodies import refused
from running import RunningDesk


@pytest.fixture(scope="module")
def crowd(running_desk: RunningDesk) -> Crowd:
    return Crowd(running_desk, "replays", 3)


def test_the_same_key_and_body_give_the_same_answer(running_desk: RunningDesk, crowd: Crowd) -> None:
    client, thread = crowd.next()
    first = client.say(thread, "once", key="same")
    before = stored(running_desk)
    second = client.say(thread, "once", key='"same"')
    assert (second.status_code, second.json()["id"]) == (201, first.json()["id"])
    assert second.json()["receipt"]["entry_id"] == first.json()["receipt"]["entry_id"]
    opened = [client.act("POST", "/api/v1/tickets", "open", json={"subject": "s", "body": "b"}) for _ in range(2)]
    assert opened[0].content == opened[1].content
    assert opened[0].headers["location"] == opened[1].headers["location"]
    after = stored(running_desk)
    assert after["message"] == before["message"] + 1
    assert after["thread"] == before["thread"] + 1


def test_the_same_key_with_another_body_is_refused(running_desk: RunningDesk, crowd: Crowd) -> None:
    client, thread = crowd.next()
    key = uuid4().hex
    assert client.say(thread, "one", key=key).status_code == 201
    before = stored(running_desk)
    refused(client.say(thread, "two", key=key), 422)
    refused(client.say(thread, "one", "internal", key=key), 422)
    assert stored(running_desk) == before


def test_a_key_belongs_to_the_path_it_was_used_on(running_desk: RunningDesk, crowd: Crowd) -> None:
    client, thread = crowd.next()
    other = client.open("another")
    key = uuid4().hex
    assert client.say(thread, "one", key=key).status_code == 201
    before = stored(running_desk)
    refused(client.say(other, "one", key=key), 422)
    assert stored(running_desk) == before


def test_a_missing_or_malformed_key_is_refused(running_desk: RunningDesk, crowd: Crowd) -> None:
    client, thread = crowd.next()
    before = stored(running_desk)
    for key in ("", "a b", "x" * 256, '"', "\x7f"):
        refused(
            client.act(
                "POST", f"/api/v1/threads/{thread}/messages", json={"body": "x"}, headers={"idempotency-key": key}
            ),
            400,
        )
    headers = {"origin": str(client.base_url).rstrip("/"), "x-csrf-token": client.csrf}
    for path in (f"/api/v1/threads/{thread}/messages", "/api/v1/threads", "/api/v1/tickets"):
        refused(client.post(path, json={"subject": "s", "body": "b"}, headers=headers), 400)
    assert stored(running_desk) == before


def test_replays_at_the_same_time_have_one_effect(running_desk: RunningDesk, crowd: Crowd) -> None:
    client, thread = crowd.next()
    before = stored(running_desk)
    rounds = count(3, 40)
    for number in range(rounds):
        text = f"at once {number}"
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(client.say, thread, text, key=f"at-once-{number}") for _ in range(8)]
            answers = [each.result() for each in asked]
        assert {answer.status_code for answer in answers} <= {201, 503}
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    after = stored(running_desk)
    assert after["message"] == before["message"] + rounds
    assert after["entries"] == before["entries"] + rounds


def test_a_change_needs_the_version_that_was_read(running_desk: RunningDesk, crowd: Crowd) -> None:
    client, thread = crowd.next()
    path = f"/api/v1/threads/{thread}/ticket"
    tag = client.get(path).headers["etag"]
    before = stored(running_desk)
    refused(client.act("PATCH", path, json={"status": "pending"}), 428)
    refused(client.act("PATCH", path, json={"status": "pending"}, headers={"if-match": '"999"'}), 412)
    refused(client.act("PATCH", path, json={"status": "pending"}, headers={"if-match": f"W/{tag}"}), 412)
    refused(client.act("PATCH", path, json={"status": "pending"}, headers={"if-match": "bare"}), 400)
    refused(client.act("PATCH", path, json={"status": "nonsense"}, headers={"if-match": tag}), 400)
    refused(client.act("PATCH", path, json={"assignee": str(uuid4())}, headers={"if-match": tag}), 400)
    assert stored(running_desk) == before
    changed = client.act("PATCH", path, json={"status": "pending"}, headers={"if-match": tag})
    assert (changed.status_code, changed.json()["status"]) == (200, "pending")
    refused(client.act("PATCH", path, json={"status": "solved"}, headers={"if-match": tag}), 412)
    again = client.act("PATCH", path, json={"status": "pending"}, headers={"if-match": changed.headers["etag"]})
    assert again.headers["etag"] == changed.headers["etag"]  # a repeat is no change
