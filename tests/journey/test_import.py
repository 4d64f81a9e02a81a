"""`sealdesk import conversations` on a running desk: all of it, once, or nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from journey.conftest import History

THREADS, MESSAGES = 525, 1211


def test_it_works(history: History) -> None:
    assert f"Imported {MESSAGES:,} messages in {THREADS} conversations." in history.said
    counts = history.counts()
    assert counts["app.thread"] == counts["thread.created"] == THREADS
    assert counts["app.message"] - counts.get("message.posted", 0) == counts["message.imported"] == MESSAGES
    assert counts["import.finished"] == 1


def test_what_was_imported_is_what_the_file_says(history: History) -> None:
    lines = [json.loads(line) for line in history.file.read_text().splitlines()]
    first = [line for line in lines if line["thread"] == lines[0]["thread"]]
    client = history.desk.client(history.agent)
    rows, before = [], None
    while True:
        query = {"limit": "100", **({"before": before} if before else {})}
        page = client.get("/api/v1/threads", params=query).json()
        rows += page["conversations"]
        before = page["older"]
        if before is None:
            break
    assert len({row["thread"] for row in rows}) == THREADS
    subject = " ".join(first[0]["subject"].split())
    (thread,) = [row["thread"] for row in rows if row["subject"] == subject]
    messages = client.get(f"/api/v1/threads/{thread}/messages").json()["messages"]
    assert [message["body"] for message in messages] == [line["body"] for line in first]
    assert [message["claim"]["author"] for message in messages] == [line["author"]["name"] for line in first]
    assert messages[0]["at"] > "2026"  # the entry's time is now; the claimed one is content
    assert messages[0]["claim"]["at"].startswith(first[0]["at"][:19])


def test_a_second_run_adds_nothing(history: History) -> None:
    before = history.counts()
    done = history.import_again()
    assert (done.returncode, done.stdout.strip().splitlines()[-1]) == (0, "Nothing new to import.")
    assert history.counts() == before


def cut_off(line: str) -> str:
    return line[:-1]


def unknown_field(line: str) -> str:
    return line.replace('"channel"', '"chanel"', 1)


def duplicate_field(line: str) -> str:
    return line.replace('"channel"', '"thread": "x", "channel"', 1)


def too_long(line: str) -> str:
    return json.dumps({**json.loads(line), "body": "é" * 32_769})


def no_time(line: str) -> str:
    return json.dumps({**json.loads(line), "at": "yesterday"})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (cut_off, "This is not JSON (RFC 8259) in UTF-8."),
        (unknown_field, "'chanel' is not known here; the fields are thread, channel, author, at, body, subject."),
        (duplicate_field, "The JSON text names a member twice."),
        (too_long, "A message has at most 65,536 bytes."),
        (no_time, "at: "),
    ],
)
def test_a_bad_line_is_named_and_nothing_imported(
    history: History, tmp_path: Path, spoil: Callable[[str], str], reason: str
) -> None:
    lines = history.file.read_text().splitlines()[:40]
    fresh = [line.replace('"thread": "care-', '"thread": "new-') for line in lines]
    fresh[30] = spoil(fresh[30])
    file = tmp_path / "history.jsonl"
    file.write_text("\n".join(fresh) + "\n")
    before = history.counts()
    done = history.import_again(file)
    assert done.returncode == 1
    (said,) = done.stderr.strip().splitlines()
    assert said.startswith(f"history.jsonl, line 31: {reason}")
    assert said.endswith("Nothing was imported.")
    assert history.counts() == before
