"""ASVS V7.4.4: whoever is signed in can sign out from every page, taken from the live route table."""

import re
from pathlib import Path
from typing import cast

from litestar import Litestar

from running import Client, Person, RunningDesk
from sealdesk.access.permissions import Role
from sealdesk.app import application
from sealdesk.core.db import Database, Whereabouts
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.unit import Desk
from sealdesk.web.checks import routes_of
from sealdesk.web.public import PUBLIC, find_public

ID = re.compile(r"{([a-z_]+):str}")
HTML = {"accept": "text/html"}
FORM = re.compile(r'<form[^>]* method="post" action="/sign-out"[^>]*>(.*?)</form>', re.DOTALL)


def pages(desk: RunningDesk) -> list[str]:
    """The templates of all pages that ask for a session."""
    made = Desk(Database(Whereabouts("/nonexistent", 5432, "none"), {}), Sealer(bytes(32)), "desk.test")
    outer = application(desk.settings, made, SignerClient(Path("/nonexistent/signer.sock")), bytes(32))
    found = routes_of(cast("Litestar", outer.inner))
    return [
        each.path for each in found if each.page and "GET" in each.methods and not find_public(PUBLIC, each.path, "GET")
    ]


def ids_of(client: Client, person: Person) -> dict[str, str]:
    """Something of each kind, by the names that paths give them."""
    thread = client.open()
    said = client.say(thread, "hello").json()
    entry = said["receipt"]["entry_id"]
    asked = client.act("POST", "/api/v1/exports", json={"purpose": "mine", "scope": {"threads": [thread]}})
    return {
        "thread": thread,
        "message": said["id"],
        "flag": thread,
        "entry": entry,
        "export": asked.json()["id"],
        "member": str(person.member),
    }


def filled(path: str, ids: dict[str, str]) -> str:
    """The path with these ids in place."""
    return ID.sub(lambda match: ids[match[1]], path)


def test_every_page_has_a_way_out(running_desk: RunningDesk) -> None:
    """A button that says so, in a form that carries the token of the session; on pages of requesters and of staff."""
    people = running_desk.populate("leaving", ("Ray", Role.REQUESTER), ("Ann", Role.ADMIN))
    seen: set[str] = set()
    client = running_desk.client()
    for person in people:
        client = running_desk.client(person)
        ids = ids_of(client, person)
        for path in pages(running_desk):
            answer = client.get(filled(path, ids), headers=HTML)
            if answer.status_code != 200 or "<html" not in answer.text:
                continue  # not this role's, or a part of a page
            form = FORM.search(answer.text)
            assert form, path
            assert re.search(r"<button[^>]*>.*Sign out.*</button>", form[1], re.DOTALL), path
            assert 'name="csrf" value="' in form[1], path
            seen.add(path)
    assert seen >= {
        "/",
        "/new",
        "/c/{thread:str}",
        "/confirm",
        "/account",
        "/exports",
        "/members",
        "/rules",
        "/security",
    }
    assert len(seen) > 15
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/confirm", headers=HTML).text)
    assert token
    assert client.act("POST", "/sign-out", data={"csrf": token[1]}, headers={"x-csrf-token": ""}).status_code == 303
    assert client.get("/api/v1/session").status_code == 401
