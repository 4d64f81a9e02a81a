"""T02: a client says which role, organisation or author it has, or what only the server decides.

Every schema of the live route table is sent every claim, in its body at every depth, in its query, in header fields and cookies; and every
role tries every route that it has no permission for.
"""

import random
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio
import structlog

from canaries import Tenant, ids_of
from counts import count
from direct import Application, Caller, Reply, seat, serve, stored
from drafting import Draft, Drafter
from probing import essence
from sealdesk.access.permissions import GRANTS, Permission, Role
from sealdesk.people import passwords
from sealdesk.record import refusals
from sealdesk.web import body, dispatch
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route
from world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAIMS: dict[str, object] = {
    "role": "admin",
    "is_admin": True,
    "org": "globex",
    "org_id": str(uuid4()),
    "tenant_id": str(uuid4()),
    "author": {"name": "Admin"},
    "author_id": str(uuid4()),
    "member_id": str(uuid4()),
    "actor": {"kind": "admin"},
    "kind": "admin",
    "seq": 1,
    "at": "2020-01-01T00:00:00Z",
    "created_at": "2020-01-01T00:00:00Z",
    "locked": False,
    "entry_id": str(uuid4()),
    "__proto__": {"role": "admin"},
}
"""What only the server decides, by the names under which clients of such software have claimed it."""
FORGED = {
    "x-role": "admin",
    "x-user": "admin",
    "x-user-role": "admin",
    "x-org-id": str(uuid4()),
    "x-tenant": "globex",
    "x-forwarded-user": "admin@acme.test",
    "remote-user": "admin@acme.test",
    "x-forwarded-for": "192.0.2.200",
    "forwarded": "for=192.0.2.200;by=admin",
    "x-http-method-override": "DELETE",
    "x-original-url": "/members",
    "x-rewrite-url": "/members",
    "x-real-ip": "192.0.2.200",
}
COOKIES = "role=admin; is_admin=1; org=globex; __Host-role=admin; __Host-org=globex"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def acme(stage: World) -> AsyncIterator[Tenant]:
    """One of each role, with a ticket."""
    application, tenant = serve(stage, stage.folder), Tenant(stage.acme)
    for role in Role:
        if role is not Role.SYSTEM:
            tenant.callers[str(role)] = await seat(application, getattr(stage.acme, str(role)))
    passwords.tune(1, 8, 1)  # that a password is wrong is found as well by a cheap hash
    opened = await tenant.callers["requester"].ask("POST", "/api/v1/tickets", document={"subject": "a", "body": "b"})
    tenant.thread = opened.json()["id"]
    tenant.ids = await ids_of(application, tenant)
    said = await tenant.callers["requester"].ask("GET", f"/api/v1/threads/{tenant.thread}/messages")
    tenant.ids["message_id"] = [
        said.json()["messages"][0]["id"]
    ]  # of that conversation, as the paths of messages have it
    yield tenant
    passwords.tune(2, 19_456, 1)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def sealed(stage: World) -> None:
    """Nothing waits to be sealed: a desk that falls behind with its record takes nothing new."""
    await stage.seal()


def application_of(tenant: Tenant) -> Application:
    return tenant.callers["admin"].application


def drafted(tenant: Tenant, method: str, route: Route, seed: int = 1) -> Draft:
    """A request with the organisation's own ids."""

    def own(name: str) -> str:
        return tenant.thread if name.startswith("thread") else tenant.ids_for(name)[0]

    return Drafter(random.Random(seed), own, stray=0).draft(method, route)


def mutating(tenant: Tenant) -> list[tuple[str, Route]]:
    return [(method, route) for method, route in application_of(tenant).routes if route.mutates]


async def send(caller: Caller, draft: Draft, **fields: str) -> Reply:
    return await caller.ask(draft.method, draft.target, document=draft.document, form=draft.form, fields=fields)


def claiming(document: Any, name: str, value: object) -> Iterator[Any]:
    """The document with one more member, in each of its objects in turn; not where the schema has such a member itself."""
    if isinstance(document, dict):
        members = cast("dict[str, Any]", document)
        if name not in members:
            yield {**members, name: value}
        for key, each in members.items():
            for claimed in claiming(each, name, value):
                yield {**members, key: claimed}


def tampered(draft: Draft, route: Route) -> Iterator[Draft]:
    """The same request with a claim in its body or in its query; in a moderate run each route gets its share of them all."""
    known = known_to(route)
    for name, value in random.Random(route.path).sample(sorted(CLAIMS.items()), count(5, len(CLAIMS))):
        text = str(value)
        mark = "&" if "?" in draft.target else "?"
        yield Draft(draft.method, f"{draft.target}{mark}{name}={len(text)}", draft.document, draft.form)
        if name in known:
            continue
        if draft.form is not None:
            yield Draft(draft.method, draft.target, form={**draft.form, name: text})
        else:
            for document in claiming(draft.document or {}, name, value):
                yield Draft(draft.method, draft.target, document=document)


def known_to(route: Route) -> set[str]:
    """The names that the route's own schema has, at its top."""
    parameter = route.signature.of("json", "form", "submitted")
    return {each.encode_name for each in msgspec.structs.fields(parameter.type)} if parameter else set()


async def test_a_claim_in_a_body_or_a_query_is_an_unknown_field(acme: Tenant) -> None:
    """Sent by an admin, so that nothing else is what refuses; nothing is stored."""
    world = application_of(acme).world
    before, sent = await stored(world), 0
    for method, route in mutating(acme):
        if route.signature.of("intake"):
            continue  # takes any bytes, and keeps none
        for draft in tampered(drafted(acme, method, route), route):
            reply = await send(acme.callers["admin"], draft)
            # Whoever signs in or comes by a mailed link is told no more than anybody whose entries are wrong.
            allowed = (200, 400, 401, 404, 429) if find_public(PUBLIC, route.path, method) else (400,)
            assert reply.status in allowed, (draft, reply.text)
            assert (reply.exchange.refusal is None) == (reply.status == 200)
            sent += 1
    assert sent > 500
    assert await stored(world) == before


async def test_a_claim_of_somebody_without_rights_or_session_changes_nothing_either(acme: Tenant) -> None:
    world = application_of(acme).world
    before = await stored(world)
    for caller in (acme.callers["requester"], Caller(application_of(acme))):
        for method, route in mutating(acme):
            if not route.signature.of("intake"):
                draft = drafted(acme, method, route)
                claims = list(tampered(draft, route))
                for claimed in random.Random(route.path).sample(claims, 2):
                    reply = await send(caller, claimed)
                    assert reply.status in (200, 400, 401, 403, 404, 429), (claimed, reply.text)
    assert await stored(world) == before


async def test_header_fields_and_cookies_claim_nothing(acme: Tenant) -> None:
    """Every answer is the one that comes without them; of a page that is another each time, its status."""
    compared, caller = 0, acme.callers["requester"]
    for method, route in application_of(acme).routes:
        if method != "GET" or route.path == "/api/v1/ledger/checkpoint":
            continue
        draft = drafted(acme, method, route)
        claimed = essence(await send(caller, draft, **forged(caller)))
        plain, again = essence(await send(caller, draft)), essence(await send(caller, draft))
        same = 3 if plain == again else 1
        assert claimed[:same] == plain[:same], draft
        compared += plain == again
    assert compared > 40


async def test_what_is_recorded_names_the_session_whatever_was_claimed(acme: Tenant) -> None:
    """A requester acts by every route that is theirs, under forged fields: who, where and when are the session's and the server's."""
    application = application_of(acme)
    world, not_theirs = application.world, denied(application, Role.REQUESTER)
    superuser = await world.superuser()
    last = await superuser.fetchval("select max(qid) from ledger.entry")
    for method, route in mutating(acme):
        if (method, route) not in not_theirs and not route.signature.of("intake"):
            # A session for each: one of the routes ends it, another all the others.
            acme.callers["requester"] = await seat(application, acme.cast.requester)
            reply = await send(
                acme.callers["requester"], drafted(acme, method, route), **forged(acme.callers["requester"])
            )
            assert reply.status < 500, (method, route.path, reply.text)
    acme.callers["requester"] = await seat(application, acme.cast.requester)
    rows = await superuser.fetch(
        "select org_id, entry, at > now() - interval '10 minutes' as lately from ledger.entry where qid > $1", last
    )
    await superuser.close()
    entries = [msgspec.json.decode(row["entry"]) for row in rows]
    assert {entry["type"] for entry in entries} >= {"message.posted", "ticket.created", "token.issued"}
    assert {(row["org_id"], row["lately"]) for row in rows} == {(acme.cast.org, True)}
    member = str(acme.cast.requester.member)
    assert {(entry["actor"]["kind"], entry["actor"]["id"]) for entry in entries} == {("customer", member)}


def forged(caller: Caller) -> dict[str, str]:
    """Header fields and cookies that claim what the session is not."""
    return {**FORGED, "cookie": f"{caller.fields['cookie']}; {COOKIES}"}


def denied(application: Application, role: Role) -> list[tuple[str, Route]]:
    """The routes that a role has no permission for."""
    return [
        (method, route)
        for method, route in application.routes
        if method != "HEAD" and route.permission and Permission(route.permission) not in GRANTS[role]
    ]


@pytest.mark.parametrize("role", ["requester", "agent", "auditor"])
async def test_what_a_role_may_not_do_is_denied_and_told(acme: Tenant, role: str) -> None:
    """403 for each, with an `authorization_failure` that carries the request's id, and on record in the member's own stream."""
    application = application_of(acme)
    member = getattr(acme.cast, role).member
    told_before, wanted = await on_record(application, member), denied(application, Role(role))
    before = await stored(application.world)
    assert len(wanted) > 5
    replies: list[Reply] = []
    with structlog.testing.capture_logs() as told:
        for method, route in wanted:
            reply = await send(acme.callers[role], drafted(acme, method, route), **forged(acme.callers[role]))
            assert reply.status == 403, (method, route.path, reply.text)
            replies.append(reply)
    named = {each["request_id"]: each for each in told if each["event"] == "authorization_failure"}
    for reply in replies:
        record = named[reply.exchange.request_id]
        assert (record["owasp"], record["member"]) == ("authz_fail", str(member))
        assert (record["route"], record["status"]) == (reply.exchange.route, 403)
    assert await stored(application.world) == before
    assert await on_record(application, member) - told_before == len(replies)


async def on_record(application: Application, member: Any) -> int:
    """How many denials the ledger counts in a member's stream, when all that waits is counted."""
    superuser = await application.world.superuser()
    await superuser.execute("delete from sec.refusal_window")
    while await refusals.settle(application.world.desk):
        pass
    rows = await superuser.fetch(
        "select entry from ledger.entry where type = 'authz.denied' and stream_id = $1", member
    )
    await superuser.close()
    return sum(msgspec.json.decode(row["entry"])["body"]["count"] for row in rows)


def lenient(given: Any, schema: Any, *, text: bool = False) -> Any:
    """A decoder that drops what it does not know."""
    known = {each.encode_name for each in msgspec.structs.fields(schema)}
    return msgspec.convert({name: each for name, each in given.items() if name in known}, schema, strict=not text)


async def test_sabotage_of_the_schemas(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without closed schemas a claim is swallowed in silence, and the first test above would fail."""
    claim = {"subject": "x", "body": "y", "role": "admin"}
    requester = acme.callers["requester"]
    assert (await requester.ask("POST", "/api/v1/tickets", document=claim)).status == 400
    monkeypatch.setattr(body, "convert", lenient)
    monkeypatch.setattr(dispatch, "convert", lenient)
    assert (await requester.ask("POST", "/api/v1/tickets", document=claim)).status == 201


async def test_sabotage_of_the_grants(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell of GRANTS flipped: the database still refuses. The right given in the database too: a requester reads everybody's address."""
    requester = acme.callers["requester"]
    assert (await requester.ask("GET", "/api/v1/members")).status == 403
    monkeypatch.setitem(GRANTS, Role.REQUESTER, GRANTS[Role.REQUESTER] | {Permission.MEMBER_MANAGE})
    assert (await requester.ask("GET", "/api/v1/members")).status == 500
    superuser = await application_of(acme).world.superuser()
    await superuser.execute("grant execute on function sec.find_members(text, uuid, int) to desk_requester")
    await superuser.close()
    assert "admin@acme.test" in (await requester.ask("GET", "/api/v1/members")).text
