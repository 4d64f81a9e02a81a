"""Bundles over HTTP, on a running desk: asked for, followed, fetched, verified; and refused to everybody else."""

import re
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from running import Client, Person, RunningDesk
from sealdesk.access.permissions import Role
from sealproof import policy, verify
from sealproof.report import Verdict

SLUG = "exporters"


@pytest.fixture(scope="module")
def people(running_desk: RunningDesk) -> list[Person]:
    return running_desk.populate(
        SLUG, ("Rita", Role.REQUESTER), ("Sam", Role.REQUESTER), ("Ada", Role.AGENT), ("Max", Role.ADMIN)
    )


@pytest.fixture(scope="module")
def rita(running_desk: RunningDesk, people: list[Person]) -> Client:
    return running_desk.client(people[0])


@pytest.fixture(scope="module")
def max_(running_desk: RunningDesk, people: list[Person]) -> Client:
    return running_desk.client(people[3])


def wait(client: Client, place: str) -> dict[str, Any]:
    """The export once it is finished."""
    until = time.monotonic() + 30
    while True:
        answer = client.get(place)
        assert answer.status_code == 200
        if answer.json()["state"] not in ("queued", "building"):
            return answer.json()
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)


def ask(client: Client, scope: dict[str, Any], key: str | None = None, **more: Any):
    document = {"purpose": "Case 2026-118", "scope": scope, **more}
    return client.act("POST", "/api/v1/exports", key, json=document)


def test_it_works(running_desk: RunningDesk, rita: Client, tmp_path: Path) -> None:
    """202 with a place to look; then the ZIP, under a policy from the well-known address, SIGNED."""
    thread = rita.open("Charged twice", "Help")
    answer = ask(rita, {"threads": [thread]})
    assert answer.status_code == 202, answer.text
    done = wait(rita, answer.headers["location"])
    assert (done["state"], done["conversations"], done["scope"]) == ("built", 1, "1 conversation")
    assert rita.get(done["bundle"]).content[:4] == b"PK\3\4"
    head = rita.request("HEAD", done["bundle"])
    assert int(head.headers["content-length"]) == done["digests"]["zip_bytes"]
    fetched = rita.get(done["bundle"])
    assert fetched.headers["content-type"] == "application/zip"
    assert fetched.headers["content-disposition"].startswith(f'attachment; filename="{done["id"]}.zip"')
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(fetched.content)
    trusted = policy.parse(running_desk.client().get("/.well-known/ledger-policy").text)
    assert verify.verify(bundle, trusted).verdict is Verdict.SIGNED
    downloads = running_desk.sql(
        "select count(*) as n from ledger.entry where stream_id = $1 and type = 'export.downloaded'", done["id"]
    )
    assert downloads[0]["n"] == 2
    assert [each["id"] for each in rita.get("/api/v1/exports").json()["exports"]] == [done["id"]]


def test_strangers_and_colleagues_get_404(running_desk: RunningDesk, rita: Client, people: list[Person]) -> None:
    """Byte for byte the answer for an export that does not exist."""
    place = ask(rita, {"threads": [rita.open()]}).headers["location"]
    wait(rita, place)
    (outsider,) = running_desk.populate("elsewhere", ("Eve", Role.ADMIN))
    for person in (people[1], people[2], outsider):
        client = running_desk.client(person)
        for path in (place, f"{place}/bundle"):
            absent = client.get(re.sub("[0-9a-f-]{36}", str(uuid4()), path))
            answer = client.get(path)
            assert (answer.status_code, absent.status_code) == (404, 404)
            assert _without_id(answer.text) == _without_id(absent.text)


def test_who_was_put_out_finds_no_bundle(running_desk: RunningDesk, rita: Client, people: list[Person]) -> None:
    """By no way there is: list, progress, bundle, HEAD, pages and the form."""
    thread, sam, ada = rita.open(), running_desk.client(people[1]), running_desk.client(people[2])

    def put(*, present: bool) -> None:
        body = {"member": str(people[1].member), "present": present, "reason": "a colleague"}
        answer = ada.act("POST", f"/api/v1/threads/{thread}/participants", json=body)
        assert answer.status_code < 300, answer.text

    def tried() -> set[int]:
        page = page_of(place)
        asked = [sam.get(path).status_code for path in (place, f"{place}/bundle", page, f"{page}/progress")]
        form = sam.act("POST", f"{page}/bundle", data={"csrf": sam.csrf})
        return {*asked, sam.request("HEAD", f"{place}/bundle").status_code, form.status_code}

    put(present=True)
    place = ask(sam, {"threads": [thread]}).headers["location"]
    wait(sam, place)
    assert tried() == {200}
    put(present=False)
    assert tried() == {404}
    for path in ("/api/v1/exports", "/exports"):
        assert place.rpartition("/")[2] not in sam.get(path).text
    put(present=True)
    shown = sam.get(place)
    assert (shown.json()["refused"], "Download bundle" in sam.get(page_of(place)).text) == (None, True)
    message = ada.get(f"/api/v1/threads/{thread}/messages").json()["messages"][0]["id"]
    ada.act("POST", f"/api/v1/threads/{thread}/messages/{message}/redaction", json={"mode": "withhold", "code": "pii"})
    told = sam.get(place, headers={"if-none-match": shown.headers["etag"]}).json()
    assert told["bundle"] is None
    page = sam.get(page_of(place), headers={"accept": "text/html"}).text
    assert ("Download bundle" in page, told["refused"] in page) == (False, True)
    assert sam.get(shown.json()["bundle"]).json()["detail"] == told["refused"]


def page_of(place: str) -> str:
    """The page of what programs find there."""
    return place.removeprefix("/api/v1")


def test_refusals(running_desk: RunningDesk, rita: Client, people: list[Person]) -> None:
    thread = rita.open()
    for scope, status in (
        ({"query": {"all": True}}, 403),
        ({"threads": [str(uuid4())]}, 404),
        ({"tickets": [999_999]}, 404),
        ({}, 400),
        ({"query": {}}, 400),
        ({"threads": []}, 400),
        ({"threads": [thread], "tickets": [1]}, 400),
        ({"query": {"status": "lost"}}, 400),
        ({"query": {"since": "2026-02-30"}}, 400),
    ):
        assert ask(rita, scope).status_code == status, scope
    assert ask(rita, {"threads": [thread]}, audience="auditor").status_code == 403
    assert ask(rita, {"threads": [thread]}, streams=1).status_code == 400
    assert rita.get("/api/v1/exports?before=x").status_code == 400
    assert running_desk.client().get("/api/v1/exports").status_code == 401


def test_a_repeat_is_the_first_export(rita: Client) -> None:
    key, thread = uuid4().hex, rita.open()
    first, second = (ask(rita, {"threads": [thread]}, key) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert ask(rita, {"threads": [rita.open()]}, key).status_code == 422


def test_a_bundle_asked_for_by_form(max_: Client, rita: Client) -> None:
    """Look what it will hold, have it built, see it get ready, download."""
    thread = rita.open("Canary subject <i>", "Canary body")
    page = max_.get(f"/exports/new?thread={thread}")
    assert page.status_code == 200
    assert "Canary subject &lt;i&gt;" in page.text
    form = {"scope": "thread", "thread": thread, "audience": "admin", "purpose": "For the file", "threads": ""}
    fields = {**form, **_hidden(page.text)}
    looked = max_.act("POST", "/exports/new", data={**fields, "step": "look"})
    assert looked.status_code == 200, looked.text
    assert "What the bundle will hold" in looked.text
    built = max_.act("POST", "/exports/new", data={**fields, "step": "build"})
    assert built.status_code == 303, built.text
    place = built.headers["location"]
    wait(max_, f"/api/v1{place}")
    ready = max_.get(place)
    assert "Download bundle" in ready.text
    assert "For the file" in ready.text
    assert "Download bundle" in max_.get(f"{place}/progress").text
    fetched = max_.act("POST", f"{place}/bundle", data=_hidden(ready.text))
    assert fetched.content[:4] == b"PK\3\4"
    assert "For the file" in max_.get("/exports").text


def test_a_form_that_makes_no_sense_comes_back(max_: Client, rita: Client) -> None:
    page = max_.get("/exports/new")
    fields = {**_hidden(page.text), "scope": "list", "audience": "admin", "purpose": "Kept words", "step": "build"}
    for threads, status in (("", 400), ("#999999", 404), ("nonsense", 400)):
        answer = max_.act("POST", "/exports/new", data={**fields, "threads": threads})
        assert answer.status_code == status
        assert "Kept words" in answer.text
    assert 'value="query"' in page.text
    assert 'value="query"' not in rita.get("/exports/new").text


def _hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', page)
    return dict(found)


def _without_id(text: str) -> str:
    return re.sub("[0-9a-f]{8}-[0-9a-f-]{27}", "", text)
