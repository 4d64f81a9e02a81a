"""API tokens: shown once, never stronger than their owner, dead when revoked (ASVS V6.4.1, V7.2.1 to V7.2.3, V8.2.1, V8.3.1)."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from pyotp.totp import TOTP

from running import Client, RunningDesk
from sealdesk.access.actor import Actor, ConfirmFirst, FactorNeeded
from sealdesk.access.permissions import GRANTS, NEVER_BY_TOKEN, Permission, Role
from sealdesk.account import commands as account
from sealdesk.account import enrolment
from sealdesk.account import queries as account_queries
from sealdesk.account import tokens_commands as commands
from sealdesk.account import tokens_queries as queries
from sealdesk.account.password_commands import change_password
from sealdesk.account.tokens_commands import Wanted
from sealdesk.account.tokens_pages import TokenForm
from sealdesk.account.tokens_view import LABELS
from sealdesk.core import clock
from sealdesk.core.errors import BadRequest, NotPermitted, OutsideReach, SignedOut, StateConflict
from sealdesk.members.rules import SignInRules, set_sign_in_rules
from sealdesk.people import commands as people
from sealdesk.people import founding
from sealdesk.people.founding import NewPerson
from sealdesk.people.sessions import Issued, Visit
from sealdesk.unit import Key
from sealdesk.web.tokens import token_hash
from world import PASSWORD, World

VISIT = Visit({"address": "192.0.2.7", "agent": "test", "session": ""})
READ = Wanted("reporting", frozenset({"thread.read"}), 30)


async def peek(world: World, token: str) -> Actor:
    """The actor behind a token."""
    actor = await world.desk.peek(token_hash(token))
    assert actor is not None
    return actor


async def entries(world: World, actor: Actor) -> list[dict[str, object]]:
    """The entries on tokens in a member's stream."""
    connection = await world.superuser()
    try:
        rows = await connection.fetch(
            "select entry from ledger.entry where org_id = $1 and stream_id = $2 and type like 'token.%' order by qid",
            actor.org,
            actor.member,
        )
    finally:
        await connection.close()
    return [json.loads(row["entry"]) for row in rows]


async def test_it_works(world: World) -> None:
    token, shown = await commands.issue(world.desk, world.acme.agent, READ)
    assert re.fullmatch(r"sdk_[A-Za-z0-9_-]{43}", token)
    assert (shown.name, shown.hint, shown.permissions) == ("reporting", token[:8], ("thread.read",))
    assert abs(shown.expires_at - clock.now() - timedelta(days=30)) < timedelta(minutes=1)
    actor = await peek(world, token)
    assert (actor.kind, actor.member, actor.scopes) == ("token", world.acme.agent.member, {"thread.read"})
    await commands.revoke(world.desk, world.acme.agent, shown.id)
    assert await world.desk.peek(token_hash(token)) is None
    with pytest.raises(SignedOut):
        async with world.desk.read(actor):
            pass
    told = await entries(world, world.acme.agent)
    assert [each["type"] for each in told] == ["token.issued", "token.revoked"]
    assert "reporting" not in json.dumps(told)
    assert token not in json.dumps(told)


@pytest.mark.parametrize("role", ["requester", "agent", "admin", "auditor"])
async def test_it_does_what_it_carries_and_nothing_else(world: World, role: str) -> None:
    owner: Actor = getattr(world.acme, role)
    for granted in queries.grantable(owner):
        token, _ = await commands.issue(world.desk, owner, Wanted("x", frozenset({str(granted)}), 1))
        actor = await peek(world, token)
        assert {each for each in Permission if actor.may(each)} == {granted}


@pytest.mark.parametrize("role", ["requester", "agent", "admin", "auditor"])
async def test_nobody_gives_more_than_they_have(world: World, role: str) -> None:
    owner: Actor = getattr(world.acme, role)
    for permission in Permission:
        if permission not in queries.grantable(owner):
            with pytest.raises(BadRequest):
                await commands.issue(world.desk, owner, Wanted("x", frozenset({str(permission)}), 1))
    assert not set(queries.grantable(owner)) & NEVER_BY_TOKEN
    for odd in (frozenset[str](), frozenset({"thread.read", "everything"})):
        with pytest.raises(BadRequest):
            await commands.issue(world.desk, owner, Wanted("x", odd, 1))


async def test_a_role_change_narrows_it_at_once(world: World) -> None:
    wanted = Wanted("x", frozenset({"ticket.work", "thread.read"}), 1)
    token, _ = await commands.issue(world.desk, world.acme.agent, wanted)
    assert (await peek(world, token)).may(Permission.TICKET_WORK)
    connection = await world.superuser()
    await connection.execute("update app.member set role = 'requester' where member_id = $1", world.acme.agent.member)
    await connection.close()
    narrowed = await peek(world, token)
    assert not narrowed.may(Permission.TICKET_WORK)
    assert narrowed.may(Permission.THREAD_READ)
    assert set(GRANTS[narrowed.role]) >= {each for each in Permission if narrowed.may(each)}


async def test_a_deactivated_owner_has_no_token(world: World) -> None:
    token, _ = await commands.issue(world.desk, world.acme.agent, READ)
    connection = await world.superuser()
    await connection.execute("update app.member set active = false where member_id = $1", world.acme.agent.member)
    await connection.close()
    assert await world.desk.peek(token_hash(token)) is None


async def test_it_is_no_stronger_than_its_owner(world: World) -> None:
    """ASVS V6.3.3: where the organisation comes to ask for a second factor, an old token waits for it as its owner does."""
    agent = world.acme.agent
    token, _ = await commands.issue(world.desk, agent, READ)
    await set_sign_in_rules(world.desk, world.acme.admin, SignInRules((Role.AGENT,)), lambda _: None)
    with pytest.raises(FactorNeeded):
        (await peek(world, token)).demand(Permission.THREAD_READ)
    begun = await enrolment.begin_totp(world.desk, agent, VISIT)
    code = TOTP(begun.text).at(int(clock.now().timestamp()))
    await enrolment.add_totp(world.desk, agent, begun.challenge, code, "Phone", VISIT)
    # What the password alone had made has ended; a token of now is as strong as its owner is.
    assert await world.desk.peek(token_hash(token)) is None
    token, _ = await commands.issue(world.desk, agent, READ)
    (await peek(world, token)).demand(Permission.THREAD_READ)
    async with world.desk.read(agent) as work:
        (factor,) = (await account_queries.factors(work)).listed
    await account.remove_factor(world.desk, agent, factor.id)
    assert not (await peek(world, token)).may(Permission.THREAD_READ)


@pytest.mark.parametrize("by", ["end_others", "password"])
async def test_it_ends_where_all_else_ends(world: World, by: str) -> None:
    """ASVS V7.4.3: what somebody made in a stolen session is gone with it, in every organisation, on record; kept where that is asked."""
    agent, desk = world.acme.agent, world.desk
    person = NewPerson("agent@acme.test", "Agent", Role.AGENT, "unused words")
    await founding.add_person(desk, world.globex.org, person)
    elsewhere = await people.sign_in(desk, "agent@acme.test", PASSWORD, world.globex.org, VISIT)
    assert isinstance(elsewhere, Issued)
    made = [(await commands.issue(desk, each, READ))[0] for each in (agent, agent, elsewhere.actor)]

    async def alive() -> int:
        return sum([await desk.peek(token_hash(token)) is not None for token in made])

    if by == "end_others":
        assert (await account.end_other_sessions(desk, agent, VISIT, tokens=False)).tokens == 0
        assert await alive() == 3
        assert (await account.end_other_sessions(desk, agent, VISIT, tokens=True)).tokens == 3
    else:
        ended = await change_password(
            desk, agent, PASSWORD, "kettle and two cups", VISIT, end_others=True, end_tokens=True
        )
        assert ended.tokens == 3
    assert await alive() == 0
    told = [entry["type"] for entry in await entries(world, agent)]
    assert told == ["token.issued", "token.issued", "token.revoked", "token.revoked"]
    waiting = await (await desk.database.pool("desk_worker")).fetch("select * from sec.happenings(100)")
    assert (world.globex.org, "own_token") in {(row["org_id"], row["detail"]) for row in waiting}


async def test_it_ends_with_its_life(world: World) -> None:
    token, _ = await commands.issue(world.desk, world.acme.agent, Wanted("x", frozenset({"thread.read"}), 1))
    connection = await world.superuser()
    await connection.execute(
        "update sec.session set hard_until = now() - interval '1 second' where hash = $1", token_hash(token)
    )
    await connection.close()
    assert await world.desk.peek(token_hash(token)) is None


async def test_issuing_asks_for_a_confirmation_and_is_no_tokens_business(world: World) -> None:
    """ASVS V7.5.3: a session left open does not make itself permanent."""
    stale = replace(world.acme.admin, confirmed_at=clock.now() - timedelta(minutes=11))
    connection = await world.superuser()
    await connection.execute(
        "update sec.session set confirmed_at = now() - interval '11 minutes' where hash = $1", stale.session_hash
    )
    await connection.close()
    with pytest.raises(ConfirmFirst):
        await commands.issue(world.desk, stale, READ)
    token, _ = await commands.issue(world.desk, world.acme.agent, READ)
    with pytest.raises(NotPermitted):
        await commands.issue(world.desk, await peek(world, token), READ)


@pytest.mark.parametrize(("days", "name"), [(0, "x"), (366, "x"), (-1, "x"), (1, " "), (1, "a\nb")])
async def test_a_life_has_bounds_and_a_name_is_one_line(world: World, days: int, name: str) -> None:
    with pytest.raises(BadRequest):
        await commands.issue(world.desk, world.acme.agent, Wanted(name, frozenset({"thread.read"}), days))


async def test_admins_see_and_end_those_of_their_organisation_only(world: World) -> None:
    token, shown = await commands.issue(world.desk, world.acme.agent, READ)
    async with world.desk.read(world.acme.admin) as work:
        (seen,) = await queries.tokens_of_all(work)
    assert (seen.id, seen.owner, seen.member) == (shown.id, "Agent", world.acme.agent.member)
    async with world.desk.read(world.globex.admin) as work:
        assert await queries.tokens_of_all(work) == []
    for other in (world.globex.admin, world.globex.agent):
        with pytest.raises((OutsideReach, NotPermitted)):
            await commands.revoke_of_member(world.desk, other, shown.id)
    for other in (world.acme.stranger, world.acme.admin):
        with pytest.raises(OutsideReach):
            await commands.revoke(world.desk, other, shown.id)
    for other in (world.acme.agent, world.acme.auditor, world.acme.requester):
        with pytest.raises(NotPermitted):
            await commands.revoke_of_member(world.desk, other, shown.id)
        async with world.desk.read(other) as work:
            with pytest.raises(NotPermitted):
                await queries.tokens_of_all(work)
    assert await world.desk.peek(token_hash(token)) is not None
    await commands.revoke_of_member(world.desk, world.acme.admin, shown.id)
    assert await world.desk.peek(token_hash(token)) is None
    last = (await entries(world, world.acme.agent))[-1]
    assert (last["type"], last["body"]) == ("token.revoked", {"token": str(shown.id), "cause": "admin"})


async def test_a_repeat_makes_no_second_one(world: World) -> None:
    key = Key.of("POST /api/v1/account/tokens", "k" * 20, b"the same")
    await commands.issue(world.desk, world.acme.agent, READ, key)
    with pytest.raises(StateConflict):
        await commands.issue(world.desk, world.acme.agent, READ, key)
    async with world.desk.read(world.acme.agent) as work:
        assert len(await queries.own_tokens(work)) == 1


async def test_only_its_hash_is_stored(world: World) -> None:
    token, _ = await commands.issue(world.desk, world.acme.agent, READ)
    connection = await world.superuser()
    rows = await connection.fetch("select s::text as row from sec.session s where kind = 'token'")
    await connection.close()
    assert len(rows) == 1
    assert token not in rows[0]["row"]
    assert token[8:] not in rows[0]["row"]


def test_the_page_has_a_box_for_each_permission_that_a_token_may_have() -> None:
    fields = set(TokenForm.__struct_fields__) - {"name", "days"}
    wanted = {
        str(each).replace(".", "_") for role in set(Role) - {Role.SYSTEM} for each in GRANTS[role] - NEVER_BY_TOKEN
    }
    assert fields == wanted == {str(each).replace(".", "_") for each in LABELS}


def test_over_http(running_desk: RunningDesk) -> None:
    """Issue, use as a bearer token on API routes, see its last use, revoke; pages too."""
    (person,) = running_desk.populate("tokens", ("Tom", Role.AGENT))
    client = running_desk.client(person)
    asked = {"name": "sync", "permissions": ["thread.open", "thread.read"], "days": 7}
    made = client.act("POST", "/api/v1/account/tokens", json=asked)
    assert made.status_code == 201, made.text
    token, about = made.json()["token"], made.json()["about"]
    with Client(running_desk.base) as program:
        program.headers["authorization"] = f"Bearer {token}"
        document = {"subject": "From a program", "body": "Hello"}
        opened = program.post("/api/v1/tickets", json=document, headers={"idempotency-key": uuid4().hex})
        assert opened.status_code == 201, opened.text
        said = program.post(
            f"/api/v1/threads/{opened.json()['id']}/messages",
            json={"body": "x", "visibility": "public"},
            headers={"idempotency-key": uuid4().hex},
        )
        assert said.status_code == 403
        again = program.post("/api/v1/account/tokens", json=asked, headers={"idempotency-key": uuid4().hex})
        assert again.status_code == 403
        # A page of another site that got hold of it still has an Origin.
        foreign = program.post(
            "/api/v1/tickets", json=document, headers={"idempotency-key": uuid4().hex, "origin": "https://evil.example"}
        )
        assert foreign.status_code == 403
        with Client(running_desk.base) as browser:
            assert browser.get("/api/v1/session", headers={"cookie": f"__Host-sid={token}"}).status_code == 401
        (listed,) = client.get("/api/v1/account/tokens").json()
        assert listed["id"] == about["id"]
        assert token not in client.get("/account/tokens").text
        revoked = client.act("POST", f"/account/tokens/{about['id']}/revoke", data={"csrf": client.csrf})
        assert revoked.status_code == 303, revoked.text
        assert program.get("/api/v1/session").status_code == 401


def test_as_a_page(running_desk: RunningDesk) -> None:
    (person,) = running_desk.populate("tokens", ("Pia", Role.ADMIN))
    client = running_desk.client(person)
    client.headers["accept"] = "text/html"
    form = {"csrf": client.csrf, "idempotency_key": uuid4().hex, "name": "", "days": "30", "thread_read": "on"}
    refused = client.act("POST", "/account/tokens", data=form)
    assert refused.status_code == 400, refused.text
    assert 'role="alert"' in refused.text
    assert re.search(r'name="thread_read" value="on" checked', refused.text)
    made = client.act("POST", "/account/tokens", data={**form, "name": "<b>backup", "idempotency_key": uuid4().hex})
    assert made.status_code == 200
    (token,) = re.findall(r'id="made">(sdk_[A-Za-z0-9_-]{43})<', made.text)
    page = client.get("/account/tokens").text
    assert token not in page
    assert "&lt;b&gt;backup" in page
    assert "<b>backup" not in page
