"""Redaction and erasure at a running desk: whoever reads, by whichever way, follows at once; and what was erased is nowhere."""

import base64
import json
import subprocess
import time
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from running import Client, RunningDesk
from sealdesk.access.permissions import Role
from sealdesk.core import credentials
from sealdesk.core.postgres import binaries

ORG = "redacting"
MASK = "the number was removed"


class Four:
    """A requester, an agent, an admin and an auditor of one organisation, signed in, and a conversation."""

    def __init__(self, desk: RunningDesk) -> None:
        roles = (Role.REQUESTER, Role.AGENT, Role.ADMIN, Role.AUDITOR)
        people = desk.populate(ORG, *((str(role).title(), role) for role in roles))
        self.requester, self.agent, self.admin, self.auditor = (desk.client(each) for each in people)
        self.secret = f"canary{uuid4().hex}"
        self.thread = self.requester.open("A card", "Hello")
        said = self.requester.say(self.thread, f"my number is {self.secret}").json()
        self.message, self.entry = said["id"], said["receipt"]["entry_id"]

    def act(self, by: Client, path: str, match: str = "", **document: str) -> Any:
        """An act on the message; `match` is the entry that it is about."""
        place = f"/api/v1/threads/{self.thread}/messages/{self.message}/{path}"
        answer = by.act("POST", place, json=document, headers={"if-match": f'"{match}"'} if match else {})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


@pytest.fixture
def four(running_desk: RunningDesk) -> Four:
    return Four(running_desk)


def pages(client: Client, four: Four) -> str:
    """All that a browser shows of the conversation."""
    paths = ("/", "/?view=all", f"/c/{four.thread}", f"/c/{four.thread}/news?after=0.0&sealed=0")
    return "\n".join(client.get(path, headers={"accept": "text/html"}).text for path in paths)


def test_every_way_of_reading_follows_at_once(four: Four) -> None:
    """JSON with its tags, waiting, pages, lists and news: the text for nobody but auditors, what stands in its place for all."""
    path = f"/api/v1/threads/{four.thread}/messages"
    kept = four.requester.get(path)
    assert four.secret in kept.text
    assert four.requester.get(path, headers={"if-none-match": kept.headers["etag"]}).status_code == 304
    assert four.secret in pages(four.requester, four)
    shown = four.act(four.agent, "redaction", mode="mask", code="pii", text=MASK, note="as asked")
    assert (shown["body"], shown["redaction"]["text"], shown["redaction"]["by"]) == (None, MASK, ["Agent"])
    for client in (four.requester, four.agent, four.admin):
        assert four.secret not in client.get(path).text + pages(client, four)
        assert MASK in pages(client, four)
    again = four.requester.get(path, headers={"if-none-match": kept.headers["etag"]})
    assert again.status_code == 200
    first = four.requester.get(f"{path}?limit=2", headers={"if-none-match": "*"})
    assert four.secret not in first.text
    news = four.requester.get(f"{path}?after={kept.json()['cursor']}&wait=5").json()
    assert [(each["id"], each["body"]) for each in news["changed"]] == [(four.message, None)]
    page = pages(four.auditor, four)
    assert four.secret in page
    assert "Original, for auditors alone." in page
    assert f"value='\"{shown['redaction']['entry']}\"'" in unescape(four.agent.get(f"{pages_of(four)}/redaction").text)
    four.act(four.admin, "redaction/lift", shown["redaction"]["entry"], code="error")
    assert four.secret in pages(four.requester, four)


def pages_of(four: Four) -> str:
    """Where the message has its page."""
    return f"/c/{four.thread}/messages/{four.message}"


def test_the_page_says_what_is_refused(four: Four) -> None:
    """A mask without text comes back with the reason; a sent form leads to the message; a requester gets neither."""
    place = f"{pages_of(four)}/redaction"
    form = {"csrf": four.agent.csrf, "idempotency_key": uuid4().hex, "code": "pii", "mode": "mask", "note": "because"}
    html = {"accept": "text/html"}
    refused = four.agent.act("POST", place, data=form, headers=html)
    assert refused.status_code == 400
    assert "Write what is to be read instead." in refused.text
    assert 'value="because"' in refused.text
    assert "autofocus" in refused.text
    assert "<title>Error: " in refused.text
    done = four.agent.act("POST", place, data={**form, "idempotency_key": uuid4().hex, "text": MASK}, headers=html)
    assert (done.status_code, done.headers["location"]) == (303, f"/c/{four.thread}#e-{four.entry}")
    assert four.requester.get(place, headers=html).status_code == 403


def test_what_was_erased_is_nowhere(running_desk: RunningDesk, four: Four) -> None:
    """Not in a table, a file, a log, a kept bundle or a fresh dump; and neither are its sealed bytes and its key in the tables' files."""
    desk = running_desk
    four.act(four.agent, "redaction", mode="mask", code="pii", text=f"{MASK} {four.secret[:20]}")
    turn(four, four.admin, "ask")
    turn(four, four.auditor, "approve")
    export = bundle(desk, four)
    stored = (
        desk.settings.blobs / desk.sql("select blob_name from app.export where export_id = $1", export)[0]["blob_name"]
    )
    assert stored.exists()
    commits = [
        bytes.fromhex(slot["commit"])
        for row in desk.sql(
            "select convert_from(entry, 'UTF8')::jsonb as entry from ledger.entry where entry_id = $1", four.entry
        )
        for slot in json.loads(row["entry"])["content"]
        if slot["slot"] in ("body", "origin")
    ]
    sealed = desk.sql(
        "select c.sealed, k.wrapped from ledger.content c join ledger.content_key k using (org_id, commit) where commit = any ($1)",
        commits,
    )
    assert len(sealed) == 2
    traces = [four.secret.encode(), base64.b64encode(four.secret.encode()), four.secret[:20].encode()]
    noise = [bytes(row[name])[:48] for row in sealed for name in ("sealed", "wrapped")]
    desk.sql("analyze ledger.content, ledger.content_key")  # what the planner keeps of a column is a file too
    desk.sql("checkpoint")
    assert all(found(desk, [each], "base") for each in noise)  # or looking for them would find nothing ever
    four.act(four.admin, "erasure", basis="gdpr-17-1", reason="they asked")
    (waits,) = four.auditor.get("/api/v1/erasure").json()["waiting"]
    form = {"csrf": four.auditor.csrf, "idempotency_key": uuid4().hex, "answer": "approve", "version": f'"{uuid4()}"'}
    old = four.auditor.act("POST", f"{pages_of(four)}/erasure/answer", data=form, headers={"accept": "text/html"})
    assert old.status_code == 412
    assert "It was changed in the meantime." in old.text
    assert f"value='\"{waits['entry']}\"'" in unescape(old.text)
    four.act(four.auditor, "erasure/answer", waits["entry"], answer="approve")
    assert four.admin.get(f"/api/v1/exports/{export}").json()["state"] == "expired"
    until = time.monotonic() + 15
    while stored.exists():  # noise by now, and gone before the worker's round of a minute
        assert time.monotonic() < until
        time.sleep(0.1)
    until = time.monotonic() + 60
    while found(desk, [noise[1], noise[3]], "base"):  # the keys, by the worker's own round
        assert time.monotonic() < until
        time.sleep(0.5)
        desk.sql("checkpoint")
    while "erased_keys_rewritten" not in desk.log.read_text():  # said once it is done
        assert time.monotonic() < until
        time.sleep(0.1)
    settle(desk)
    assert found(desk, traces, "") == []
    assert found(desk, noise, "base") == []
    assert [trace for trace in traces if trace in dump(desk)] == []
    assert desk.sql("select count(*) as n from ledger.content where commit = any ($1)", commits)[0]["n"] == 0
    report = desk.command("fsck")
    # Of this organisation: what other tests wrote past the desk into theirs is not looked at here.
    log = f"/ledger/org/{desk.orgs[ORG]}"
    assert not [line for line in report.stdout.splitlines() if line.startswith("DIFFERS") and log in line], (
        report.stdout
    )


def turn(four: Four, by: Client, act: str) -> None:
    """A step of the switch."""
    body = {"act": act, "reason": "by our policy"}
    answer = by.act("POST", "/api/v1/erasure", json=body, headers={"if-match": "*"})
    assert answer.status_code == 200, answer.text


def bundle(desk: RunningDesk, four: Four) -> str:
    """A bundle that is kept."""
    asked = four.admin.act("POST", "/api/v1/exports", json={"purpose": "kept", "scope": {"threads": [four.thread]}})
    export = str(asked.json()["id"])
    until = time.monotonic() + 60
    while four.admin.get(f"/api/v1/exports/{export}").json()["state"] != "built":
        assert time.monotonic() < until
        time.sleep(0.2)
    return export


def settle(desk: RunningDesk) -> None:
    """Have the database write anew what it keeps of these tables, and forget what came before."""
    for table in ("ledger.content", "ledger.content_key", "ledger.entry", "app.redaction"):
        desk.sql(f"vacuum full {table}")
    desk.sql("select pg_switch_wal()")
    desk.sql("checkpoint")


def found(desk: RunningDesk, traces: list[bytes], part: str) -> list[Path]:
    """Files with one of these in them, in the desk's folder and its log; `part` narrows it to the tables' own files."""
    folder = desk.settings.postgres / part if part else desk.settings.data
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in [*files, *([] if part else [desk.log])] if _holds(path, traces)]


def _holds(path: Path, traces: list[bytes]) -> bool:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, PermissionError, OSError):
        return False  # gone meanwhile, or a socket
    return any(trace in data for trace in traces)


def dump(desk: RunningDesk) -> bytes:
    program = binaries.installed() / "bin" / "pg_dump"
    dsn = str(credentials.read(desk.settings.credentials)["admin"])
    return subprocess.run([program, "--no-password", dsn], capture_output=True, check=True).stdout
