"""The widget's routes: what other sites may load, and no more; who is let in without a session, how often, and what is on record of it."""

import asyncio
import re
from uuid import uuid4

import httpx
import pytest

from direct import Application, Caller, Reply, seat, serve
from journey.test_all_routes import ID
from sealdesk.members.rules import set_allowed_origins
from sealdesk.record.refusals import settle
from sealdesk.widget import commands, switching
from sites import Site, mails, switched_on
from threats.inside import client, desk_of
from world import World

SITES = ("http://localhost:8001", "https://shop.example")


async def framed(world: World) -> Site:
    """The widget of an organisation that allows two sites."""
    await set_allowed_origins(world.desk, world.acme.admin, SITES, lambda _: None)
    return await switched_on(world, world.acme)


async def entered(application: Application, site: Site) -> Caller:
    """Somebody whom the site said, as the window is let in."""
    nobody = Caller(application)
    path = f"/api/v1/widget/{site.widget.id}/identity"
    reply = await nobody.ask("POST", path, document={"token": site.token()}, fields={"cookie": "", "x-csrf-token": ""})
    assert (reply.status, reply.field("set-cookie")) == (200, ""), reply.text
    return Caller(application, reply.json()["token"], bearer=True, presession="")


async def test_it_works(world: World) -> None:
    site = await framed(world)
    application = serve(world, world.folder)
    visitor = await entered(application, site)
    fields = {"cookie": "", "x-csrf-token": ""}
    none = (await visitor.ask("GET", "/api/v1/widget/conversation", fields=fields)).json()
    assert none["thread"] is None
    begun = await visitor.ask("POST", "/api/v1/widget/conversation", document={"body": "Hello"}, fields=fields)
    assert begun.status == 201, begun.text
    thread = begun.json()["id"]
    said = await visitor.ask("POST", f"/api/v1/threads/{thread}/messages", document={"body": "There"}, fields=fields)
    author = said.json()["author"]
    assert (author["kind"], author["id"]) == ("visitor", none["member"])
    agent = await seat(application, world.acme.agent)
    row = (await agent.ask("GET", "/api/v1/threads")).json()["conversations"][0]
    assert (row["subject"], row["preview"]) == ("Conversation on a website", "There")
    read = await visitor.ask("GET", f"/api/v1/threads/{thread}/messages?after=0", fields=fields)
    assert [each["body"] for each in read.json()["messages"]] == ["Hello", "There"]
    for path in ("/api/v1/account/sessions", "/api/v1/members", "/api/v1/ledger/checkpoint", "/account", "/exports"):
        assert (await visitor.ask("GET", path, fields=fields)).status == 403, path
    left = await visitor.ask("DELETE", "/api/v1/widget/visit", fields=fields)
    assert left.status == 204
    assert (await visitor.ask("GET", "/api/v1/widget/conversation", fields=fields)).status == 401


async def test_two_windows_begin_one_conversation(world: World) -> None:
    """Whichever comes second is told so, and has a key of its own for writing in the first one's; a repeat is none."""
    site, address, fields = await framed(world), "/api/v1/widget/conversation", {"cookie": "", "x-csrf-token": ""}
    application = serve(world, world.folder)
    one, other = await entered(application, site), await entered(application, site)
    keys = [uuid4().hex for _ in range(6)]

    async def begin(number: int) -> Reply:
        given = {**fields, "idempotency-key": keys[number]}
        return await (one, other)[number % 2].ask("POST", address, document={"body": f"Hello {number}"}, fields=given)

    answers = await asyncio.gather(*(begin(number) for number in range(6)))
    assert sorted(each.status for each in answers) == [201, *[409] * 5]
    first = next(number for number, each in enumerate(answers) if each.status == 201)
    assert "write there" in answers[first - 1].json()["detail"]
    again = await begin(first)
    assert (again.status, again.json()) == (201, answers[first].json())
    thread = answers[first].json()["id"]
    assert (await other.ask("GET", address, fields=fields)).json()["thread"] == thread
    late = {**fields, "idempotency-key": keys[first - 1]}
    path = f"/api/v1/threads/{thread}/messages"
    assert (await other.ask("POST", path, document={"body": "Hello too"}, fields=late)).status == 201
    read = (await one.ask("GET", f"{path}?after=0", fields=fields)).json()["messages"]
    assert [each["body"] for each in read] == [f"Hello {first}", "Hello too"]


async def test_the_frame_and_the_script_differ_and_nothing_else(world: World) -> None:
    """T23, over the live route table, signed in and not: one field less for the one, one other for the other."""
    site = await framed(world)
    application = serve(world, world.folder)
    callers = [Caller(application), await seat(application, world.acme.admin)]
    odd: set[tuple[str, str]] = set()
    for method, route in application.routes:
        path = ID.sub(lambda match: site.widget.id if match[1] == "widget" else "x", route.path)
        for caller in callers:
            for accept in ("text/html", "application/problem+json"):
                reply = await caller.ask(method, path, fields={"accept": accept})
                policy = reply.field("content-security-policy")
                if reply.field("x-frame-options") != "DENY" or "frame-ancestors 'none'" not in policy:
                    odd.add(("frame", route.path))
                if reply.field("cross-origin-resource-policy") != "same-origin":
                    odd.add(("shared", route.path))
                assert reply.field("x-content-type-options") == "nosniff"
    assert odd == {("frame", "/widget/{widget:str}"), ("shared", "/widget.js")}


async def test_the_frame_names_the_allowed_sites_exactly(world: World) -> None:
    site = await framed(world)
    nobody = Caller(serve(world, world.folder))
    path = f"/widget/{site.widget.id}"
    reply = await nobody.ask("GET", path, fields={"accept": "text/html", "sec-fetch-site": "cross-site"})
    policy = reply.field("content-security-policy")
    assert f"; frame-ancestors {' '.join(SITES)};" in policy
    assert policy.count("frame-ancestors") == 1
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert {name for name, _ in reply.fields} & {"x-frame-options", "set-cookie"} == set()
    assert set(re.findall(r'nonce="([^"]+)"', reply.text)) == set(re.findall(r"'nonce-([^']+)'", policy))
    await set_allowed_origins(world.desk, world.acme.admin, (), lambda _: None)
    none = await nobody.ask("GET", path, fields={"accept": "text/html"})
    assert "; frame-ancestors 'none';" in none.field("content-security-policy")
    await switching.switch(world.desk, world.acme.admin, on=False, require=lambda _: None)
    for missing in (path, "/widget/nobodys-widget", f"/widget/{site.widget.id.swapcase()}"):
        gone = await nobody.ask("GET", missing, fields={"accept": "text/html"})
        assert (gone.status, gone.field("x-frame-options")) == (404, "DENY")


async def test_the_script_is_for_every_site_and_knows_nothing(world: World) -> None:
    nobody = Caller(serve(world, world.folder))
    reply = await nobody.ask("GET", "/widget.js", fields={"cookie": "", "sec-fetch-site": "cross-site"})
    assert reply.status == 200
    assert reply.field("content-type").startswith("text/javascript")
    assert reply.field("cross-origin-resource-policy") == "cross-origin"
    assert reply.field("cache-control") == "no-cache"
    assert reply.field("access-control-allow-origin") == ""
    assert "innerHTML" not in reply.text
    assert '"*"' not in reply.text
    again = await nobody.ask("GET", "/widget.js", fields={"if-none-match": reply.field("etag")})
    assert (again.status, again.field("cross-origin-resource-policy")) == (304, "cross-origin")


@pytest.mark.parametrize("origin", ["http://localhost:8001", "https://shop.example", "null"])
async def test_an_allowed_site_may_show_the_window_and_not_ask_in_its_place(world: World, origin: str) -> None:
    """The frame's requests are the desk's own; a page of the site itself is another origin like any other."""
    site = await framed(world)
    nobody = Caller(serve(world, world.folder))
    for path, document in (("code", {"email": "vera@visitor.test"}), ("identity", {"token": site.token()})):
        asked = await nobody.ask(
            "POST", f"/api/v1/widget/{site.widget.id}/{path}", document=document, fields={"origin": origin}
        )
        assert (asked.status, asked.json()["type"].rpartition("/")[2]) == (403, "bad-origin")
    assert await mails(world) == []


async def test_asking_tells_nothing_and_refusals_are_on_record(world: World) -> None:
    site = await framed(world)
    nobody = Caller(serve(world, world.folder))
    shapes: set[tuple[int, tuple[str, ...], int]] = set()
    for email in ("requester@acme.test", "agent@acme.test", "agent@globex.test", "nobody@new.test"):
        path = f"/api/v1/widget/{site.widget.id}/code"
        reply = await nobody.ask("POST", path, document={"email": email})
        shapes.add((reply.status, tuple(sorted(reply.json())), len(reply.body)))
    assert shapes == {(202, ("challenge", "seconds"), shapes.copy().pop()[2])}
    wrong = {"challenge": "A" * 43, "code": "AAAA-AAAA"}
    for path, document in (("visit", wrong), ("identity", {"token": "a.b.c"})):
        reply = await nobody.ask("POST", f"/api/v1/widget/{site.widget.id}/{path}", document=document)
        assert (reply.status, reply.json()["type"].rpartition("/")[2]) == (401, "signed-out")
    await settle(world.desk)
    superuser = await world.superuser()
    rows = await superuser.fetch("select entry::bytea as entry from ledger.entry where type = 'auth.failed'")
    await superuser.close()
    told = b" ".join(row["entry"] for row in rows)
    assert b"/api/v1/widget/{widget:str}/visit" in told
    assert b"/api/v1/widget/{widget:str}/identity" in told


async def test_each_way_in_is_limited_by_address(world: World) -> None:
    site = await framed(world)
    async with client(desk_of(world), "192.0.2.9") as nobody:
        for path, document, most in (
            ("code", {"email": "no address"}, 10),
            ("visit", {"challenge": "A" * 43, "code": "x"}, 30),
            ("identity", {"token": "x"}, 30),
        ):
            answers = [
                await asked(nobody, f"/api/v1/widget/{site.widget.id}/{path}", document) for _ in range(most + 1)
            ]
            # Two ways in have one count between them.
            assert [each.status_code for each in answers].count(429) == (31 if path == "identity" else 1), path
            assert int(answers[-1].headers["retry-after"]) <= 60
    assert await commands.ask_code(world.desk, site.widget, "vera@visitor.test", "")


async def asked(nobody: httpx.AsyncClient, path: str, document: dict[str, str]) -> httpx.Response:
    return await nobody.post(path, json=document, headers={"origin": "https://desk.test"})


async def test_an_admin_ends_the_former_key(world: World) -> None:
    """Over JSON, as on the page: twice is as good as once, and nobody else may."""
    await framed(world)
    await switching.turn_key(world.desk, world.acme.admin, lambda _: None)
    application = serve(world, world.folder)
    admin, agent = await seat(application, world.acme.admin), await seat(application, world.acme.agent)
    place = "/api/v1/organisation/widget"
    before = (await admin.ask("GET", place)).json()
    assert [(key["number"], key["until"] is None) for key in before["keys"]] == [(2, True), (1, False)]
    assert ((await agent.ask("GET", place)).status, (await agent.ask("DELETE", f"{place}/former-key")).status) == (
        403,
        403,
    )
    for _ in range(2):
        assert (await admin.ask("DELETE", f"{place}/former-key")).status == 204
    after = (await admin.ask("GET", place)).json()
    assert after == {**before, "keys": before["keys"][:1]}
